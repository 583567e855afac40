"""A process that reads orders without a pause, with many callers, as the environment's settings say."""

import asyncio
import contextlib
import sys

from nomos_mcp.client import NomosError
from nomos_mcp.server.server_factory import client_of
from nomos_mcp.settings import Settings


async def main(callers: int) -> None:
    async with client_of(Settings.from_env()) as client:

        async def call(number: int) -> None:
            while True:
                with contextlib.suppress(NomosError):
                    await client.meter_orders.get(f"prdo_{number}")  # reads of one order at once would be one read

        async with asyncio.TaskGroup() as tasks:
            for number in range(callers):
                tasks.create_task(call(number))


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
