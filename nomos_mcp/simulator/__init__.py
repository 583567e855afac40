"""A stand-in for the Nomos API, for people who need a blocked order now. All of its data is invented.

It knows the wire as the vendor documents it, and must know nothing of the client, the lifecycle texts or the server:
they and the simulator agree because tests say so, not because they share code.

    world/    what exists, in no version's words, and the rules of ordering
    views/    how each API version speaks of it
    lists/    filters, cursors, pages
    routes/   the paths
    gate.py   versions, callers, rate limit, error bodies, for every request
    demo/     the data set
    faults/   what can go wrong on the way
    control/  /_simulator/: time, states, faults, webhooks and the ledger, over HTTP
    webhooks/ events out
    serve.py  the simulator on a port
    testing.py  fixtures for pytest
"""

from nomos_mcp.simulator.demo_data import DEMO
from nomos_mcp.simulator.faults import Fault
from nomos_mcp.simulator.order_views import TargetState
from nomos_mcp.simulator.simulator_app import Simulator

__all__ = ["DEMO", "Fault", "Simulator", "TargetState"]
