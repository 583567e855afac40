"""How the service says no, before a request reaches the MCP face."""

from collections.abc import Mapping

from starlette.responses import JSONResponse


def refusal(status: int, error: str, message: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """Return a refusal.

    Args:
        status: HTTP status code.
        error: A word to switch on.
        message: What happened, and what to do next.
        headers: Further headers.
    """
    return JSONResponse(
        {"error": error, "error_description": message}, status, {"cache-control": "no-store", **(headers or {})}
    )
