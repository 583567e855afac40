"""The typed asynchronous client of the Nomos API.

Knows HTTP and the wire; nothing of MCP, nor of what a status means.
"""

from nomos_mcp.client.client import NomosClient
from nomos_mcp.client.constants import API_VERSIONS, BATMAN, CHUCKY, CURIE, EDISON, ApiVersion
from nomos_mcp.client.errors import (
    APIConnectionError,
    APIError,
    APITimeoutError,
    AuthenticationError,
    BadRequestError,
    CertificateError,
    ConflictError,
    CredentialsError,
    ErrorDetail,
    InternalServerError,
    InvalidRequestError,
    LocalRateLimitError,
    MethodNotAllowedError,
    MissingScopeError,
    NomosError,
    NotFoundError,
    PaymentRequiredError,
    PermissionDeniedError,
    RateLimitError,
    UnprocessableEntityError,
    UnreadableResponseError,
    UnsupportedVersionError,
    VersionMismatchError,
)
from nomos_mcp.client.models import (
    CurieMeterOrder,
    EdisonMeterOrder,
    Event,
    EventContext,
    MeterOrder,
    NomosObject,
    Subscription,
)
from nomos_mcp.client.pages import Listing, Page
from nomos_mcp.client.personal_data import PersonalData
from nomos_mcp.client.rate_limit_headers import RateLimitHeaders
from nomos_mcp.client.time_source import Timing

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
    "AuthenticationError",
    "BadRequestError",
    "CertificateError",
    "ConflictError",
    "CredentialsError",
    "CurieMeterOrder",
    "EdisonMeterOrder",
    "ErrorDetail",
    "Event",
    "EventContext",
    "InternalServerError",
    "InvalidRequestError",
    "Listing",
    "LocalRateLimitError",
    "MeterOrder",
    "MethodNotAllowedError",
    "MissingScopeError",
    "NomosClient",
    "NomosError",
    "NomosObject",
    "NotFoundError",
    "Page",
    "PaymentRequiredError",
    "PermissionDeniedError",
    "PersonalData",
    "RateLimitError",
    "RateLimitHeaders",
    "Subscription",
    "Timing",
    "UnprocessableEntityError",
    "UnreadableResponseError",
    "UnsupportedVersionError",
    "VersionMismatchError",
]
