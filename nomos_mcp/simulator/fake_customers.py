"""Invented customers and what belongs to them. The IBANs cannot exist, and the addresses are in no real town."""

from datetime import datetime
from random import Random

from nomos_mcp.simulator.world_records import (
    Address,
    CustomerRecord,
    Meter,
    MeterType,
    PaymentMethod,
    Supplier,
    derived_id,
)

_FIRST_NAMES = ("Ada", "Bela", "Carla", "Dario", "Elif", "Frieda", "Goran", "Hanna", "Ivo", "Jonna", "Kaya", "Levi")
_LAST_NAMES = ("Apfel", "Birke", "Distel", "Eibe", "Farn", "Ginster", "Hasel", "Iris", "Klee", "Linde", "Mohn")
_STREETS = ("Ahornweg", "Am Musterbach", "Beispielstraße", "Lindenallee", "Probegasse", "Zum Zählerplatz")


def fake_customer(
    customer_id: str, organisation: str, created_at: datetime, company: str | None, rng: Random
) -> CustomerRecord:
    """Invent a customer: a company, or a person if `company` is None."""
    return CustomerRecord(
        id=customer_id,
        organisation=organisation,
        first_name=rng.choice(_FIRST_NAMES),
        last_name=rng.choice(_LAST_NAMES),
        company_name=company,
        email=f"{customer_id}@example.com",
        created_at=created_at,
    )


def fake_address(subject: str, rng: Random) -> Address:
    """Invent the address of a subscription."""
    return Address(
        id=derived_id("adr", subject),
        street=rng.choice(_STREETS),
        house_number=str(rng.randint(1, 99)),
        zip="00000",
        city="Musterstadt",
    )


def fake_meter(subject: str, kind: MeterType, rng: Random) -> Meter:
    """Invent the meter in place."""
    return Meter(
        id=derived_id("mtr", subject),
        number=f"1DEMO{rng.randrange(10**9):09}",
        type=kind,
        malo=f"{rng.randrange(10**11):011}",
        melo=f"DE{rng.randrange(10**31):031}",
    )


def fake_payment_method(subject: str, holder: CustomerRecord, rng: Random) -> PaymentMethod:
    """Invent a direct debit."""
    return PaymentMethod(
        id=derived_id("pm", subject),
        iban=f"DE00{rng.randrange(10**18):018}",
        account_holder=f"{holder.first_name} {holder.last_name}",
    )


def fake_supplier(created_at: datetime) -> Supplier:
    """Invent the previous supplier."""
    return Supplier(derived_id("mp", "supplier"), "Stadtwerke Musterstadt", "DE", created_at)
