"""The personal data of a subscription, sealed: shown as asterisks wherever it is printed, logged or serialised.

It is read one field at a time and on purpose, with `get_secret_value()`.
"""

from collections.abc import Mapping
from typing import Annotated, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, Secret, SecretStr


def _text_or_none(value: object) -> object:
    """Anything but a text is left out: what nobody asked for must not break the record that it came with."""
    return value if isinstance(value, str) else None


def _object_or_none(value: object) -> object:
    return dict(value) if isinstance(value, Mapping) else None


class Metadata(Secret[Mapping[str, object]]):
    """Free-form texts of the partner, up to 10 KB: untrusted."""

    def _display(self) -> str:
        return "**********"


Text = Annotated[SecretStr | None, BeforeValidator(_text_or_none)]


class PersonalData(BaseModel):
    """What a subscription says about a person and a home. Every field is None in lists, which carry IDs only.

    Only `metadata` is in lists as well.

    Attributes:
        first_name: Of the customer.
        last_name: Of the customer.
        company_name: Of a customer that is a company.
        email: Of the customer.
        vat_id: Of the customer.
        street: Of the place of delivery.
        house_number: Of the place of delivery.
        zip: Of the place of delivery.
        city: Of the place of delivery.
        billing_street: Of the billing address (from curie on).
        billing_house_number: Of the billing address.
        billing_zip: Of the billing address.
        billing_city: Of the billing address.
        iban: Of the payment method.
        account_holder: Of the payment method.
        meter_number: Printed on the meter.
        malo: ID of the market location.
        melo: ID of the metering location.
        metadata: The partner's own free-form texts; untrusted.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    first_name: Text = None
    last_name: Text = None
    company_name: Text = None
    email: Text = None
    vat_id: Text = None
    street: Text = None
    house_number: Text = None
    zip: Text = None
    city: Text = None
    billing_street: Text = None
    billing_house_number: Text = None
    billing_zip: Text = None
    billing_city: Text = None
    iban: Text = None
    account_holder: Text = None
    meter_number: Text = None
    malo: Text = None
    melo: Text = None
    metadata: Annotated[Metadata | None, BeforeValidator(_object_or_none)] = None


_ADDRESS: Final = ("street", "house_number", "zip", "city")
_PLACES: Final[Mapping[str, tuple[str, ...]]] = {
    **{name: ("customer", name) for name in ("first_name", "last_name", "company_name", "email", "vat_id")},
    **{name: ("address", name) for name in _ADDRESS},
    **{f"billing_{name}": ("billing_address", name) for name in _ADDRESS},
    **{name: ("payment_method", "sepa_debit", name) for name in ("iban", "account_holder")},
    "meter_number": ("meter", "number"),
    "malo": ("meter", "malo"),
    "melo": ("meter", "melo"),
    "metadata": ("metadata",),
}
"""Where each field is in upstream's subscription."""


def personal_data(subscription: Mapping[str, object]) -> PersonalData:
    """Seal the personal data of a subscription as upstream sent it."""
    return PersonalData.model_validate({name: _at(subscription, path) for name, path in _PLACES.items()})


def _at(value: object, path: tuple[str, ...]) -> object:
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value
