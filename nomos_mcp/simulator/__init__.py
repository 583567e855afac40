"""A stand-in for the Nomos API, for people who need a blocked order now. All of its data is invented.

It knows the wire as the vendor documents it, and must know nothing of the client, the lifecycle texts or the server:
they and the simulator agree because tests say so, not because they share code.

    world/    what exists, in no version's words, and the rules of ordering
    views/    how each API version speaks of it
    lists/    filters, cursors, pages
    routes/   the paths
    gate.py   versions, callers, rate limit, error bodies, for every request
    demo/     the data set
"""

from nomos_mcp.simulator.app import Simulator
from nomos_mcp.simulator.demo.catalogue import DEMO

__all__ = ["DEMO", "Simulator"]
