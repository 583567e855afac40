"""Subscriptions: the contract in clear, the person sealed."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar, Self

from pydantic import AliasChoices, AliasPath, Field, ModelWrapValidatorHandler, PrivateAttr, model_validator

from nomos_mcp.client.models.personal import PersonalData, personal_data
from nomos_mcp.client.models.record import Identifier, Record, Reference, Word


class Subscription(Record):
    """A subscription: one customer's contract for one plan at one place.

    Attributes:
        id: `sub_…`.
        plan: ID of the plan.
        customer: ID of the customer (`cus_…`).
        status: `pending`, `active`, `ended`, or a newer value.
        direction: `consumption` or `feed_in` (curie calls the field `type`); None if upstream did not say.
        meter_type: `smart` or `analog`; None in lists, which carry the meter's ID only.
        estimated_usage: As the vendor documents it, without a unit.
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
    direction: Word | None = Field(None, validation_alias=AliasChoices("type", "direction"))
    meter_type: Word | None = Field(None, validation_alias=AliasPath("meter", "type"))
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

    @model_validator(mode="wrap")
    @classmethod
    def _seal(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        subscription = handler(data)
        if isinstance(data, Mapping):  # a record that is made already keeps what it holds
            subscription._personal = personal_data(data)  # noqa: SLF001  our own, from a classmethod
        return subscription

    def __getstate__(self) -> dict[Any, Any]:
        return {**super().__getstate__(), "__pydantic_private__": {"_personal": PersonalData()}}
