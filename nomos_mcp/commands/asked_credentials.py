"""Asks a person at a terminal for the credentials. The secret is not shown while it is typed."""

import getpass
import signal
import sys
import warnings

from nomos_mcp.variables import CLIENT_ID, CLIENT_SECRET


def can_ask() -> bool:
    """Whether a person can be asked: both ends are a terminal."""
    return bool(sys.stdin and sys.stdin.isatty() and sys.stderr and sys.stderr.isatty())


def ask_credentials() -> dict[str, str] | None:
    """Return client ID and secret by the names of their variables; None if either was not given."""
    # With the system's own handler, Ctrl-C would end the process before the terminal shows again what is typed.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        sys.stderr.write("Client ID: ")
        sys.stderr.flush()
        client_id = sys.stdin.readline().strip()
        with warnings.catch_warnings():
            warnings.simplefilter("error", getpass.GetPassWarning)  # it would go on, and show what is typed
            secret = client_id and getpass.getpass("Client secret (not shown): ", sys.stderr).strip()
    except (EOFError, KeyboardInterrupt, getpass.GetPassWarning):
        sys.stderr.write("\n")
        return None
    finally:
        signal.signal(signal.SIGINT, before)
    return {CLIENT_ID: client_id, CLIENT_SECRET: secret} if client_id and secret else None
