"""The table: an order's state, and what is expected of its explanation. Each row is a sentence."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Final

from nomos_mcp.lifecycle import CURIE, EDISON, ApiVersion, OrderState
from tests.lifecycle.phrases import (
    ACCEPTED,
    AGREED,
    ASKS_WHETHER,
    AT_HOME,
    CANCELLED,
    CHECK,
    CONFIRM,
    CONFIRMED,
    CONSUMPTION_DATA,
    DYNAMIC,
    GOOD_NEWS,
    IF_ASKED,
    INSTALLED,
    KEEP_FREE,
    MISSED,
    NO_APPOINTMENT,
    NOT_ACTIVE,
    NOT_KNOWN_YET,
    NOT_ORDERED,
    NOTHING_TO_DO,
    ON_HOLD,
    PAST_TARGET,
    PHOTO,
    REGRET,
    REORDER,
    REQUEST,
    REVIEW,
    TARGET,
    WHO,
    Phrase,
)

NOW: Final = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
ORDERED: Final = datetime(2026, 11, 10, 9, 30, tzinfo=UTC)
LONG_AGO: Final = datetime(2026, 9, 1, 9, 30, tzinfo=UTC)
EARLIER: Final = datetime(2026, 11, 16, 9, 30, tzinfo=UTC)
LATER: Final = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class Row:
    """One state and what is expected of its explanation.

    Attributes:
        says: the row as a sentence.
        acts: whether the customer can do something now.
        known: whether we know what the state means.
        always: what the customer has to be told.
        never: what the customer must not be told, beyond what may never be said.
    """

    says: str
    version: ApiVersion
    status: str
    fields: Mapping[str, Any] = field(default_factory=dict)
    waiting_on: str
    outcome: str = "open"
    acts: bool = False
    known: bool = True
    always: tuple[Phrase, ...]
    never: tuple[Phrase, ...]

    @property
    def state(self) -> OrderState:
        """The order."""
        complete: dict[str, Any] = {"created_at": ORDERED, **self.fields}
        return OrderState(api_version=self.version, status=self.status, **complete)


def _curie(says: str, status: str, waiting_on: str, outcome: str = "open", **rest: Any) -> Row:
    return Row(says=says, version=CURIE, status=status, waiting_on=waiting_on, outcome=outcome, **rest)


def _edison(says: str, status: str, waiting_on: str, outcome: str = "open", **rest: Any) -> Row:
    return Row(says=says, version=EDISON, status=status, waiting_on=waiting_on, outcome=outcome, **rest)


PARTNER: Final = "installation_partner"
CHECK_MISSING: Final = {"blocked_reason": "check_missing", "blocked_at": EARLIER}
GRID: Final = {"blocked_reason": "grid_operator_registration", "blocked_at": EARLIER}
NEW_REASON: Final = {"blocked_reason": "roof_missing", "blocked_at": EARLIER}
NO_REASON: Final = {"blocked_at": EARLIER}

UNREADABLE: Final = {"unreadable": {"appointment_at": "17 June, 10am"}}

PLAIN: Final = (
    _curie("A created order waits for Nomos and asks nothing of the customer.", "created", "nomos",
           always=(NOTHING_TO_DO,), never=(DYNAMIC, CHECK, REQUEST)),
    _curie("A placed order waits for the customer's details.", "placed", "customer",
           acts=True, always=(CHECK,), never=(DYNAMIC, REVIEW, CONFIRMED)),
    _curie("A submitted check is the partner's to review, and nothing is certain yet.", "check_submitted", PARTNER,
           always=(NOTHING_TO_DO,), never=(DYNAMIC, REQUEST, CONFIRMED, INSTALLED)),
    _curie("A reviewed check leads to an appointment that the customer confirms.", "check_reviewed", PARTNER,
           acts=True, always=(GOOD_NEWS,), never=(DYNAMIC, INSTALLED)),
    _curie("A scheduled order without its appointment names no date and asks whether there is one.", "scheduled",
           PARTNER, acts=True, always=(NO_APPOINTMENT,), never=(DYNAMIC, CHECK, INSTALLED, AT_HOME, AGREED)),
    _curie("A scheduled order names its appointment and holds out no target beside it.", "scheduled", PARTNER,
           fields={"appointment_at": LATER}, acts=True, always=(AT_HOME,), never=(DYNAMIC, CHECK, INSTALLED, TARGET)),
    _curie("An appointment under a block names no target, and is kept free until it is clear whether it stands.",
           "scheduled", "grid_operator", fields={**GRID, "appointment_at": LATER}, acts=True,
           always=(ON_HOLD, KEEP_FREE), never=(DYNAMIC, NOTHING_TO_DO, TARGET)),
    _curie("A missing check over an appointment contradicts it, so no photo is asked for.", "scheduled", "unknown",
           fields={**CHECK_MISSING, "appointment_at": LATER}, known=False, acts=True, always=(ON_HOLD, KEEP_FREE),
           never=(DYNAMIC, REVIEW, PHOTO, NOTHING_TO_DO, TARGET)),
    _curie("A missing check is the customer's turn beside an appointment too.", "placed", "customer",
           fields={**CHECK_MISSING, "appointment_at": LATER}, acts=True, always=(CHECK, KEEP_FREE),
           never=(DYNAMIC, REVIEW, NOTHING_TO_DO, TARGET)),
    _curie("An appointment that comes before the status says so is told all the same.", "check_submitted", PARTNER,
           fields={"appointment_at": LATER}, acts=True, always=(AT_HOME,), never=(DYNAMIC, NOTHING_TO_DO, TARGET)),
    *(
        _curie(f"An appointment of a {status} order whose date cannot be read is kept free.", status, waiting_on,
               fields=UNREADABLE, acts=True, always=(KEEP_FREE,), never=(DYNAMIC, NOTHING_TO_DO, INSTALLED, TARGET))
        for status, waiting_on in (("created", "nomos"), ("placed", "customer"), ("scheduled", PARTNER))
    ),
    *(
        _curie(f"An appointment whose date cannot be read is kept free over {status} under a block too.", status,
               "grid_operator", fields={**GRID, **UNREADABLE}, acts=True, always=(ON_HOLD, KEEP_FREE),
               never=(DYNAMIC, NOTHING_TO_DO, TARGET))
        for status in ("created", "scheduled", "installed")
    ),
    _curie("An appointment after the installation whose date cannot be read is not passed over.", "installed",
           "unknown", fields={"installed_at": EARLIER, **UNREADABLE}, known=False, always=(NOT_KNOWN_YET,),
           never=(DYNAMIC, NOTHING_TO_DO, TARGET)),
    _curie("An appointment after the installation is not passed over.", "installed", "unknown",
           fields={"installed_at": EARLIER, "appointment_at": LATER}, known=False, always=(NOT_KNOWN_YET,),
           never=(DYNAMIC, NOTHING_TO_DO, TARGET)),
    _curie("An installation that the status does not tell of is not guessed at.", "placed", "unknown",
           fields={"installed_at": EARLIER}, known=False, always=(NOT_KNOWN_YET,),
           never=(DYNAMIC, PHOTO, NOTHING_TO_DO, TARGET)),
    _curie("An activation that the status does not tell of is not guessed at.", "installed", "unknown",
           fields={"installed_at": EARLIER, "activated_at": EARLIER}, known=False, always=(NOT_KNOWN_YET,),
           never=(DYNAMIC, NOT_ACTIVE, NOTHING_TO_DO)),
    _curie("A cancellation that the status does not tell of is not guessed at.", "scheduled", "unknown",
           fields={"cancelled_at": EARLIER, "appointment_at": LATER}, known=False, always=(NOT_KNOWN_YET,),
           never=(DYNAMIC, AT_HOME, NOTHING_TO_DO, TARGET)),
    _curie("A missing check is not asked for where the meter is in, whatever the status.", "placed", "unknown",
           fields={**CHECK_MISSING, "installed_at": EARLIER}, known=False, always=(ON_HOLD, NOT_KNOWN_YET),
           never=(DYNAMIC, PHOTO, NOTHING_TO_DO)),
    _curie("An appointment that has passed is asked about.", "scheduled", "unknown",
           fields={"appointment_at": EARLIER}, known=False, acts=True, always=(ASKS_WHETHER,),
           never=(DYNAMIC, INSTALLED, MISSED)),
    _curie("An installed meter is good news and not active yet.", "installed", PARTNER,
           fields={"installed_at": EARLIER}, always=(GOOD_NEWS, NOT_ACTIVE, NOTHING_TO_DO),
           never=(DYNAMIC, REQUEST, TARGET)),
    _curie("An installed meter without its date is still not active.", "installed", PARTNER,
           always=(NOT_ACTIVE,), never=(DYNAMIC, REQUEST, TARGET)),
    _curie("An active meter makes dynamic prices possible.", "activated", "nobody", "success",
           fields={"activated_at": EARLIER}, always=(GOOD_NEWS, DYNAMIC), never=(REQUEST, TARGET)),
    _curie("An active meter without its date is active all the same.", "activated", "nobody", "success",
           always=(GOOD_NEWS, DYNAMIC), never=(REQUEST, TARGET)),
    _curie("A block left on an active order holds nothing up.", "activated", "nobody", "success",
           fields={"activated_at": EARLIER, **CHECK_MISSING}, always=(DYNAMIC,), never=(CHECK, REQUEST)),
    _curie("A block by the grid operator left on an active order holds nothing up.", "activated", "nobody", "success",
           fields={"activated_at": EARLIER, **GRID}, always=(DYNAMIC,), never=(REQUEST, TARGET)),
    _curie("A cancelled order is over and not to be ordered again.", "cancelled", "nobody", "cancelled",
           fields={"cancelled_at": EARLIER}, always=(CANCELLED,), never=(DYNAMIC, REORDER, TARGET)),
    _curie("A meter that was there already is good news.", "cancelled", "nobody", "cancelled",
           fields={"cancelled_reason": "pre_existing"}, always=(GOOD_NEWS,), never=(DYNAMIC, REGRET, REORDER)),
    _curie("An appointment left on a cancelled order is no reason to say that there is nothing to do.", "cancelled",
           "nobody", "cancelled", fields={"cancelled_reason": "pre_existing", "appointment_at": LATER},
           always=(GOOD_NEWS,), never=(DYNAMIC, NOTHING_TO_DO, REORDER)),
    _curie("An order cancelled on request may have been cancelled by anybody.", "cancelled", "nobody", "cancelled",
           fields={"cancelled_reason": "customer_request"}, always=(CANCELLED,), never=(DYNAMIC, REORDER, REGRET)),
    _curie("A reason of cancelling that is new to us is not interpreted.", "cancelled", "nobody", "cancelled",
           fields={"cancelled_reason": "moved_away"}, always=(CANCELLED,),
           never=(DYNAMIC, REORDER, GOOD_NEWS)),
    _curie("A block left on a cancelled order asks nothing of anybody.", "cancelled", "nobody", "cancelled",
           fields={"cancelled_reason": "customer_request", **GRID}, always=(CANCELLED,),
           never=(DYNAMIC, REORDER, TARGET)),
    _curie("A missing check left on a cancelled order is not asked for.", "cancelled", "nobody", "cancelled",
           fields={"cancelled_reason": "pre_existing", **CHECK_MISSING}, always=(GOOD_NEWS,), never=(CHECK, REORDER)),
    _curie("A status that is new to us tells nothing about whose turn it is.", "teleported", "unknown", "unknown",
           known=False, always=(NOT_KNOWN_YET,), never=(DYNAMIC, WHO, TARGET, NOTHING_TO_DO)),
    _curie("A missing check over a status that is new to us is still the customer's.", "teleported", "customer",
           "unknown", fields=CHECK_MISSING, acts=True, always=(CHECK,), never=(DYNAMIC, REVIEW, TARGET)),
    _curie("The grid operator's turn over a status that is new to us is still waiting.", "teleported",
           "grid_operator", "unknown", fields=GRID, always=(NOTHING_TO_DO,), never=(DYNAMIC, REQUEST)),
    _curie("An appointment over a status that is new to us is kept free under a block.", "teleported",
           "grid_operator", "unknown", fields={**GRID, "appointment_at": LATER}, acts=True,
           always=(KEEP_FREE,), never=(DYNAMIC, NOTHING_TO_DO)),
    _edison("Interest is no order yet.", "intended", "customer",
            acts=True, always=(NOT_ORDERED,), never=(DYNAMIC, ACCEPTED, TARGET)),
    _edison("A waiting order is Nomos's to hand over, and may want details.", "waiting", "nomos",
            acts=True, always=(IF_ASKED,), never=(DYNAMIC, REVIEW, NOTHING_TO_DO)),
    _edison("An order with the partner asks for no check that it does not show.", "ordered", PARTNER,
            acts=True, always=(IF_ASKED,), never=(DYNAMIC, REVIEW, INSTALLED, NOTHING_TO_DO)),
    _edison("A checked order leads to an appointment that the customer confirms.", "checked", PARTNER,
            acts=True, always=(GOOD_NEWS,), never=(DYNAMIC, INSTALLED)),
    _edison("A planned installation may need a date confirmed.", "installation_planning", PARTNER,
            acts=True, always=(CONFIRM,), never=(DYNAMIC, CHECK, INSTALLED)),
    _edison("A scheduled installation names no date, for edison carries none.", "installation_scheduled", PARTNER,
            acts=True, always=(CONFIRM, AT_HOME), never=(DYNAMIC, CHECK, INSTALLED)),
    _edison("A confirmed date is waited for at home.", "installation_waiting", PARTNER,
            acts=True, always=(AT_HOME,), never=(DYNAMIC, CHECK, INSTALLED)),
    _edison("A finished installation goes to the grid operator and is not active yet.", "installation_finished",
            "grid_operator", always=(GOOD_NEWS, NOT_ACTIVE, NOTHING_TO_DO),
            never=(DYNAMIC, REQUEST, TARGET, CONSUMPTION_DATA)),
    _edison("An installed meter is not active yet in edison either.", "installed", PARTNER,
            always=(GOOD_NEWS, NOT_ACTIVE, NOTHING_TO_DO), never=(DYNAMIC, REQUEST, TARGET)),
    _edison("An active meter makes dynamic prices possible in edison too.", "activated", "nobody", "success",
            always=(GOOD_NEWS, DYNAMIC), never=(REQUEST, TARGET)),
    _edison("A meter that was there already is good news in edison too.", "pre_installed", "nobody", "success",
            always=(GOOD_NEWS, NOTHING_TO_DO), never=(DYNAMIC, REGRET, REORDER)),
    _edison("A manual review is Nomos's turn and never a missing check.", "blocked", "nomos",
            always=(NOTHING_TO_DO,), never=(DYNAMIC, CHECK, REQUEST, TARGET)),
    _edison("An order held in the change of meter operator waits for the grid operator.", "blocked_wim",
            "grid_operator", always=(NOTHING_TO_DO,), never=(DYNAMIC, CHECK, REQUEST, REVIEW, TARGET)),
    _edison("A cancelled order names no reason, for edison carries none.", "cancelled", "nobody", "cancelled",
            always=(CANCELLED,), never=(DYNAMIC, REORDER, GOOD_NEWS, TARGET)),
    _edison("A status that is new to us is not guessed at in edison either.", "teleported", "unknown", "unknown",
            known=False, always=(NOT_KNOWN_YET,), never=(DYNAMIC, WHO, TARGET, NOTHING_TO_DO)),
)  # fmt: skip

BEFORE_REVIEW: Final = ("created", "placed", "check_submitted")
FROM_REVIEW_ON: Final = ("check_reviewed", "scheduled", "installed")

OVERLAID: Final = (
    *(
        _curie(f"A missing check over {status} is the customer's turn.", status, "customer",
               fields=CHECK_MISSING, acts=True, always=(CHECK, ON_HOLD), never=(DYNAMIC, REVIEW, NOTHING_TO_DO))
        for status in BEFORE_REVIEW
    ),
    *(
        _curie(f"A missing check over {status} contradicts it, so no photo is asked for.", status, "unknown",
               fields=CHECK_MISSING, known=False, always=(ON_HOLD, NOT_KNOWN_YET),
               never=(DYNAMIC, REQUEST, PHOTO, REVIEW, NOTHING_TO_DO))
        for status in FROM_REVIEW_ON
    ),
    *(
        row
        for status in (*BEFORE_REVIEW, *FROM_REVIEW_ON)
        for row in (
            _curie(f"A pending registration over {status} is the grid operator's turn: the customer can only wait.",
                   status, "grid_operator", fields=GRID, always=(NOTHING_TO_DO, ON_HOLD),
                   never=(DYNAMIC, REQUEST, REVIEW)),
            _curie(f"A reason that is new to us over {status} is not interpreted.", status, "unknown",
                   fields=NEW_REASON, known=False, always=(ON_HOLD, NOT_KNOWN_YET),
                   never=(DYNAMIC, REQUEST, REVIEW, NOTHING_TO_DO)),
            _curie(f"A block without a reason over {status} is nobody's fault.", status, "unknown",
                   fields=NO_REASON, known=False, always=(ON_HOLD, NOT_KNOWN_YET),
                   never=(DYNAMIC, REQUEST, REVIEW, NOTHING_TO_DO)),
        )
    ),
)  # fmt: skip

_NO_TARGET: Final = (
    "installed",
    "activated",
    "cancelled",
    "teleported",
    "intended",
    "installation_finished",
    "pre_installed",
)


def _late(row: Row) -> Row:
    says = f"{row.says.removesuffix('.')}, and eight weeks later too."
    late = replace(row, says=says, fields={**row.fields, "created_at": LONG_AGO})
    if row.status in _NO_TARGET or {"installed_at", "cancelled_at"} & row.fields.keys():
        return replace(late, never=(*row.never, PAST_TARGET))
    allowed = tuple(phrase for phrase in row.never if phrase is not TARGET)
    return replace(late, always=(*row.always, PAST_TARGET), never=allowed)


STATES: Final = (*PLAIN, *OVERLAID, *map(_late, (*PLAIN, *OVERLAID)))
