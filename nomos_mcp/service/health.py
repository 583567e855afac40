"""Whether the process lives, and whether it could answer a question right now. Tells nothing more than that."""

import time
from collections.abc import Callable
from typing import Final

import anyio
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from nomos_mcp.client import NomosClient, NomosError
from nomos_mcp.service.constants import READY_CACHED, READY_DEADLINE

_NO_STORE: Final = {"cache-control": "no-store"}


class Readiness:
    """Whether the credentials work and upstream answers. Asked once in a while, however often it is looked at.

    Args:
        client: Asked for one subscription, which every API version has.
        clock: Seconds that only go forward; for tests.
    """

    def __init__(self, client: NomosClient, clock: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._clock = clock
        self._turn = anyio.Lock()
        self._ready = False
        self._until = float("-inf")

    async def ready(self) -> bool:
        """Return whether a question could be answered, at most ten seconds old."""
        async with self._turn:
            if self._clock() >= self._until:
                self._ready = await self._asked()
                self._until = self._clock() + READY_CACHED
            return self._ready

    async def _asked(self) -> bool:
        try:
            with anyio.fail_after(READY_DEADLINE):
                await self._client.subscriptions.list(limit=1)
        except (NomosError, TimeoutError):
            return False
        return True


def health_routes(readiness: Readiness) -> list[Route]:
    """Return `/healthz` and `/readyz`; they ask for no token, and take every `Host`, as probes use addresses."""

    async def healthz(_: Request) -> JSONResponse:
        return JSONResponse({"alive": True}, headers=_NO_STORE)

    async def readyz(_: Request) -> JSONResponse:
        ready = await readiness.ready()
        return JSONResponse({"ready": ready}, 200 if ready else 503, _NO_STORE)

    return [Route("/healthz", healthz), Route("/readyz", readyz)]
