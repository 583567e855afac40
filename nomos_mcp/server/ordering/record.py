"""The record of attempts to order: what goes into it, and what each kind of record can do.

Two exist: `audit_log`, a file or stderr alone and the memory of one process, and `shared_record`, a table that all
processes on all machines share.
"""

import json
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Final, Protocol

_MAX_FIELD: Final = 72


class RecordError(Exception):
    """The record cannot be written or read now, so nothing may be ordered. The text says why, for operators."""


class CodeUsedError(Exception):
    """The confirmation code was used for an order before, wherever that was."""


class EarlierAttemptError(Exception):
    """Another attempt at the subscription was sent since the last look."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One attempt.

    Attributes:
        time: When it began, UTC, ISO 8601.
        decision: `yes`, `no`, or `none` if no answer came: the client was not asked, or closed the question. What the
            client answered: whether a person did is not known.
        confirmed: How a yes is known: `elicitation`, `code`, `trusted`, or empty.
        outcome: `begun`, then the outcome of the call, or `cancelled` if it was given up and nothing was sent.
        reason: Why, for a refusal, a question without a yes, or an unknown outcome.
        made_by: For an order: `this_call`, or `unknown` if the answer was lost.
        request_id: Upstream's.
        organisation: Whose attempt this is, where one deployment serves several.
    """

    time: str
    caller: str
    subscription: str
    decision: str = "none"
    confirmed: str = ""
    outcome: str = "begun"
    reason: str = ""
    made_by: str = ""
    order: str = ""
    request_id: str = ""
    organisation: str = ""

    def line(self) -> str:
        fields = {name: _bounded(value) for name, value in asdict(self).items() if value}
        return json.dumps(fields, separators=(",", ":"))


def _bounded(value: str) -> str:
    """Cut a value to `_MAX_FIELD` characters as JSON writes it, where one that is not ASCII takes up to twelve."""
    value = value[:_MAX_FIELD]
    while len(json.dumps(value)) > _MAX_FIELD + len('""'):
        value = value[:-1]
    return value


@dataclass(frozen=True, slots=True)
class Earlier:
    """What was sent for a subscription before.

    Attributes:
        sent: How many attempts were about to be sent, or were sent.
        open_since: When the one was sent whose outcome is not known; None if there is none.
    """

    sent: int = 0
    open_since: datetime | None = None


class Attempt(Protocol):
    """One attempt, begun and not yet completed."""

    async def sending(self, code: str, earlier: Earlier) -> None:
        """Record that the order is about to leave. If this raises, nothing may be sent.

        Args:
            code: What tells the confirmation code from all others; empty without one.
            earlier: What was known to be sent before the last look upstream.

        Raises:
            CodeUsedError: The code was used before.
            EarlierAttemptError: More than `earlier` was sent meanwhile.
            RecordError: The record cannot be written.
        """

    async def complete(self, **outcome: str) -> None:
        """Record the outcome, fields of `Entry`. What was ordered is ordered: this never fails, but says so."""


class OrderRecord(Protocol):
    @property
    def is_shared(self) -> bool:
        """Whether all processes that order have this record together."""

    async def begin(self, entry: Entry) -> Attempt:
        """Record an attempt that begins.

        Raises:
            RecordError: The record cannot be written, which stderr says.
        """

    async def earlier(self, subscription_id: str) -> Earlier:
        """Return what was sent for a subscription before.

        Raises:
            RecordError: The record cannot be read.
        """
