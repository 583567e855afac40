"""The typed asynchronous client of the Nomos API.

Knows HTTP and the wire; nothing of MCP, nor of what a status means.
"""

from nomos_mcp.client.client import NomosClient
from nomos_mcp.client.errors import (
    APIConnectionError,
    APIError,
    APITimeoutError,
    BadRequestError,
    ConflictError,
    CredentialsError,
    ErrorDetail,
    ForbiddenError,
    InternalServerError,
    InvalidRequestError,
    MethodNotAllowedError,
    MissingScopeError,
    NomosError,
    NotFoundError,
    PaymentRequiredError,
    TooManyRequestsError,
    UnauthorizedError,
    UnprocessableEntityError,
    UnreadableAnswerError,
    UnsupportedVersionError,
    VersionMismatchError,
)
from nomos_mcp.client.models import CurieMeterOrder, EdisonMeterOrder, Event, EventContext, MeterOrder, Subscription
from nomos_mcp.client.pages import Listing, Page
from nomos_mcp.client.versions import API_VERSIONS, BATMAN, CHUCKY, CURIE, EDISON, ApiVersion

__all__ = [
    "API_VERSIONS",
    "BATMAN",
    "CHUCKY",
    "CURIE",
    "EDISON",
    "APIConnectionError",
    "APIError",
    "APITimeoutError",
    "ApiVersion",
    "BadRequestError",
    "ConflictError",
    "CredentialsError",
    "CurieMeterOrder",
    "EdisonMeterOrder",
    "ErrorDetail",
    "Event",
    "EventContext",
    "ForbiddenError",
    "InternalServerError",
    "InvalidRequestError",
    "Listing",
    "MeterOrder",
    "MethodNotAllowedError",
    "MissingScopeError",
    "NomosClient",
    "NomosError",
    "NotFoundError",
    "Page",
    "PaymentRequiredError",
    "Subscription",
    "TooManyRequestsError",
    "UnauthorizedError",
    "UnprocessableEntityError",
    "UnreadableAnswerError",
    "UnsupportedVersionError",
    "VersionMismatchError",
]
