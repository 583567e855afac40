"""What counts as invented: dates, IDs, amounts and statuses that an answer has and nothing that was read."""

from datetime import date
from typing import Final

import pytest

from evals.facts import facts_of
from evals.invented import invented, mixed_up

MONDAY: Final = date(2026, 6, 15)
RESULT: Final = """{"order":{"id":"prdo_scheduled000000000000000","status":"check_reviewed"},
"timing":"Appointment 27 Jun 2026, 11:00 CEST (in 12 days). Ordered 16 May 2026 (30 days ago). Target from order to
installation: about eight weeks.","usage":"2100 kWh a year","number":"DEMO2289",
"escalation":"support@nomos.energy","returned":14}"""


def problems(answer: str, *sources: str, counts: frozenset[int] = frozenset(), definitions: str = "") -> list[str]:
    return list(invented(answer, sources or [RESULT], counts, MONDAY, definitions))


@pytest.mark.parametrize("text", ["27 June", "June 27th", "27. Juni", "27.06.", "27.6.", "am 27.06 um 11 Uhr"])
def test_a_date_needs_no_year(text: str) -> None:
    assert facts_of(f"Es ist {text}").days == {(None, 6, 27)}
    assert problems(f"Es ist {text}") == []


@pytest.mark.parametrize("text", ["28 June 2026", "27.07.2026", "27 June 2025", "2026-06-26", "26/06/2026", "28.6."])
def test_a_date_that_was_not_read_is_invented(text: str) -> None:
    assert problems(f"The appointment is on {text}")


@pytest.mark.parametrize(
    "text",
    ["11:00", "at 11 am", "at 11 a.m.", "um 11 Uhr", "um 11.00 Uhr", "11:00 am", "at 11 o'clock", "27.06. 11:00 Uhr"],
)
def test_a_time_is_found_in_every_spelling(text: str) -> None:
    assert facts_of(text).times == {"11:00"}
    assert problems(text) == []


def test_a_time_of_the_afternoon_is_not_that_of_the_morning() -> None:
    assert facts_of("at 2:30 pm, not at 2:30 am, nor at 12 pm or 12 am").times == {"14:30", "02:30", "12:00", "00:00"}
    assert problems("at 11 pm") == ["the time 23:00 was not read"]


def test_a_time_in_utc_may_be_told_by_the_clock_of_berlin() -> None:
    assert problems("On 27 June at 11:00.", "appointment 2026-06-27T09:00Z") == []
    assert problems("On 28 June at 00:30.", '"appointment_at":"2026-06-27T22:30:00Z"') == []


@pytest.mark.parametrize(
    "text",
    [
        "on Saturday, 27 June",
        "on 27 June, a Saturday",
        "am Samstag, den 27.06.2026",
        "27 June is a Saturday",
        "27.06.2026 (Samstag)",
        "Today is Monday.",
    ],
)
def test_the_weekday_of_a_date_may_be_named(text: str) -> None:
    assert problems(text) == []


@pytest.mark.parametrize(
    "text",
    ["on Friday, 27 June", "27 June is a Wednesday", "am Mittwoch, dem 27.06.2026", "Someone comes on Saturday."],
)
def test_a_wrong_weekday_is_invented_and_so_is_one_without_a_date_that_is_near(text: str) -> None:
    assert problems(text)


def test_a_weekday_without_a_date_is_that_of_a_date_that_was_read_and_is_near() -> None:
    assert problems("The installer comes on Wednesday.", "Appointment 17 Jun 2026") == []
    assert problems("It was blocked last Wednesday.", "blocked since 10 Jun 2026") == []


@pytest.mark.parametrize(
    ("answer", "source"),
    [
        ("It is tomorrow.", "16 Jun 2026"),
        ("Der Termin ist morgen.", "16.06.2026"),
        ("Der Termin ist übermorgen.", "17.06.2026"),
        ("It is the day after tomorrow.", "2026-06-17"),
        ("The installation is next week.", "27 Jun 2026"),
        ("Der Einbau ist nächste Woche.", "27.06.2026"),
        ("Es war gestern.", "14.06.2026"),
        ("It happened last week.", "10 Jun 2026"),
        ("Guten Morgen!", ""),
        ("Am Morgen kommt niemand.", ""),
        ("It will be next month.", "It will be next month, they said."),
    ],
)
def test_relative_words_are_right_where_a_date_falls_on_them(answer: str, source: str) -> None:
    assert problems(answer, source) == []


@pytest.mark.parametrize(
    "answer",
    [
        "It will be active tomorrow.",
        "Es geht nächste Woche weiter.",
        "Morgen geht es weiter.",
        "The registration comes next week.",
        "It will be active soon.",
        "Es geht bald weiter.",
        "You will hear from us shortly.",
        "It usually takes a few days.",
        "In den nächsten Tagen geht es weiter.",
        "Das dauert ein paar Tage.",
        "Das dauert nur wenige Wochen.",
        "The meter will be active within a week.",
        "It takes several weeks.",
    ],
)
def test_a_promise_without_a_number_is_invented(answer: str) -> None:
    assert problems(answer, "blocked since 6 Jun 2026 (9 days ago)")


@pytest.mark.parametrize(
    "answer",
    [
        "Please send it as soon as possible.",
        "Bitte schicken Sie es so bald wie möglich.",
        "Sobald es da ist, geht es weiter.",
        "I cannot say how soon.",
        "It was blocked a few days ago.",
        "Seit einigen Tagen angehalten.",
    ],
)
def test_words_that_only_resemble_a_promise_are_none(answer: str) -> None:
    assert problems(answer, "blocked since 6 Jun 2026") == []


@pytest.mark.parametrize(
    "answer",
    [
        "in 12 days",
        "in zwölf Tagen",
        "in twelve days",
        "12 Tage",
        "30 days ago",
        "vor 30 Tagen",
        "seit 30 Tagen",
        "about four weeks ago",
        "seit gut vier Wochen",
        "ordered a month ago, about 1 month ago",
        "about eight weeks",
        "etwa acht Wochen",
        "within about eight weeks of the order",
        "56 days",
        "2100 kWh",
        "2,100 kWh",
        "2.100 kWh im Jahr",
    ],
)
def test_amounts_that_were_read_or_can_be_counted_are_not_invented(answer: str) -> None:
    assert problems(answer) == []


@pytest.mark.parametrize(
    "answer",
    [
        "in 30 days",
        "in 13 days",
        "innerhalb von fünf Tagen",
        "within 12 hours",
        "12 days ago",
        "2-3 weeks",
        "two to three weeks",
        "zehn Werktage",
        "12 working days",
        "8 months",
        "2200 kWh",
        "30 euros",
        "12 %",
        "in 14 days",
    ],
)
def test_amounts_that_were_not_read_are_invented(answer: str) -> None:
    assert problems(answer)


def test_days_between_two_dates_of_the_answer_may_be_counted() -> None:
    assert problems("Ordered on 16 May, the installation is on 27 June: 42 days.") == []
    assert problems("It takes 42 days.") == ["the amount 42.0 day 0 was not read"]


def test_counts_may_be_told_in_digits_and_in_words() -> None:
    assert problems("14 orders are blocked; fourteen, vierzehn.") == []
    assert problems("Seven orders are blocked.") == ["the number 7.0 was not read"]
    assert problems("13 Bestellungen sind angehalten.") == ["the number 13.0 was not read"]
    assert problems("Seven orders are blocked.", counts=frozenset({7})) == []


@pytest.mark.parametrize(
    "answer", ["1. First\n2. Second\n3. Third", "**1.** So\n**2.** So", "(1) this, (2) that, (3)  x"]
)
def test_numbers_of_a_list_are_no_facts(answer: str) -> None:
    assert problems(answer, "") == []


@pytest.mark.parametrize(
    "answer", ["prdo_scheduled000000000000001", "sub_scheduled000000000000000", "prdo_scheduled…", "DEMO2288"]
)
def test_an_id_that_was_not_read_is_invented(answer: str) -> None:
    assert [problem.split()[1] for problem in problems(f"The order {answer}.")] == ["ID"]


def test_an_id_and_a_contract_number_that_were_read_are_not() -> None:
    assert problems("`prdo_scheduled000000000000000` (**DEMO2289**), status `check_reviewed`.") == []


def test_a_status_that_was_not_read_is_invented_and_everyday_words_only_where_they_are_quoted() -> None:
    assert problems("Its status is check_submitted.") == ["the status check_submitted was not read"]
    assert problems("Its status is `activated`.") == ["the status activated was not read"]
    assert problems("Soll er installed sein? Once it is activated, prices change.") == []


def test_addresses_must_have_been_read() -> None:
    assert problems("Write to support@nomos.energy.") == []
    assert problems("Write to help@nomos.energy.") == ["the address help@nomos.energy was not read"]
    assert problems("See https://nomos.energy/faq for more.") == ["the address https://nomos.energy/faq was not read"]


def test_what_the_server_says_of_itself_was_read_too_but_not_its_numbers() -> None:
    definitions = "about eight weeks is a target; support@nomos.energy; default 20; check_missing"
    assert problems("About eight weeks; support@nomos.energy.", "", definitions=definitions) == []
    assert problems("20 orders, `check_missing`.", "", definitions=definitions) == [
        "the status check_missing was not read",
        "the number 20.0 was not read",
    ]


@pytest.mark.parametrize("text", ["in July", "im Juli", "Ende Juli", "July 2026", "probably July", "kommenden Juli"])
def test_a_month_that_was_not_read_is_invented(text: str) -> None:
    assert problems(text) == ["the month 7 was not read"]


@pytest.mark.parametrize("text", ["It may take a while.", "May I ask?", "in June", "im Mai", "We march on."])
def test_a_month_that_was_read_and_a_word_that_looks_like_one_are_not(text: str) -> None:
    assert problems(text) == []


def test_a_month_of_the_question_begins_on_its_first_day() -> None:
    assert problems("Seven since 1 May.", "How many in May?", "7") == []
    assert problems("Seven since 2 May.", "How many in May?", "7") == ["the date 5 2 was not read"]


def test_what_the_question_says_may_be_said_again() -> None:
    assert problems("No, it is not active since 3 May.", "Is it active since 3 May?") == []


@pytest.mark.parametrize(
    "text", ["Das ist keine 1:1-Zuordnung.", "They do not map 1:1.", "There is no 1-to-1 mapping."]
)
def test_one_to_one_is_no_number(text: str) -> None:
    assert not problems(text)


def test_a_status_may_be_quoted_where_a_result_names_it_without_quotes() -> None:
    assert problems("From `created` to `placed`.", "prdo_1 cus_1: created → placed; 13 Jun") == []
    assert problems("It is `installed`.", "prdo_installed0000: created → placed") == [
        "the status installed was not read"
    ]


def test_what_an_answer_lists_itself_may_be_counted() -> None:
    ids = "sub_1 sub_2 sub_3 sub_4"
    assert problems("Three appointments: sub_1, sub_2 and sub_3.", ids) == []
    assert problems("Three appointments: sub_1 and sub_2.", ids) == ["the number 3.0 was not read"]


CHANGES: Final = """{"changes":["prdo_1 cus_1: placed → cancelled: customer_request; 5 Jun",
"prdo_2 cus_2: placed → cancelled: pre_existing; 3 Jun"],"total":2}"""


@pytest.mark.parametrize(
    "answer",
    [
        "prdo_1 on 5 June (`customer_request`), prdo_2 on 3 June (`pre_existing`)",
        "- 5 June: prdo_1\n- 3 June: prdo_2",
        "Since 3 June, prdo_1 and prdo_2 were cancelled.",
        "Today, 15 June: prdo_1",
        "prdo_1 is not `pre_existing`.",
        "prdo_1 was cancelled. The other one was on 3 June.",
    ],
)
def test_what_stands_beside_an_order_may_be_its_own(answer: str) -> None:
    assert list(mixed_up(answer, [CHANGES], "?", MONDAY)) == []


@pytest.mark.parametrize(
    "answer", ["prdo_1 on 3 June, prdo_2 on 5 June", "3 June: prdo_1 and prdo_2", "prdo_1 (`pre_existing`)"]
)
def test_what_stands_beside_an_order_must_not_be_anothers(answer: str) -> None:
    assert list(mixed_up(answer, [CHANGES], "?", MONDAY))


def test_objects_of_a_list_are_told_apart() -> None:
    orders = '{"orders":[{"id":"prdo_1","for":"17 Jun 2026"},{"id":"prdo_2","for":"19 Jun 2026"}]}'
    assert list(mixed_up("17 June: prdo_2", [orders], "?", MONDAY)) == ["the date 6 17 was not read of prdo_2"]
    assert list(mixed_up("17 June: prdo_2", ["no JSON of prdo_1 and prdo_2"], "?", MONDAY)) == []
