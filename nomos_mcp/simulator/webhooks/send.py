"""Posts a delivery. The only file of the simulator's webhooks that knows the HTTP library."""

import ssl
from collections.abc import Mapping
from typing import Final

import httpx

_TIMEOUT_SECONDS: Final = 30.0  # vendor document: a receiver has 30 seconds to answer


async def post(url: str, body: bytes, headers: Mapping[str, str]) -> int | None:
    """Post a body and wait for the answer's status.

    Args:
        url: Of the receiver.
        body: As it is signed.
        headers: To send along.

    Returns:
        The status; None when there was no answer in time, or no way to ask. Redirects are not followed.
    """
    # A bare TLS context: receivers are plain HTTP, and loading the certificates of the machine takes its time.
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        async with httpx.AsyncClient(timeout=_TIMEOUT_SECONDS, trust_env=False, verify=tls) as client:
            return (await client.post(url, content=body, headers=dict(headers))).status_code
    except (httpx.HTTPError, httpx.InvalidURL):
        return None
