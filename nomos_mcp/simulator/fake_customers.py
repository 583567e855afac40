"""Invented customers and what belongs to them.

The IBANs cannot exist (their check digits are 00), and the addresses are in no real town.
"""

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
    """`company` is its name, or None for a person."""
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
    return Address(derived_id("adr", subject), rng.choice(_STREETS), str(rng.randint(1, 99)), "00000", "Musterstadt")


def fake_meter(subject: str, kind: MeterType, rng: Random) -> Meter:
    return Meter(
        id=derived_id("mtr", subject),
        number=f"1DEMO{rng.randrange(10**9):09}",
        type=kind,
        malo=f"{rng.randrange(10**11):011}",
        melo=f"DE{rng.randrange(10**31):031}",
    )


def fake_payment_method(subject: str, holder: CustomerRecord, rng: Random) -> PaymentMethod:
    return PaymentMethod(
        id=derived_id("pm", subject),
        iban=f"DE00{rng.randrange(10**18):018}",
        account_holder=f"{holder.first_name} {holder.last_name}",
    )


def fake_supplier(created_at: datetime) -> Supplier:
    return Supplier(derived_id("mp", "supplier"), "Stadtwerke Musterstadt", "DE", created_at)
