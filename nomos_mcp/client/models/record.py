"""What all records share: frozen, lenient about what is new, and readable even with a time that is not."""

from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, date, datetime
from functools import partial
from typing import Annotated, ClassVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from nomos_mcp.client.answers import cleaned
from nomos_mcp.client.constants import MAX_WORD
from nomos_mcp.client.ids import UNREADABLE, is_well_formed


def _own_id(value: str) -> str:
    if not is_well_formed(value):
        raise ValueError("an ID holds letters and digits")
    return value


def _readable(value: str) -> str:
    return value if is_well_formed(value) else UNREADABLE


def id_of(value: object) -> object:
    """Return the ID of a related object: some answers carry that, others the whole object."""
    return value.get("id") if isinstance(value, Mapping) else value


Word = Annotated[str, AfterValidator(partial(cleaned, limit=MAX_WORD))]
"""A value of an enumeration, kept as it came even if it is new; only one too long for any word is cut."""

Identifier = Annotated[str, AfterValidator(_own_id)]
"""The ID of the record itself. A malformed one breaks the record: it could not be asked for, or told from another."""

Reference = Annotated[str, BeforeValidator(id_of), AfterValidator(_readable)]
"""The ID of a related object, whichever way upstream sent it; `(unreadable)` if it is malformed."""


def parsed_time(value: object) -> datetime:
    """Parse a time of the wire into an aware UTC datetime. A time without a zone is UTC, as all times on the wire are.

    Raises:
        ValueError: It is no ISO 8601 date and time.
    """
    if isinstance(value, datetime):
        moment = value
    elif isinstance(value, str):
        moment = datetime.fromisoformat(value)
    else:
        raise ValueError("a time is a string")  # noqa: TRY004  pydantic and the caller expect ValueError
    try:
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("the time is out of range") from None


class Record(BaseModel):
    """A record of the API.

    Attributes:
        unreadable: Times that could not be parsed, field name to upstream's text; the field itself is then None.
        date_only: Times of which upstream gave the day and no time of day, field name to day; the field itself is then
            midnight UTC of that day, which nobody said.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", defer_build=True)
    times: ClassVar[tuple[str, ...]] = ()

    unreadable: Mapping[str, str] = Field(default_factory=dict, exclude=True, repr=False)
    date_only: Mapping[str, date] = Field(default_factory=dict, exclude=True, repr=False)

    @model_validator(mode="before")
    @classmethod
    def _parse_times(cls, data: object) -> object:
        if not isinstance(data, Mapping):
            return data
        fields = dict(data)
        unreadable: dict[str, str] = {}
        date_only: dict[str, date] = {}
        for name in cls.times:
            if (value := fields.get(name)) is None:
                continue
            try:
                fields[name] = parsed_time(value)
            except ValueError:
                unreadable[name] = cleaned(value if isinstance(value, str) else repr(value), MAX_WORD)
                fields[name] = None
            else:
                with suppress(ValueError, TypeError):  # a text with a time of day, or a time that is parsed already
                    date_only[name] = date.fromisoformat(value)
        fields["unreadable"] = unreadable
        fields["date_only"] = date_only
        return fields
