"""What all resources have in common: a token, its scope, and the version that introduced them."""

from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from nomos_mcp.simulator.calls import Call, Envelope
from nomos_mcp.simulator.errors import Json, bad_request, forbidden, not_found, unauthorized
from nomos_mcp.simulator.tokens import Scope
from nomos_mcp.simulator.versions import CHUCKY, ApiVersion

R = TypeVar("R", bound="_Owned")


class _Owned(Protocol):
    @property
    def organisation(self) -> str: ...


Handler = Callable[[Call], Awaitable[Json]]


def resource(path: str, get: Handler, *, post: Handler | None = None, since: ApiVersion = CHUCKY) -> Route:
    """Build the route of a path that needs a token.

    Args:
        path: Starlette's notation, `/meter-orders/{id}`.
        get: Answers GET (and HEAD).
        post: Answers POST; None leaves 405.
        since: The first version that has this path. An older one is told 400 `upgrade_api_version`: the code is
            documented, that it is used here is inferred.

    Returns:
        A route whose handlers see authorised calls only.
    """

    async def endpoint(request: Request) -> Response:
        envelope = Envelope.of(request)
        if envelope.caller is None:
            raise unauthorized()
        handler, scope = _choose(request.method)
        if scope not in envelope.caller.scopes:
            raise forbidden()
        if envelope.version < since:
            raise bad_request("upgrade_api_version", "X-API-Version", f"Available from API version {since} on")
        call = Call(request, envelope.version, envelope.caller, envelope.request_id, envelope.ignore_filters)
        return JSONResponse(await handler(call))

    def _choose(method: str) -> tuple[Handler, Scope]:
        """Vendor document: `read:*` is every GET, `write:*` every other method."""
        return (post, "write:*") if post is not None and method == "POST" else (get, "read:*")

    return Route(path, endpoint, methods=["GET"] if post is None else ["GET", "POST"])


def visible(record: R | None, call: Call, shown: Callable[[R, ApiVersion], bool]) -> R:
    """Let a record pass if it exists, is the caller's organisation's, and the version knows of it.

    Args:
        record: What was found, or None.
        call: Who asks.
        shown: The view's word on what a version knows of.

    Returns:
        The record.

    Raises:
        ApiError: 404 otherwise, the same in all three cases, so that nobody learns of another organisation's objects.
    """
    if record is None or record.organisation != call.organisation or not shown(record, call.version):
        raise not_found()
    return record
