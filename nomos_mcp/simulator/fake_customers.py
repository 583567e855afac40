"""Invented customers and what belongs to them. The IBANs cannot exist, the addresses are in no real town."""

from datetime import datetime
from random import Random
from typing import Final

from nomos_mcp.simulator.world_records import (
    Address,
    CustomerRecord,
    Meter,
    MeterType,
    PaymentMethod,
    Supplier,
    derived_id,
)

_FIRST_NAMES: Final = (
    "Ada",
    "Bela",
    "Carla",
    "Dario",
    "Elif",
    "Frieda",
    "Goran",
    "Hanna",
    "Ivo",
    "Jonna",
    "Kaya",
    "Levi",
)
_LAST_NAMES: Final = ("Apfel", "Birke", "Distel", "Eibe", "Farn", "Ginster", "Hasel", "Iris", "Klee", "Linde", "Mohn")
_STREETS: Final = ("Ahornweg", "Am Musterbach", "Beispielstraße", "Lindenallee", "Probegasse", "Zum Zählerplatz")


def customer(
    customer_id: str, organisation: str, created_at: datetime, company: str | None, rng: Random
) -> CustomerRecord:
    """Invent a customer.

    Args:
        customer_id: Its ID, from which the e-mail address follows.
        organisation: Whose customer it is.
        created_at: Since when.
        company: The company's name; None makes a person.
        rng: Chooses the names.

    Returns:
        The record.
    """
    return CustomerRecord(
        id=customer_id,
        organisation=organisation,
        type="person" if company is None else "company",
        first_name=rng.choice(_FIRST_NAMES),
        last_name=rng.choice(_LAST_NAMES),
        company_name=company,
        email=f"{customer_id}@example.com",
        created_at=created_at,
    )


def address(subject: str, rng: Random) -> Address:
    """Invent the place a subscription is for."""
    return Address(
        id=derived_id("adr", subject),
        street=rng.choice(_STREETS),
        house_number=str(rng.randint(1, 99)),
        zip="00000",
        city="Musterstadt",
    )


def meter(subject: str, kind: MeterType, rng: Random) -> Meter:
    """Invent the meter in place."""
    return Meter(
        id=derived_id("mtr", subject),
        number=f"1DEMO{rng.randrange(10**9):09}",
        type=kind,
        malo=f"{rng.randrange(10**11):011}",
        melo=f"DE{rng.randrange(10**31):031}",
    )


def payment_method(subject: str, holder: CustomerRecord, rng: Random) -> PaymentMethod:
    """Invent a direct debit."""
    return PaymentMethod(
        id=derived_id("pm", subject),
        iban=f"DE00{rng.randrange(10**18):018}",
        account_holder=f"{holder.first_name} {holder.last_name}",
    )


def supplier(created_at: datetime) -> Supplier:
    """Invent the company that delivered before."""
    return Supplier(derived_id("mp", "supplier"), "Stadtwerke Musterstadt", "DE", created_at)
