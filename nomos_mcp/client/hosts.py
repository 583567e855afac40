"""Which hosts the client may talk to: HTTPS only, plain HTTP on loopback."""

import ipaddress
from urllib.parse import urlsplit

from nomos_mcp.client.errors import InvalidRequestError


def checked_base_url(base_url: str) -> str:
    """Return the base URL without a trailing slash if it is safe to send a token to.

    Raises:
        InvalidRequestError: No https (plain HTTP is for loopback), no host, or credentials, a query or a fragment.
    """
    try:
        parts = urlsplit(base_url)
        host = parts.hostname or ""
        _ = parts.port
    except ValueError:
        raise InvalidRequestError("The base URL is malformed; https://api.nomos.energy is one that works.") from None
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise InvalidRequestError("The base URL must carry no credentials, query or fragment.")
    if not host or parts.scheme not in {"https", "http"}:
        raise InvalidRequestError("The base URL must start with https:// and name a host.")
    if parts.scheme == "http" and not is_loopback(host):
        raise InvalidRequestError(
            f"The base URL uses plain HTTP to {host}; that is allowed on loopback only. Use https://."
        )
    return base_url.rstrip("/")


def is_loopback(host: str) -> bool:
    """Whether a host name is this machine, without looking it up."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
