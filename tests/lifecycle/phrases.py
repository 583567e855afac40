"""What may not be said to a customer, and what has to be, as patterns in every language."""

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Phrase:
    """One thing that can be said, in each language."""

    name: str
    en: str
    de: str

    def found_in(self, text: str, language: str) -> str | None:
        """The words that say it, or None."""
        found = re.search({"en": self.en, "de": self.de}[language], text, re.IGNORECASE)
        return found and found[0]


# --- never, whatever the state ----------------------------------------------------------------------------------------

PROMISE = Phrase(
    "a promise",
    r"\b(guarantee|promise|soon|shortly|within|at the latest|tomorrow|next week|will contact|will be installed)",
    r"\b(garantier|versprech|bald|in Kürze|innerhalb|spätestens|demnächst|zeitnah|umgehend|morgen|nächste Woche)",
)
BLAME = Phrase(
    "blame on the customer",
    r"you (failed|forgot|missed|cancelled|delayed|did not (send|answer|confirm))|your fault|overdue|you are late",
    r"Sie haben [^.]*(versäumt|vergessen|verpasst|storniert|verzögert|nicht)|Ihre Schuld|in Verzug|überfällig",
)
HOURLY = Phrase("how often prices change", r"hour", r"stündlich|Stunde")
DISCONNECTION = Phrase("the word for a disconnection", r"disconnect|cut off", r"sperr")
PRESENT_OPERATOR = Phrase(
    # The term alone is today's operator to a customer; the partner is not. A change of operator is called by its name.
    "the meter operator instead of the partner",
    r"meter operator(?<!changing the meter operator)",
    r"(?<!Wechsel des )Messstellenbetreiber",
)
CONSUMPTION_DATA = Phrase(
    "that consumption goes to the grid operator",
    r"(its|your) (data|readings|consumption)",
    r"(seine|Ihre) (Daten|Mess)",
)
ALWAYS_FORBIDDEN = (PROMISE, BLAME, HOURLY, DISCONNECTION, PRESENT_OPERATOR)

# --- never in some states ---------------------------------------------------------------------------------------------

DYNAMIC = Phrase(
    "that prices can be dynamic",
    r"dynamic(?! prices are not possible so far)",
    r"dynamisch(?!e Preise sind deshalb noch nicht möglich)",
)
PHOTO = Phrase("a request for a photo or details", r"photo|picture|send (the|our)|details it needs", r"Foto|schicken")
CHECK = Phrase("that a check is to be done", r"photo|picture|smart meter check", r"Foto|Smart-Meter-Check")
REVIEW = Phrase("that it is reviewed at Nomos", r"our side|manual|approval", r"bei uns geprüft|manuell|Freigabe")
REQUEST = Phrase("a request to the customer", r"\bplease\b", r"\bbitte\b")
INSTALLED = Phrase("that the meter is in", r"(has been|is|was) installed", r"(ist|wurde) (schon )?eingebaut")
MISSED = Phrase("that somebody missed it", r"missed|did not come|no-show", r"verpasst|versäumt|nicht gekommen")
REORDER = Phrase("to order again", r"order (it |one )?again|reorder|new order", r"(noch einmal|erneut|neu) bestell")
REGRET = Phrase("regret", r"unfortunately|sorry|problem|wrong", r"leider|leid\b|Problem|schief")
ACCEPTED = Phrase("that an order exists", r"for ordering|order (has been|is) accepted", r"ist angenommen")
CONFIRMED = Phrase("that it is confirmed", r"confirmed", r"bestätigt")
WHO = Phrase(
    "whose turn it is",
    r"grid operator|you need to|please|partner",
    r"Netzbetreiber|müssen Sie|Sie müssen|bitte|Messstellenb",
)
TARGET = Phrase("the target", r"eight weeks", r"acht Wochen")

# --- has to be said in some states ------------------------------------------------------------------------------------

NOTHING_TO_DO = Phrase(
    "that there is nothing to do", r"nothing you need to do", r"müssen (Sie )?(im Moment )?nichts tun"
)
ON_HOLD = Phrase("that it is on hold", r"on hold", r"angehalten")
NOT_KNOWN_YET = Phrase(
    "that it has to be found out first", r"first have to (find out|look)", r"müssen erst|erst klären"
)
CANCELLED = Phrase("that it is cancelled", r"cancelled", r"storniert")
AT_HOME = Phrase("to be at home", r"at home", r"zu Hause")
CONFIRM = Phrase(
    "to confirm the date", r"please confirm it|please do so", r"bestätigen Sie ihn bitte|holen Sie das bitte nach"
)
KEEP_FREE = Phrase(
    "to keep the appointment free",
    r"keep (your appointment on [^.]*|any appointment agreed with you) free",
    r"halten Sie (außerdem )?(Ihren Termin \([^)]*\)|einen mit Ihnen vereinbarten Termin) frei",
)
IF_ASKED = Phrase("to send details if asked", r"if you are asked for details", r"falls Sie um Angaben gebeten werden")
GOOD_NEWS = Phrase("good news", r"good news", r"gute Nachricht")
NOT_ACTIVE = Phrase("that it is not active yet", r"not active yet", r"aktiv ist er noch nicht")
NOT_ORDERED = Phrase("that nothing is ordered", r"nothing has been ordered", r"nichts bestellt")
PAST_TARGET = Phrase("that the target has passed", r"past the target", r"Richtwert [^.]*überschritten")
AGREED = Phrase(
    "that an appointment is agreed",
    r"has been scheduled|is scheduled for",
    r"ist ein Termin vereinbart\.|Einbau Ihres Smart Meters: ",
)
NO_APPOINTMENT = Phrase("that no appointment is known", r"our records show no appointment", r"kein Datum")
ASKS_WHETHER = Phrase("a question", r"whether the installer came\?", r"zum Einbau da war\?")
