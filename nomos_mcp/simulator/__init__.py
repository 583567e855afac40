"""A simulated Nomos API. All of its data is invented.

It knows the API as the vendor documents it, and nothing of the client, the lifecycle texts or the server: they and the
simulator agree because tests say so, not because they share code.

    world, order_transitions   what exists and how it changes, without HTTP; demo_world fills it with demo_data
    api_routes, views          the API's paths and each version's words; requests pass api_middleware
    faults, webhooks           what goes wrong on demand; events sent to receivers
    control_routes             `/_simulator/`: all of this over HTTP
"""

from nomos_mcp.simulator.demo_data import DEMO
from nomos_mcp.simulator.faults import Fault
from nomos_mcp.simulator.simulator_app import Simulator
from nomos_mcp.simulator.views import TargetState

__all__ = ["DEMO", "Fault", "Simulator", "TargetState"]
