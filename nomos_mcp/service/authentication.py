"""Who calls: bearer tokens (RFC 6750) are checked and turned into callers.

A token is looked at here and kept nowhere: it does not travel upstream, into a log or into an answer.
"""

import time
from collections.abc import Mapping
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, Final

import jwt
from jwt.exceptions import ExpiredSignatureError, ImmatureSignatureError, PyJWTError
from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from starlette.authentication import AuthCredentials, AuthenticationBackend
from starlette.requests import HTTPConnection

from nomos_mcp.client.errors import InvalidRequestError
from nomos_mcp.client.ids import checked
from nomos_mcp.organisations_file import ORGANISATION
from nomos_mcp.server.request_context import ORG, SCOPES, Caller, CallerToken
from nomos_mcp.service.authorization import InvalidTokenError
from nomos_mcp.service.http_limits import CLOCK_SKEW
from nomos_mcp.service.jwks import JwksCache
from nomos_mcp.service.token_file import PREFIX, TokenFile
from nomos_mcp.settings import HttpSettings

if TYPE_CHECKING:
    from jwt.types import Options

ALGORITHMS: Final = frozenset(
    {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}
)
"""Asymmetric ones only: with a shared secret, whoever can check a token could make one."""

_OPTIONS: Final["Options"] = {"require": ["exp", "iss", "aud"], "enforce_minimum_key_length": True}
_TYPES: Final = frozenset({"jwt", "at+jwt", "application/at+jwt"})  # of access tokens (RFC 9068); many say only JWT

MALFORMED: Final = "(malformed)"
"""Stands for a claim that is no name of an organisation, and is none itself."""

_INVALID: Final = "This token is not valid for this server. Get one from its authorization server."
_EXPIRED: Final = "This token has expired. Get a new one."
_EARLY: Final = "This token is not valid yet. Use it later, and check both clocks."


class BearerAuthentication(AuthenticationBackend):
    """Checks JWTs if an issuer is trusted, and the tokens of `nomos-mcp token` if there is a file of them."""

    def __init__(self, verifier: "JwtVerifier | None", file: TokenFile | None) -> None:
        self._verifier = verifier
        self._file = file

    async def authenticate(self, conn: HTTPConnection) -> tuple[AuthCredentials, AuthenticatedUser] | None:
        scheme, _, token = conn.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            return None
        found = await self._checked(token.strip())
        return AuthCredentials(found.scopes), AuthenticatedUser(found)

    async def _checked(self, token: str) -> CallerToken:
        if self._file is not None and token.startswith(PREFIX):
            return self._file.check(token)
        if self._verifier is not None:
            return await self._verifier.check(token)
        raise InvalidTokenError("This server accepts only tokens that its operator made with `nomos-mcp token add`.")


class JwtVerifier:
    """Checks JWTs (RFC 7519, RFC 9068) of one issuer, signed with a private key that only the issuer has."""

    def __init__(self, http: HttpSettings, keys: JwksCache) -> None:
        self._http = http
        self._keys = keys

    async def check(self, token: str) -> CallerToken:
        algorithm, kid = _header(token.partition(".")[0])
        key = await self._keys.find(kid, algorithm)
        if key is None:
            raise InvalidTokenError(_INVALID)
        try:
            claims = jwt.decode(
                token,
                key,
                algorithms=[algorithm],
                issuer=self._http.issuer,
                audience=self._http.audience,
                leeway=CLOCK_SKEW,
                options=_OPTIONS,
            )
        except ExpiredSignatureError:
            raise InvalidTokenError(_EXPIRED) from None
        except ImmatureSignatureError:
            raise InvalidTokenError(_EARLY) from None
        except (PyJWTError, ValueError, TypeError, OverflowError, RecursionError):
            raise InvalidTokenError(_INVALID) from None
        if not _lasts(claims):
            raise InvalidTokenError(_EXPIRED)
        return self._caller_token(claims)

    def _caller_token(self, claims: Mapping[str, Any]) -> CallerToken:
        client_id = str(claims.get("client_id") or claims.get("azp") or claims.get("sub") or "")
        subject = str(claims.get("sub") or client_id)
        if not subject or not subject.isprintable():  # JSON may hold half a character, which cannot be written
            raise InvalidTokenError(_INVALID)
        customer_id, scopes = self._customer(claims), _scopes(claims, self._http.scope_prefix)
        caller = Caller(
            name=subject,
            customer_id=customer_id,
            scopes=scopes - {ORG} if customer_id else scopes,
            organisation=self._organisation(claims),
        )
        return CallerToken(
            token="",  # checked, and not kept
            client_id=client_id,
            scopes=sorted(caller.scopes),
            subject=subject,
            claims={"iss": self._http.issuer},
            caller=caller,
            still_holds=partial(_lasts, {"exp": claims["exp"]}),
        )

    def _customer(self, claims: Mapping[str, Any]) -> str:
        """A malformed claim must not lift the restriction to one customer."""
        claim = self._http.customer_claim
        if claim not in claims:
            return ""
        customer_id = _single(claims[claim])
        try:
            return checked(customer_id if isinstance(customer_id, str) else "", "customer")
        except InvalidRequestError:
            raise InvalidTokenError(
                f"The claim {claim} of this token is not a customer ID (cus_…). Get another token."
            ) from None

    def _organisation(self, claims: Mapping[str, Any]) -> str:
        """Return whose caller this is; what is no name of an organisation becomes one that nobody has."""
        if self._http.organisation_claim not in claims:
            return ""
        name = _single(claims[self._http.organisation_claim])
        return name if isinstance(name, str) and ORGANISATION.fullmatch(name) else MALFORMED


def _single(claim: object) -> object:
    """Return the value of a claim: a list of one stands for its item, as Entra ID sends attributes of its directory."""
    return claim[0] if isinstance(claim, list) and len(claim) == 1 else claim


def _lasts(claims: Mapping[str, Any]) -> bool:
    """Whether a token has not expired. No leeway here: the issuer chose the end."""
    return int(claims["exp"]) > time.time()


@lru_cache(maxsize=16)  # an issuer's tokens begin with one of a few
def _header(encoded: str) -> tuple[str, str]:
    """Return algorithm and key ID, of a token's first part; unverified, they only decide which key to try."""
    try:
        header = jwt.get_unverified_header(f"{encoded}..")
    except (PyJWTError, ValueError, TypeError, RecursionError):
        raise InvalidTokenError(_INVALID) from None
    algorithm, kid, kind = header.get("alg"), header.get("kid", ""), header.get("typ", "JWT")
    if not isinstance(algorithm, str) or algorithm not in ALGORITHMS or not isinstance(kid, str):
        raise InvalidTokenError(_INVALID)
    if not isinstance(kind, str) or kind.lower() not in _TYPES:
        raise InvalidTokenError(_INVALID)  # what the issuer signs for another purpose, such as a logout token
    return algorithm, kid


def _scopes(claims: Mapping[str, Any], prefix: str) -> frozenset[str]:
    """Return the known scopes, from `scope` (RFC 9068) or `scp`, which some issuers use instead.

    Entra ID states in `roles` what an application may do by itself. Roles count only in a token that is marked as such
    an application's: those of a person are more than the person let the client do, and ID tokens have them too.

    Its `scp`, a text, is what a client may do for any person, once one administrator has agreed. So `org` counts there
    only if the roles name it as well. Issuers that write a list decide on each person.

    Args:
        claims: What the token says.
        prefix: May stand before each name. Entra ID needs it in roles, as a role must not have the name of a scope.
    """
    roles = _known(claims.get("roles"), prefix)
    if "scope" in claims:
        return _known(_words(claims["scope"]), prefix)
    if "scp" in claims:
        scopes = _known(_words(claims["scp"]), prefix)
        return scopes - {ORG} if isinstance(claims["scp"], str) and ORG not in roles else scopes
    return roles if claims.get("idtyp") == "app" else frozenset()


def _words(stated: object) -> object:
    return stated.split(" ") if isinstance(stated, str) else stated


def _known(names: object, prefix: str) -> frozenset[str]:
    words = [each for each in names if isinstance(each, str)] if isinstance(names, list) else []
    return frozenset(SCOPES).intersection(word.removeprefix(prefix) for word in words)
