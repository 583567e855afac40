"""Filters of lists: how they read on the wire, and whether an item matches them.

Upstream ignores a filter that it does not know and answers with the unfiltered list, without saying so. So a filter is
refused here where the pinned version does not document it, and every item that comes back is checked against it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain
from typing import Final, Literal

from pydantic import SecretStr

from nomos_mcp.client.errors import InvalidRequestError, UnsupportedVersionError
from nomos_mcp.client.http_messages import BATMAN, CHUCKY, CURIE, EDISON, ApiVersion
from nomos_mcp.client.ids import checked
from nomos_mcp.client.models import EmailAddress, NomosObject

MAX_EMAIL: Final = 254
"""Characters of an e-mail address at most (RFC 3696, erratum 1690)."""

Words = str | Iterable[str] | None
"""One value or several; None or empty for no filter."""


ORDER_FILTERS: dict[ApiVersion, frozenset[str]] = {
    CURIE: frozenset({"status", "customer", "subscription"}),
    EDISON: frozenset({"status", "product", "customer", "subscription", "created_at", "updated_at"}),
}
_ORDER_STATUSES: dict[ApiVersion, tuple[str, ...]] = {
    CURIE: (  # blocked is an overlay in curie, and no status
        "created",
        "placed",
        "check_submitted",
        "check_reviewed",
        "scheduled",
        "installed",
        "activated",
        "cancelled",
    ),
    EDISON: (
        "waiting",
        "intended",
        "ordered",
        "checked",
        "installation_planning",
        "installation_scheduled",
        "installation_waiting",
        "installation_finished",
        "installed",
        "pre_installed",
        "activated",
        "blocked",
        "blocked_wim",
        "cancelled",
    ),
}
"""Statuses that each version documents."""
SUBSCRIPTION_FILTERS: dict[ApiVersion, frozenset[str]] = {
    **dict.fromkeys((CURIE, EDISON, BATMAN), frozenset({"status", "customer", "plan", "created_at", "updated_at"})),
    CHUCKY: frozenset(),  # nothing published on it mentions filters
}
CUSTOMER_FILTERS: dict[ApiVersion, frozenset[str]] = {
    **dict.fromkeys((CURIE, EDISON), frozenset({"email"})),
    **dict.fromkeys((BATMAN, CHUCKY), frozenset()),  # filters came to all lists with edison
}


@dataclass(frozen=True, slots=True)
class Filter:
    """One condition: a field, named alike on the wire and on the model; one value, or several for `in`."""

    field: str
    operator: Literal["eq", "ne", "in", "gte", "lte"]
    values: tuple[str, ...] | tuple[datetime, ...] | tuple[EmailAddress]

    def parameter(self) -> tuple[str, str | SecretStr]:
        """Return name and value of the query parameter."""
        name = f"filter[{self.field}][{self.operator}]"
        texts = []
        for value in self.values:
            if isinstance(value, SecretStr):  # no longer equal to other spellings: those are other requests
                return name, SecretStr(value.get_secret_value())
            texts.append(value if isinstance(value, str) else value.isoformat().replace("+00:00", "Z"))
        return name, ",".join(texts)

    def matches(self, item: NomosObject) -> bool | None:
        """Whether an item matches; None if it does not say, as with a time that is missing or cannot be read."""
        value = getattr(item, self.field)
        if value is None:
            return None
        if self.operator == "gte":
            return bool(value >= self.values[0])
        if self.operator == "lte":
            return bool(value <= self.values[0])
        return (value in self.values) is not (self.operator == "ne")


def words(values: Words) -> tuple[str, ...]:
    """Return one value or several as a tuple, without empty ones."""
    several = (values,) if isinstance(values, str) else values or ()
    return tuple(value for value in several if value)


def one_of(field: str, values: Words) -> tuple[Filter, ...]:
    """Condition `field` is one of `values`; none without values. A comma separates values on the wire."""
    chosen = words(values)
    if any("," in value for value in chosen):
        raise InvalidRequestError(f"A value of the filter {field!r} holds a comma; pass several values as a list.")
    return (Filter(field, "eq" if len(chosen) == 1 else "in", chosen),) if chosen else ()


def none_of(field: str, values: Words) -> tuple[Filter, ...]:
    """Conditions `field` is none of `values`, each a parameter of its own."""
    return tuple(Filter(field, "ne", (value,)) for value in words(values))


def id_is(kind: str, values: Words) -> tuple[Filter, ...]:
    """Condition that the field named like a kind of ID holds one of these IDs; none without values."""
    return one_of(kind, [checked(value, kind) for value in words(values)])


def email_is(email: EmailAddress) -> tuple[Filter, ...]:
    """Condition that the field `email` holds this address. Its error does not quote it."""
    local, at, domain = email.get_secret_value().rpartition("@")
    is_one_line = (local + domain).isprintable()
    is_valid = all((local, at, domain, is_one_line, len(local + at + domain) <= MAX_EMAIL))
    del local, domain  # a traceback may be shown with its variables
    if is_valid:
        return (Filter("email", "eq", (email,)),)
    raise InvalidRequestError(
        f"That is not an e-mail address: one has an @ with text before and after it, and up to {MAX_EMAIL} characters."
    )


def between(field: str, after: datetime | None, before: datetime | None) -> tuple[Filter, ...]:
    """Conditions `after <= field <= before`, each only if given."""
    return (*_bound(field, "gte", after), *_bound(field, "lte", before))


def _bound(field: str, operator: Literal["gte", "lte"], moment: datetime | None) -> tuple[Filter, ...]:
    if moment is None:
        return ()
    if moment.tzinfo is None:
        raise InvalidRequestError(f"The filter {field!r} needs a time with a zone, such as 2026-05-27T00:00:00Z.")
    try:
        return (Filter(field, operator, (moment.astimezone(UTC),)),)
    except OverflowError:
        text = f"The filter {field!r} needs a time between the years 1 and 9999 in UTC."
        raise InvalidRequestError(text) from None


def require_documented(filters: Iterable[Filter], documented: frozenset[str], api_version: str) -> None:
    """Refuse a filter that the version does not document: upstream would ignore it and answer with everything."""
    unknown = sorted({condition.field for condition in filters} - documented)
    if unknown:
        raise UnsupportedVersionError(
            f"API version {api_version} cannot filter by {', '.join(unknown)}: it would ignore the filter and answer "
            f"with everything. It can filter by {', '.join(sorted(documented)) or 'nothing'}."
        )


def require_own_statuses(values: Iterable[str], api_version: ApiVersion) -> None:
    """Refuse statuses of another version. One that no version documents may be new, and passes."""
    own = _ORDER_STATUSES[api_version]
    foreign = sorted({*values} & {*chain(*_ORDER_STATUSES.values())} - {*own})
    if foreign:
        raise UnsupportedVersionError(
            f"{', '.join(foreign)}: not a status of API version {api_version}, but of another one. "
            f"Its statuses are {', '.join(own)}."
        )
