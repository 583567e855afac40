"""A simulated Nomos API. All of its data is invented.

It knows the API as the vendor documents it, and nothing of the client, the lifecycle texts or the server: they and the
simulator agree because tests say so, not because they share code.

    world_records      the records, in no version's words; with world, world_clock
    order_transitions  what can happen to an order; with scheduler
    demo_data          the named cases and `DEMO`; with demo_world
    order_views        how each version writes orders; object_views: everything else
    api_routes         the API's paths; with api_middleware, api_format, access_tokens, list_queries
    faults             what goes wrong on demand; with fault_middleware
    webhooks           events sent to receivers
    control_routes     `/_simulator/`: all of this over HTTP
    simulation         the world in time, without HTTP; simulator_app: the ASGI application over it
    simulator_server   the simulator on a port
    testing            fixtures for pytest
"""

from nomos_mcp.simulator.demo_data import DEMO
from nomos_mcp.simulator.faults import Fault
from nomos_mcp.simulator.order_views import TargetState
from nomos_mcp.simulator.simulator_app import Simulator

__all__ = ["DEMO", "Fault", "Simulator", "TargetState"]
