"""Which certificate authorities are trusted: the operating system's, or the ones of the environment instead.

`SSL_CERT_FILE` names a file of authorities, `SSL_CERT_DIR` a folder of them, as for httpx and OpenSSL. Either replaces
the system's store; if both are set, the file is used. Certificates are verified in any case.
"""

import os
import ssl
import sys

from nomos_mcp.client.errors import CertificateError


def trusted_authorities() -> ssl.SSLContext:
    """Return the TLS context of a client.

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
