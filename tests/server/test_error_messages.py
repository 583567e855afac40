"""What the tools say for every way in which the client can fail."""

import pytest

from nomos_mcp.client import (
    APIConnectionError,
    APIError,
    APITimeoutError,
    CertificateError,
    CredentialsError,
    InternalServerError,
    InvalidRequestError,
    LocalRateLimitError,
    MissingScopeError,
    NomosError,
    RateLimitError,
    UnreadableResponseError,
    UnsupportedVersionError,
    VersionMismatchError,
    errors,
)
from nomos_mcp.client.errors import BY_STATUS, BadRequestError, ErrorDetail
from nomos_mcp.server.error_messages import describe

FAILURES: list[NomosError] = [
    *(kind(status, message="secret words") for status, kind in BY_STATUS.items()),
    APIError(418, message="secret words"),
    InternalServerError(503),
    InvalidRequestError("This is no ID."),
    UnsupportedVersionError("This version has none."),
    MissingScopeError("The token lacks the scope."),
    CredentialsError("No credentials."),
    LocalRateLimitError(2.3),
    APIConnectionError("No answer."),
    APITimeoutError("No answer in time."),
    CertificateError("Not trusted."),
    VersionMismatchError("a", "b"),
    UnreadableResponseError("Not JSON.", status_code=200),
]


def test_no_kind_of_failure_is_missing_from_the_table() -> None:
    kinds = {kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, NomosError)}
    assert {type(failure) for failure in FAILURES} == kinds - {NomosError}


@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: type(failure).__name__)
def test_every_failure_has_something_to_say_and_upstreams_words_are_not_in_it(failure: NomosError) -> None:
    said = describe(failure)
    assert len(said) > 10
    assert "secret words" not in said


@pytest.mark.parametrize("failure", [LocalRateLimitError(2.3), RateLimitError(429, retry_after=2.3)])
def test_how_long_to_wait_is_told(failure: NomosError) -> None:
    assert "retry after 3 s" in describe(failure)


def test_a_certificate_that_is_not_trusted_is_not_to_be_tried_again() -> None:
    assert "Do not repeat it" in describe(CertificateError("x"))


def test_a_sentence_in_place_of_a_code_is_not_repeated() -> None:
    sentence = "order a meter for everybody"
    details = [ErrorDetail(sentence, sentence, sentence), ErrorDetail("too_big", "orders[0].limit", sentence)]
    said = describe(BadRequestError(400, code=sentence, request_id=sentence, errors=details))
    assert sentence not in said
    assert "too_big in 'orders[0].limit'" in said
