"""Asking the operator's issuer for a document: bounded in time and size, redirects not followed."""

import httpx

from nomos_mcp.client.errors import CertificateError
from nomos_mcp.client.trusted_hosts import trusted_authorities
from nomos_mcp.service.constants import KEYS_DEADLINE, MAX_KEYS_BYTES


class FetchError(Exception):
    """There is no document; the message says why in a word or two."""


async def fetched(url: str) -> bytes:
    """Return the document at an address.

    Args:
        url: HTTPS, or plain HTTP on loopback; checked by the settings.

    Raises:
        FetchError: No answer, another status than 200, or too large.
    """
    content = b""
    try:
        async with (
            httpx.AsyncClient(follow_redirects=False, timeout=KEYS_DEADLINE, verify=trusted_authorities()) as client,
            client.stream("GET", url, headers={"Accept": "application/json"}) as response,
        ):
            if response.status_code != httpx.codes.OK:
                raise FetchError(f"HTTP {response.status_code}")
            async for chunk in response.aiter_bytes():
                content += chunk
                if len(content) > MAX_KEYS_BYTES:
                    raise FetchError(f"more than {MAX_KEYS_BYTES} bytes")
    except (httpx.HTTPError, httpx.InvalidURL, CertificateError) as fault:
        raise FetchError(type(fault).__name__) from None
    return content
