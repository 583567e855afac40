"""Why a token is not taken. The text goes to the caller: it says what to do, and nothing about keys or files."""

from starlette.authentication import AuthenticationError


class TokenRefusedError(AuthenticationError):
    """The token is wrong; another one may do."""


class TokensUncheckableError(AuthenticationError):
    """No token can be checked right now; the same one may do later."""
