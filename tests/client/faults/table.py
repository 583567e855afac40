"""Every fault, and what the caller gets. The tests hold the client to it, and the documentation prints it."""

import gzip
import socket
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from nomos_mcp.client import (
    EDISON,
    APIConnectionError,
    APIError,
    APITimeoutError,
    AuthenticationError,
    BadRequestError,
    CertificateError,
    ConflictError,
    InternalServerError,
    LocalRateLimitError,
    MethodNotAllowedError,
    NomosError,
    NotFoundError,
    PaymentRequiredError,
    PermissionDeniedError,
    RateLimitError,
    UnprocessableEntityError,
    UnreadableResponseError,
    VersionMismatchError,
)
from nomos_mcp.client.session import MAX_RETRIES
from tests.client.faults.wire_server import ORDER, Script, hang, http, reset, saying

YEAR = 365 * 24 * 3600
MEGABYTE = 1024 * 1024


@dataclass(frozen=True)
class Fault:
    """One row.

    Attributes:
        happens: What goes wrong, in the words of the documentation.
        script: What the server does; None for faults that need more than a script, which have tests of their own.
        gets: What the caller gets; None for a proper response.
        attempts: How often a read is sent.
        note: What else to know.
        before_reading: The script runs before the request is read.
    """

    happens: str
    script: Script | None
    gets: type[NomosError] | None
    attempts: int = 1
    note: str = ""
    before_reading: bool = False


def error(status: int, code: str, **headers: str) -> bytes:
    body = {"code": code, "message": "It did not work.", "requestId": "req-1", "docs": f"https://docs.test/{code}"}
    return http(status, body, headers={name.replace("_", "-"): value for name, value in headers.items()})


def _reset_at_once(connection: socket.socket, _: Sequence[bytes]) -> None:
    reset(connection)


def _reset_during(connection: socket.socket, _: Sequence[bytes]) -> None:
    connection.sendall(http(length=100_000))
    reset(connection)


def _reset_after(connection: socket.socket, _: Sequence[bytes]) -> None:
    connection.sendall(http())
    connection.recv(1)  # until the client has read it all and closes
    reset(connection)


def _drip(connection: socket.socket, _: Sequence[bytes]) -> None:
    connection.sendall(http(length=100_000))
    tick = threading.Event()
    while not tick.wait(0.01):
        connection.sendall(b" ")


def _documented(status: int, code: str, kind: type[APIError], attempts: int = 1, note: str = "") -> Fault:
    return Fault(f"HTTP {status} {code}", saying(error(status, code)), kind, attempts, note)


_COMPRESSED = gzip.compress(http().partition(b"\r\n\r\n")[2])

FAULTS: tuple[Fault, ...] = (
    _documented(400, "BAD_REQUEST", BadRequestError, note="`detail_codes` names the rule"),
    _documented(
        401, "UNAUTHORIZED", AuthenticationError, note="after one new token and one retry, where a new token can be had"
    ),
    _documented(402, "PAYMENT_REQUIRED", PaymentRequiredError),
    _documented(403, "FORBIDDEN", PermissionDeniedError),
    _documented(404, "NOT_FOUND", NotFoundError),
    _documented(405, "METHOD_NOT_ALLOWED", MethodNotAllowedError),
    _documented(409, "CONFLICT", ConflictError),
    _documented(422, "UNPROCESSABLE_ENTITY", UnprocessableEntityError),
    _documented(429, "TOO_MANY_REQUESTS", RateLimitError, MAX_RETRIES + 1, "all calls of the client pause"),
    _documented(500, "INTERNAL_SERVER_ERROR", InternalServerError, MAX_RETRIES + 1),
    Fault("HTTP 418, or another undocumented 4xx", saying(error(418, "I_AM_NEW")), APIError, note="`code` as it came"),
    Fault(
        "HTTP 503 with HTML, from a gateway",
        saying(http(503, b"<html>", content_type="text/html", version="")),
        InternalServerError,
        MAX_RETRIES + 1,
    ),
    Fault(
        "429 with a `Retry-After` past the timeout, such as a year",
        saying(error(429, "TOO_MANY_REQUESTS", retry_after=str(YEAR))),
        RateLimitError,
        note="at once; `retry_after` says at most an hour; other calls pause for a minute at most",
    ),
    Fault(
        "429 with a `Retry-After` that is a date",
        saying(
            error(
                429,
                "TOO_MANY_REQUESTS",
                date="Mon, 15 Jun 2020 10:00:00 GMT",
                retry_after="Mon, 15 Jun 2020 10:00:09 GMT",
            ),
            http(),
        ),
        None,
        2,
        "the wait is counted from the response's own `Date`, so a wrong clock does no harm",
    ),
    Fault("Reset before the request is read", _reset_at_once, APIConnectionError, MAX_RETRIES + 1, before_reading=True),
    Fault("Reset before the response", _reset_at_once, APIConnectionError, MAX_RETRIES + 1),
    Fault("Reset during the response", _reset_during, APIConnectionError, MAX_RETRIES + 1),
    Fault("Reset after the response", _reset_after, None, note="the response counts"),
    Fault("The response ends early", saying(http(length=100_000)), APIConnectionError, MAX_RETRIES + 1),
    Fault("Something that is not HTTP", saying(b"220 smtp.test ESMTP\r\n"), APIConnectionError, MAX_RETRIES + 1),
    Fault("No response for 20 seconds", hang, APITimeoutError, MAX_RETRIES + 1, "fewer where the timeout comes first"),
    Fault(
        "The response stops in the middle for 20 seconds",
        partial(hang, first=http(length=100_000)),
        APITimeoutError,
        MAX_RETRIES + 1,
        "as above",
    ),
    Fault("The response drips past the timeout", _drip, APITimeoutError, note="no time is left"),
    Fault("Empty body", saying(http(body=b"")), UnreadableResponseError),
    Fault("HTML", saying(http(body=b"<html>", content_type="text/html")), UnreadableResponseError),
    Fault("JSON that breaks off", saying(http(body=b'{"id": "prdo_1", "sta')), UnreadableResponseError),
    Fault("Invalid UTF-8", saying(http(body=b'{"id": "prdo_\xff\xfe"}')), UnreadableResponseError),
    Fault("JSON that is not an object", saying(http(body=[ORDER])), UnreadableResponseError),
    Fault("JSON of the wrong shape", saying(http(body={**ORDER, "customer": 7})), UnreadableResponseError),
    Fault("Another object than asked for", saying(http(body={**ORDER, "id": "prdo_2"})), UnreadableResponseError),
    Fault(
        "200 with an error in the body",
        saying(http(body={"code": "NOT_FOUND", "message": "No.", "requestId": "req-1"})),
        UnreadableResponseError,
        note="names the code and the request ID",
    ),
    Fault("10 MB", saying(http(body=b'"' + b" " * 10 * MEGABYTE + b'"')), UnreadableResponseError, note="read up to 8"),
    Fault(
        "10 MB that were compressed to a few KB",
        saying(http(body=gzip.compress(b" " * 10 * MEGABYTE), headers={"content-encoding": "gzip"})),
        UnreadableResponseError,
        note="unpacked up to 8",
    ),
    Fault(
        "Broken compression",
        saying(http(body=b"no gzip", headers={"content-encoding": "gzip"})),
        UnreadableResponseError,
    ),
    Fault(
        "Compression that breaks off",
        saying(http(body=gzip.compress(b"{}")[:-9], headers={"content-encoding": "gzip"})),
        UnreadableResponseError,
    ),
    Fault(
        "Compression that ends before the body does",
        saying(http(body=_COMPRESSED + b"x" * 10 * MEGABYTE, headers={"content-encoding": "gzip"})),
        UnreadableResponseError,
    ),
    Fault(
        "Compression that was not asked for",
        saying(http(headers={"content-encoding": "br"})),
        UnreadableResponseError,
    ),
    Fault(
        "Compressed properly",
        saying(http(body=_COMPRESSED, headers={"content-encoding": "gzip"})),
        None,
    ),
    Fault(
        "A redirect",
        saying(http(302, b"", headers={"location": "http://127.0.0.1:9/elsewhere"})),
        UnreadableResponseError,
        note="never followed",
    ),
    Fault("Another API version than asked for", saying(http(version=EDISON)), VersionMismatchError),
    Fault("No API version", saying(http(version="")), VersionMismatchError),
    Fault("A status that is new", saying(http(body={**ORDER, "status": "paused"})), None, note="kept as it came"),
    Fault("Fields that are new", saying(http(body={**ORDER, "new": {"a": 1}})), None, note="ignored"),
    Fault(
        "A time that cannot be read",
        saying(http(body={**ORDER, "created_at": "next tuesday"})),
        None,
        note="None; `unreadable` holds the text",
    ),
    # With tests of their own:
    Fault("A list whose `items` are null or not an array", None, UnreadableResponseError),
    Fault("An item of a list that is null or not as documented", None, None, note="left out; `unreadable` names it"),
    Fault(
        "A cursor that came before, or a missing one where there is more",
        None,
        UnreadableResponseError,
        note="while iterating",
    ),
    Fault("A `has_more` that is neither true nor false", None, UnreadableResponseError, note="while iterating"),
    Fault("A filter that upstream ignored", None, None, note="dropped items, `filter_honoured` is false"),
    Fault("A token that expires in flight", None, None, 2, "one new token, one retry, for writes too"),
    Fault("A clock that is wrong, ours or theirs", None, None, note="lifetimes are counted, not compared with a date"),
    Fault("Nothing listens", None, APIConnectionError, MAX_RETRIES + 1),
    Fault("The name does not resolve", None, APIConnectionError, MAX_RETRIES + 1),
    Fault("A certificate that is not trusted", None, CertificateError),
    Fault("No TLS where TLS was expected", None, APIConnectionError, MAX_RETRIES + 1),
    Fault(
        "The turn within the rate limit would come too late", None, LocalRateLimitError, 0, "`retry_after` says when"
    ),
)


_TIMES = {0: "not at all", 1: "once"}


def fault_table() -> str:
    """Return the table as Markdown."""
    rows = ["| Fault | What the caller gets | A read is sent | |", "| --- | --- | --- | --- |"]
    rows += [
        f"| {fault.happens} | {f'`{fault.gets.__name__}`' if fault.gets else 'the response'} "
        f"| {_TIMES.get(fault.attempts, f'up to {fault.attempts} times')} | {fault.note} |"
        for fault in FAULTS
    ]
    return "\n".join(rows) + "\n"
