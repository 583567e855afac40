"""Which hosts the client trusts: the addresses that a token may be sent to, and the certificates that it accepts.

HTTPS only, except on loopback. Certificates are verified in any case, against the operating system's store of
authorities. `SSL_CERT_FILE` names a file of authorities, `SSL_CERT_DIR` a folder of them, as for httpx and OpenSSL.
Either replaces the store; if both are set, the file is used.
"""

import ipaddress
import os
import ssl
import sys
from typing import Final
from urllib.parse import urlsplit

from nomos_mcp.client.errors import CertificateError, InvalidRequestError

DEFAULT_BASE_URL: Final = "https://api.nomos.energy"
_PORTS: Final = {"https": ":443", "http": ":80"}  # that need no mention


def checked_base_url(base_url: str) -> str:
    """Return the base URL if it is safe to send a token to, without a trailing slash.

    It is the same one however its host is written: in capital letters, or with the port that needs no mention.

    Raises:
        InvalidRequestError: It is not HTTPS (or HTTP on loopback), or has no host, or has credentials or a query.
    """
    try:
        parts = urlsplit(base_url)
        host = parts.hostname or ""
        _ = parts.port
    except ValueError:
        raise InvalidRequestError("The base URL is malformed; use one such as https://api.nomos.energy.") from None
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise InvalidRequestError("The base URL must carry no credentials, query or fragment.")
    if not host or parts.scheme not in {"https", "http"}:
        raise InvalidRequestError("The base URL must start with https:// and name a host.")
    if parts.scheme == "http" and not is_loopback(host):
        raise InvalidRequestError(
            f"The base URL uses plain HTTP to {host}; that is allowed on loopback only. Use https://."
        )
    host_and_port = parts.netloc.lower().removesuffix(_PORTS[parts.scheme]).removesuffix(":")
    return parts._replace(netloc=host_and_port).geturl().rstrip("/")


def is_loopback(host: str) -> bool:
    """Whether a host name is this machine, without looking it up."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def trusted_authorities() -> ssl.SSLContext:
    """Return a TLS context that trusts these authorities.

    Raises:
        CertificateError: The file or folder of the environment cannot be read.
    """
    file, folder = os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR")
    if file or folder:
        try:
            return ssl.create_default_context(cafile=file or None, capath=None if file else folder)
        except OSError as fault:
            why = type(fault).__name__
        variable = "SSL_CERT_FILE" if file else "SSL_CERT_DIR"
        raise CertificateError(f"The authorities that {variable} names cannot be read ({why}). Nothing was sent.")
    if sys.platform not in {"darwin", "win32"} and ssl.get_default_verify_paths().cafile:
        return ssl.create_default_context()  # the same store; truststore would read it again for each connection
    import truststore  # noqa: PLC0415  takes a moment to load, and is not needed where the line above suffices

    return truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
