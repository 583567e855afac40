"""The signature of a delivery. Source: the vendor's webhook guide."""

from hmac import digest
from typing import Final

HEADER: Final = "X-Nomos-Signature"


def signature(secret: str, timestamp: int, body: bytes) -> str:
    """Sign a delivery.

    Args:
        secret: The endpoint's.
        timestamp: When it is sent, in Unix seconds.
        body: As it goes over the wire.

    Returns:
        The header's value: `t=<timestamp>,v1=<hex>`, HMAC-SHA256 over `<timestamp>.<body>`.
    """
    signed = digest(secret.encode(), f"{timestamp}.".encode() + body, "sha256")
    return f"t={timestamp},v1={signed.hex()}"
