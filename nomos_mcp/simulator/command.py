"""`nomos-mcp simulator`: says where it is, that its data is invented, and how to get in; then serves."""

import errno
import sys
from datetime import datetime
from typing import Final

from nomos_mcp.simulator.app import Simulator
from nomos_mcp.simulator.clock import real_clock
from nomos_mcp.simulator.demo.catalogue import DEMO
from nomos_mcp.simulator.serve import HOST, bound, serve, url_of
from nomos_mcp.simulator.versions import ApiVersion

_MANY: Final = 10_000  # orders past which a start takes longer than a second
_WHY: Final = {
    errno.EADDRINUSE: "it is in use. Choose another one with --port, or --port 0 for any that is free",
    errno.EACCES: "this user may not use it. Choose one above 1023 with --port",
}


def run(
    port: int,
    *,
    seed: int,
    orders: int,
    api_version: ApiVersion,
    rate_limit: int | None,
    stand_still: datetime | None,
    days_per_second: float,
) -> int:
    """Serve a simulator until SIGINT or SIGTERM.

    Args:
        port: On loopback; 0 for any that is free.
        seed: As for `Simulator`.
        orders: As for `Simulator`.
        api_version: As for `Simulator`.
        rate_limit: As for `Simulator`.
        stand_still: Where its clock stands; None takes the machine's.
        days_per_second: As for `Simulator`.

    Returns:
        The exit code: 0 done, 1 the port cannot be had.
    """
    try:
        listener = bound(port)
    except OSError as error:
        why = _WHY.get(error.errno or 0, error.strerror)
        sys.stderr.write(f"nomos-mcp: port {port} on {HOST} cannot be had: {why}.\n")
        return 1
    if orders > _MANY:
        sys.stderr.write(f"nomos-mcp: inventing {orders} orders ...\n")
    simulator = Simulator(
        seed,
        now=real_clock if stand_still is None else lambda: stand_still,
        days_per_second=days_per_second,
        rate_limit=rate_limit,
        orders=orders,
        api_version=api_version,
    )
    url = url_of(listener)
    # On one line what must not be missed: whoever reads a log that is cut off reads this.
    sys.stdout.write(
        f"Simulator of the Nomos API at {url}: ALL DATA IS INVENTED.\n"
        f"  client ID and secret  {DEMO.client_id} {DEMO.client_secret}\n"
        f"  or a static key       {DEMO.access_token}\n"
        f"  API version           {api_version} without X-API-Version\n"
        f"  control               {url}/_simulator/\n"
        "Ctrl-C ends it.\n"
    )
    sys.stdout.flush()
    serve(simulator, listener)
    return 0
