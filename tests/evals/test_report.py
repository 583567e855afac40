"""What is shown of a run: its figures and wrong answers, in Markdown and HTML, and nothing that nobody ran."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from evals import records, report
from evals.records import Finding
from tests.evals.made_records import made_case, made_run

HOSTILE = "</pre><script>alert(1)</script> ```` <img src=https://example.org/x onerror=alert(1)> | *bold*"


class _Tags(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def test_the_committed_results_hold_the_figures_of_committed_records_and_nothing_else() -> None:
    text = report.RESULTS.read_text(encoding="utf-8")
    assert text == report.results(records.published()), "write it with `python -m evals publish`"
    assert not [run.model for run in records.published() if run.model == records.SCRIPTED or run.stopped or run.dirty]


def test_without_records_the_results_hold_no_table() -> None:
    text = report.results([])
    assert "No model was run yet" in text
    assert "|" not in text


def test_figures_are_by_kind_and_language_and_in_all() -> None:
    run = made_run(
        made_case("when_en_1"),
        made_case("when_en_2", "partly"),
        made_case("when_de_1", "wrong", language="de", cost=None),
        made_case("ordering_en_1", kind="ordering"),
    )
    rows = report.figures(run.cases)
    assert [(row.kind, row.language, row.right, row.partly, row.wrong) for row in rows] == [
        ("when", "en", 1, 1, 0),
        ("when", "de", 0, 0, 1),
        ("ordering", "en", 1, 0, 0),
        ("all", "", 2, 1, 1),
    ]
    assert rows[-1].cells == ("all", "", "4", "2", "1", "1", "1.0", "400", "4,200", "$0.7500", "2.0")
    assert rows[1].cost is None


def test_a_run_of_nothing_has_no_figures() -> None:
    assert report.figures([]) == []
    assert "<table>" in report.page([made_run()])


def test_a_scripted_run_says_what_it_is() -> None:
    run = made_run(made_case(), model="scripted")
    assert "no model was asked" in "\n".join(report.figures_lines(run))
    assert "no model was asked" in report.page([run])


def test_an_incomplete_run_and_one_of_changed_files_say_so() -> None:
    run = made_run(made_case(), stopped="It was interrupted.", dirty=True)
    for text in ("\n".join(report.figures_lines(run)), report.page([run])):
        assert "Incomplete: 1 of 2 conversations" in text
        assert "Files differed" in text


def test_the_results_name_model_date_commit_and_show_wrong_answers() -> None:
    text = report.results([made_run(made_case(), made_case("when_en_bad", "wrong", answer="On 11 June."))])
    assert "## made:up" in text
    assert "2026-06-15 10:00 UTC" in text
    assert "0123456789ab" in text
    assert "when_en_bad: wrong" in text
    assert "facts: it does not say" in text
    assert "On 11 June." in text
    assert "when_en_made_up: " not in text


def test_nothing_that_a_model_or_a_tool_wrote_ends_a_block_of_markdown() -> None:
    text = report.results([made_run(made_case("when_en_bad", "wrong", answer=HOSTILE, result=HOSTILE))])
    inside, fence, outside = False, "", []
    for line in text.splitlines():
        if not inside and (opened := re.fullmatch("(`{3,})text", line)):
            inside, fence = True, opened[1]
        elif inside and line == fence:
            inside = False
        elif not inside:
            outside.append(line)
    assert not inside
    assert "script" not in "\n".join(outside)
    assert HOSTILE in text


def test_nothing_that_a_model_or_a_tool_wrote_becomes_html() -> None:
    hostile = made_case(
        "when_en_bad", "wrong", answer=HOSTILE, result=HOSTILE, judge={"tone": Finding(passed=False, reason=HOSTILE)}
    )
    hostile = hostile.model_copy(update={"error": HOSTILE, "questions": [HOSTILE]})
    run = made_run(hostile, model=f"made:{HOSTILE}", stopped=HOSTILE)
    text = report.page([run], report.compare(run, run))
    tags = _Tags(text).found
    assert not [tag for tag, _ in tags if tag in {"script", "img", "link", "iframe"}]
    assert not [name for _, names in tags for name in names if name.startswith("on") or name in {"src", "href"}]
    assert "&lt;script&gt;" in text


def test_the_page_loads_nothing_and_can_be_used_with_a_keyboard() -> None:
    text = report.page([made_run(made_case(), made_case("when_en_bad", "wrong"))])
    assert "url(" not in text
    assert "@import" not in text
    assert "default-src 'none'" in text
    scrolled = [names for tag, names in _Tags(text).found if names.get("class") == "scroll" or tag == "pre"]
    assert scrolled
    assert all(names.get("tabindex") == "0" for names in scrolled)


def test_the_page_shows_every_transcript_with_what_failed() -> None:
    text = report.page([made_run(made_case(), made_case("when_en_bad", "partly"))])
    assert "when_en_made_up" in text
    assert "says: it does not say &#39;10 June&#39;" in text
    assert "get_meter_order(order_id=prdo_1)" in text
    assert text.count("Since when?") == 2


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "EOF"),
        ("[]", "it: Input should be an object"),
        ("\ufeff{", "no record of a run"),
        ('{"format": 2}', "format"),
        (json.dumps({"format": 1, "model": "x"}), "Field required"),
    ],
)
def test_a_malformed_record_is_told_with_its_field(text: str, told: str, tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=re.escape(told)):
        records.load(path)


def test_a_record_that_is_no_text_is_told(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match="no record of a run"):
        records.load(path)


def test_a_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    run = made_run(made_case(), made_case("when_en_bad", "wrong", answer=HOSTILE))
    assert records.load(records.save(run, tmp_path)) == run


def test_a_record_holds_no_value_of_a_secret_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_API_KEY", "sk-secret-4711")
    path = records.save(made_run(made_case(answer="The key is sk-secret-4711.")), tmp_path)
    assert "sk-secret-4711" not in path.read_text(encoding="utf-8")
    assert records.load(path).cases[0].run.answers == ["The key is <SOME_API_KEY>."]


def test_two_runs_of_one_second_keep_their_records(tmp_path: Path) -> None:
    run = made_run(made_case())
    first, second, third = (records.save(run, tmp_path) for _ in range(3))
    assert len({first, second, third}) == len(list(tmp_path.iterdir()))
    assert records.save(run, tmp_path, replace=True) == first
