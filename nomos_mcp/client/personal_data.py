"""The personal data of a subscription, sealed: shown as asterisks wherever it is printed, logged or serialised.

It is read one field at a time and on purpose, with `get_secret_value()`.
"""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AliasPath, BaseModel, BeforeValidator, ConfigDict, Field, Secret, SecretStr


def _text_or_none(value: object) -> object:
    """Leave out anything but a text: what nobody asked for must not break the object that it came with."""
    return value if isinstance(value, str) else None


def _object_or_none(value: object) -> object:
    return dict(value) if isinstance(value, Mapping) else None


class Metadata(Secret[Mapping[str, object]]):
    """Free-form texts of the partner, up to 10 KB: untrusted."""

    def _display(self) -> str:
        return "**********"


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
    malo: Text = _at("meter", "malo")
    melo: Text = _at("meter", "melo")
    metadata: Annotated[Metadata | None, BeforeValidator(_object_or_none)] = None
