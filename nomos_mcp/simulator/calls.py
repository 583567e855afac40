"""One request on its way through the simulator: what the gate found out, and what a handler may ask of it."""

from dataclasses import dataclass
from typing import Final

from starlette.requests import Request

from nomos_mcp.simulator.lists.pages import Query
from nomos_mcp.simulator.tokens import Caller
from nomos_mcp.simulator.versions import ApiVersion

_SCOPE_KEY: Final = "nomos_mcp.simulator.envelope"


@dataclass(frozen=True, slots=True)
class Envelope:
    """What the gate knows of a request before any route is looked at.

    Attributes:
        version: The version the request is processed with.
        request_id: For the error body.
        caller: Who shows a good token; None otherwise.
        ignore_filters: A fault: lists answer as if no filter had been sent.
    """

    version: ApiVersion
    request_id: str
    caller: Caller | None
    ignore_filters: bool = False

    def attach(self, request: Request) -> None:
        """Leave this for the routes to find."""
        request.scope[_SCOPE_KEY] = self

    @staticmethod
    def of(request: Request) -> "Envelope":
        """Find what the gate left."""
        envelope: Envelope = request.scope[_SCOPE_KEY]
        return envelope


@dataclass(frozen=True, slots=True)
class Call:
    """An authorised request, as a resource's handler sees it."""

    request: Request
    version: ApiVersion
    caller: Caller
    request_id: str
    ignore_filters: bool = False

    @property
    def organisation(self) -> str:
        """Whose records the caller may see."""
        return self.caller.client.organisation

    @property
    def object_id(self) -> str:
        """The `{id}` of the path."""
        return str(self.request.path_params["id"])

    @property
    def query(self) -> Query:
        """The list that is asked for."""
        parameters = self.request.query_params.multi_items()
        return Query(self.organisation, self.version, self.request.url.path, parameters, self.ignore_filters)
