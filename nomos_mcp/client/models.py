"""The objects of the API: frozen, and tolerant of what is new or cannot be read.

Statuses, providers and reasons are strings on purpose: the vendor adds values within a version, and a new one must not
break a list. The known values are documented in `nomos_mcp.lifecycle`.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime
from functools import partial
from sys import float_info
from typing import Annotated, Any, ClassVar, Final, Self

from pydantic import (
    AfterValidator,
    AliasChoices,
    AliasPath,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    PrivateAttr,
    Secret,
    SecretStr,
    model_validator,
)

from nomos_mcp.client.http_messages import MAX_WORD, cleaned
from nomos_mcp.client.ids import UNREADABLE, is_well_formed


def _own_id(value: str) -> str:
    if not is_well_formed(value):
        raise ValueError("an ID holds letters and digits")
    return value


def _readable(value: str) -> str:
    return value if is_well_formed(value) else UNREADABLE


def id_of(value: object) -> object:
    """Return the ID of a related object: some responses carry only that, others the whole object."""
    return value.get("id") if isinstance(value, Mapping) else value


Word = Annotated[str, AfterValidator(partial(cleaned, limit=MAX_WORD))]
"""A value of an enumeration, kept as it came even if it is new; cut only if it is too long for any word."""

Identifier = Annotated[str, AfterValidator(_own_id)]
"""The ID of the object itself. A malformed one breaks the object: it could not be asked for, or told from another."""

Reference = Annotated[str, BeforeValidator(id_of), AfterValidator(_readable)]
"""The ID of a related object, whichever way upstream sent it; `(unreadable)` if it is malformed."""


def parsed_time(value: object) -> datetime:
    """Parse ISO 8601 into an aware UTC datetime. A time without a zone is UTC, as all times from upstream are."""
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


class NomosObject(BaseModel):
    """An object of the API.

    Attributes:
        unreadable: Times that could not be parsed, field name to upstream's text, or to the type if it is none; the
            field itself is then None.
        date_only: Times of which upstream gave the day and no time of day, field name to day; the field itself is then
            midnight UTC of that day, which upstream did not say.
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
                unreadable[name] = cleaned(value if isinstance(value, str) else f"({type(value).__name__})", MAX_WORD)
                fields[name] = None
            else:
                with suppress(ValueError, TypeError):  # it has a time of day, or is parsed already
                    date_only[name] = date.fromisoformat(value)
        fields["unreadable"] = unreadable
        fields["date_only"] = date_only
        return fields


_CURIE_TIMES = ("installed_at", "activated_at", "cancelled_at", "blocked_at", "appointment_at")
_CURIE_FIELDS = (*_CURIE_TIMES, "cancelled_reason", "blocked_reason")


class MeterOrder(NomosObject):
    """A meter order. Its times are in UTC. What only `2026-05-27.curie` tells is None in other versions.

    Attributes:
        id: `prdo_…`.
        subscription: ID of the subscription it belongs to (`sub_…`); each has at most one order, ever.
        customer: ID of the customer (`cus_…`).
        provider: `energy-metering`, `metrify`, `inexogy`, or a value newer than this package.
        status: Status in the words of the API version that was asked.
        created_at: None only if upstream's text could not be read.
        activated_at: When the meter began to deliver readings.
        cancelled_reason: `pre_existing`, `customer_request`, or a newer value.
        blocked_at: None if the order is not blocked. Edison has a status for that.
        blocked_reason: `check_missing`, `grid_operator_registration`, or a newer value; None if it is not blocked.
        appointment_at: The installation appointment, once the provider has communicated one.
    """

    times: ClassVar[tuple[str, ...]] = ("created_at", *_CURIE_TIMES)

    object: Word = "meter_order"
    id: Identifier
    subscription: Reference
    customer: Reference
    provider: Word
    status: Word
    created_at: datetime | None
    installed_at: datetime | None = None
    activated_at: datetime | None = None
    cancelled_at: datetime | None = None
    cancelled_reason: Word | None = None
    blocked_at: datetime | None = None
    blocked_reason: Word | None = None
    appointment_at: datetime | None = None


class CurieMeterOrder(MeterOrder):
    """A meter order as `2026-05-27.curie` shows it: a milestone as status, and blocked as an overlay on top of it."""


class EdisonMeterOrder(MeterOrder):
    """A meter order as `2026-01-29.edison` shows it: fourteen statuses, two of them blocked, and no milestones' times.

    Attributes:
        updated_at: When anything about the order last changed, UTC; not necessarily its status.
    """

    times: ClassVar[tuple[str, ...]] = ("created_at", "updated_at")

    updated_at: datetime | None

    @model_validator(mode="before")
    @classmethod
    def _drop_curie_fields(cls, data: Any) -> Any:
        """Edison does not document these names, so a value under one of them need not mean what it means in curie."""
        if not isinstance(data, Mapping):
            return data
        return {name: value for name, value in data.items() if name not in _CURIE_FIELDS}

    @property
    def product(self) -> str:
        """The product that edison filters by, derived from the provider that its name ends with (inferred)."""
        return f"smart-meter-{self.provider}"


class EventContext(NomosObject):
    """IDs of the objects that an event concerns; which are present depends on the topic."""

    subscription: Reference | None = None
    meter_order: Reference | None = None
    invoice: Reference | None = None
    voiding_invoice: Reference | None = None
    lead: Reference | None = None


class Event(NomosObject):
    """An event.

    Attributes:
        id: `evt_…`; deliveries repeat, so dedupe on it.
        topic: `subscription.…`, `invoice.…` or, from curie on, `meter_order.…`.
        timestamp: When the event was created, UTC.
    """

    times: ClassVar[tuple[str, ...]] = ("timestamp",)

    id: Identifier
    topic: Word
    timestamp: datetime | None
    context: EventContext


def _text_or_none(value: object) -> object:
    """Leave out anything but a text: what nobody asked for must not break the object that it came with."""
    return value if isinstance(value, str) else None


def _amount_or_none(value: object) -> object:
    """Leave out what is no finite amount; true is no number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if 0 <= value <= float_info.max else None


def _number_or_none(value: object) -> object:
    """Take an integer for its digits, and leave out anything else that is no text."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else _text_or_none(value)


def _is_given(value: object) -> bool | None:
    """Tell whether a text is there, so that the text itself can stay sealed; None for what is neither text nor null."""
    return bool(value.strip()) if isinstance(value, str) else False if value is None else None


class EmailAddress(SecretStr):
    """An e-mail address, sealed, and equal to another spelling that differs in case or in spaces around it."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, EmailAddress) and self._compared() == other._compared()

    def __hash__(self) -> int:
        return hash(self._compared())

    def spellings(self) -> "Sequence[EmailAddress]":
        """Return it as it is, and in lower case if that is another text."""
        text = self.get_secret_value()
        return [EmailAddress(spelling) for spelling in dict.fromkeys((text, text.lower()))]

    def _compared(self) -> str:
        return self.get_secret_value().strip().lower()


class Customer(NomosObject):
    """A customer, of whom only the ID is of use.

    Attributes:
        id: `cus_…`.
        email: Sealed; to compare with the one that was looked for. In no dump and no repr.
    """

    model_config = ConfigDict(hide_input_in_errors=True)

    id: Identifier
    email: Annotated[EmailAddress | None, BeforeValidator(_text_or_none)] = Field(None, exclude=True, repr=False)


def _object_or_none(value: object) -> object:
    return dict(value) if isinstance(value, Mapping) else None


class Metadata(Secret[Mapping[str, object]]):
    """Free-form texts of the partner, up to 10 KB: untrusted."""

    def _display(self) -> str:
        return "**********"


_MALO: Final = AliasPath("meter", "malo")
_MELO: Final = AliasPath("meter", "melo")

Text = Annotated[SecretStr | None, BeforeValidator(_text_or_none)]


def _at(*path: str) -> Any:
    """Return an optional field that is read from this place in upstream's subscription."""
    return Field(None, validation_alias=AliasPath(path[0], *path[1:]))


class PersonalData(BaseModel):
    """What a subscription says about a person and a home. In lists, which carry IDs only, all but `metadata` is None.

    Attributes:
        first_name, last_name, company_name, email, vat_id: Of the customer.
        street, house_number, zip, city: Of the place of delivery.
        billing_street, billing_house_number, billing_zip, billing_city: Of the billing address (from curie on).
        iban, account_holder: Of the payment method.
        meter_number: Printed on the meter.
        malo: ID of the market location.
        melo: ID of the metering location.
        metadata: The partner's own free-form texts; untrusted.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    first_name: Text = _at("customer", "first_name")
    last_name: Text = _at("customer", "last_name")
    company_name: Text = _at("customer", "company_name")
    email: Text = _at("customer", "email")
    vat_id: Text = _at("customer", "vat_id")
    street: Text = _at("address", "street")
    house_number: Text = _at("address", "house_number")
    zip: Text = _at("address", "zip")
    city: Text = _at("address", "city")
    billing_street: Text = _at("billing_address", "street")
    billing_house_number: Text = _at("billing_address", "house_number")
    billing_zip: Text = _at("billing_address", "zip")
    billing_city: Text = _at("billing_address", "city")
    iban: Text = _at("payment_method", "sepa_debit", "iban")
    account_holder: Text = _at("payment_method", "sepa_debit", "account_holder")
    meter_number: Text = _at("meter", "number")
    malo: Text = Field(None, validation_alias=_MALO)
    melo: Text = Field(None, validation_alias=_MELO)
    metadata: Annotated[Metadata | None, BeforeValidator(_object_or_none)] = None


class Subscription(NomosObject):
    """A subscription: one customer's contract for one plan at one place. Its times are in UTC.

    A `number` or `estimated_usage` that cannot be read is None like one that there is not, but missing in
    `model_fields_set`, as if it had not come.

    Attributes:
        id: `sub_…`.
        customer: ID of the customer (`cus_…`).
        status: `pending`, `active`, `ended`, or a newer value.
        number: The contract number, which a customer can read out; None if it has none.
        direction: `consumption` or `feed_in` (curie calls the field `type`); None if upstream did not say.
        meter_type: `smart` or `analog`; None where it is not known, as in lists, which carry the meter's ID only.
        has_malo: Whether the meter has a market location's ID; None if upstream did not say, as in lists. The ID itself
            is in `personal`.
        has_melo: The same of the metering location's ID.
        estimated_usage: In kWh a year, as the customer estimated it; None if it is not known.
        created_at: When it was created, UTC.
        updated_at: When anything about it last changed, UTC.
        start_at: When delivery started or will start, UTC.
        terminated_at: When delivery was terminated, UTC.
        end_at: When it ended or will end, UTC.
    """

    times: ClassVar[tuple[str, ...]] = ("created_at", "updated_at", "start_at", "terminated_at", "end_at")

    object: Word = "subscription"
    id: Identifier
    plan: Reference
    customer: Reference
    status: Word
    number: Word | None = None
    direction: Word | None = Field(None, validation_alias=AliasChoices("type", "direction"))
    meter_type: Annotated[Word | None, BeforeValidator(_text_or_none)] = Field(
        None, validation_alias=AliasPath("meter", "type")
    )
    has_malo: Annotated[bool | None, BeforeValidator(_is_given)] = Field(None, validation_alias=_MALO)
    has_melo: Annotated[bool | None, BeforeValidator(_is_given)] = Field(None, validation_alias=_MELO)
    estimated_usage: float | None = None
    created_at: datetime | None
    updated_at: datetime | None = None
    start_at: datetime | None = None
    terminated_at: datetime | None = None
    end_at: datetime | None = None

    _personal: PersonalData = PrivateAttr(default_factory=PersonalData)

    @property
    def personal(self) -> PersonalData:
        """The personal data, sealed. It is no field: no dump, repr, schema or pickle of the subscription holds it."""
        return self._personal

    @model_validator(mode="before")
    @classmethod
    def _leave_out_unreadable(cls, data: Any) -> Any:
        if not isinstance(data, Mapping):
            return data
        fields = dict(data)
        for name, read in (("number", _number_or_none), ("estimated_usage", _amount_or_none)):
            if fields.get(name) is not None:
                fields[name] = read(fields[name])
                if fields[name] is None:
                    del fields[name]
        return fields

    @model_validator(mode="wrap")
    @classmethod
    def _seal(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        subscription = handler(data)
        if isinstance(data, Mapping):  # a record that is made already keeps what it holds
            subscription._personal = PersonalData.model_validate(data)  # noqa: SLF001  our own, from a classmethod
        return subscription

    def __getstate__(self) -> dict[Any, Any]:
        return {**super().__getstate__(), "__pydantic_private__": {"_personal": PersonalData()}}
