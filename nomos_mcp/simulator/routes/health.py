"""`GET /health`: a plain `OK`, without a token."""

from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route


async def _health(_: Request) -> PlainTextResponse:
    return PlainTextResponse("OK")


def routes() -> list[Route]:
    """Build the route."""
    return [Route("/health", _health, methods=["GET"])]
