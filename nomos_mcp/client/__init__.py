"""The typed asynchronous client of the Nomos API.

Knows HTTP and the wire; nothing of MCP, nor of what a status means.
"""

from nomos_mcp.client.client import NomosClient
from nomos_mcp.client.constants import API_VERSIONS, BATMAN, CHUCKY, CURIE, EDISON, ApiVersion
from nomos_mcp.client.errors import (
    APIConnectionError,
    APIError,
    APITimeoutError,
    BadRequestError,
    CertificateError,
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
    RateBudgetError,
    TooManyRequestsError,
    UnauthorizedError,
    UnprocessableEntityError,
    UnreadableAnswerError,
    UnsupportedVersionError,
    VersionMismatchError,
)
from nomos_mcp.client.models import (
    CurieMeterOrder,
    EdisonMeterOrder,
    Event,
    EventContext,
    MeterOrder,
    Record,
    Subscription,
)
from nomos_mcp.client.pages import Listing, Page
from nomos_mcp.client.personal_data import PersonalData
from nomos_mcp.client.rate_limit_headers import RateHints
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
    "BadRequestError",
    "CertificateError",
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
    "PersonalData",
    "RateBudgetError",
    "RateHints",
    "Record",
    "Subscription",
    "Timing",
    "TooManyRequestsError",
    "UnauthorizedError",
    "UnprocessableEntityError",
    "UnreadableAnswerError",
    "UnsupportedVersionError",
    "VersionMismatchError",
]
