"""Tokens of the operator's issuer: JWTs (RFC 7519, RFC 9068), signed with a private key that only the issuer has."""

import time
from collections.abc import Mapping
from typing import Any, Final

import jwt
from jwt.exceptions import ExpiredSignatureError, ImmatureSignatureError, PyJWTError

from nomos_mcp.client.errors import InvalidRequestError
from nomos_mcp.client.ids import checked
from nomos_mcp.server.request_context import ORG, SCOPES, Caller, CallerToken
from nomos_mcp.service.auth.errors import TokenRefusedError
from nomos_mcp.service.auth.keys import Keys
from nomos_mcp.service.constants import CLOCK_SKEW
from nomos_mcp.settings_http import HttpSettings

ALGORITHMS: Final = frozenset(
    {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}
)
"""Asymmetric ones only: with a shared secret, whoever can check a token could make one."""

_REFUSED: Final = "This token is not valid for this server. Get one from its authorization server."
_EXPIRED: Final = "This token has expired. Get a new one."
_EARLY: Final = "This token is not valid yet. Use it later, and check both clocks."


class Issuer:
    """Checks tokens of one issuer.

    Args:
        http: Issuer, audience, and the name of the customer claim.
        keys: The issuer's keys.
    """

    def __init__(self, http: HttpSettings, keys: Keys) -> None:
        self._issuer = http.issuer
        self._audience = http.audience
        self._customer_claim = http.customer_claim
        self._keys = keys

    async def check(self, token: str) -> CallerToken:
        """Return whom a token stands for.

        Raises:
            TokenRefusedError: It is malformed, expired, not valid yet, of another issuer, for another audience, or not
                signed by one of the issuer's keys, of sufficient length, with an allowed algorithm.
            TokensUncheckableError: The issuer's keys cannot be had.
        """
        algorithm, kid = _head(token)
        key = await self._keys.find(kid, algorithm)
        if key is None:
            raise TokenRefusedError(_REFUSED)
        try:
            claims = jwt.decode(
                token,
                key,
                algorithms=[algorithm],
                issuer=self._issuer,
                audience=self._audience,
                leeway=CLOCK_SKEW,
                options={"require": ["exp", "iss", "aud"], "enforce_minimum_key_length": True},
            )
        except ExpiredSignatureError:
            raise TokenRefusedError(_EXPIRED) from None
        except ImmatureSignatureError:
            raise TokenRefusedError(_EARLY) from None
        except (PyJWTError, ValueError, TypeError, OverflowError, RecursionError):
            raise TokenRefusedError(_REFUSED) from None
        if int(claims["exp"]) <= time.time():  # no leeway here: the issuer chose the end
            raise TokenRefusedError(_EXPIRED)
        return self._caller_token(claims)

    def _caller_token(self, claims: Mapping[str, Any]) -> CallerToken:
        client_id = str(claims.get("client_id") or claims.get("azp") or claims.get("sub") or "")
        subject = str(claims.get("sub") or client_id)
        if not subject:
            raise TokenRefusedError(_REFUSED)
        customer_id, scopes = self._customer(claims), _scopes(claims)
        caller = Caller(name=subject, customer_id=customer_id, scopes=scopes - {ORG} if customer_id else scopes)
        return CallerToken(
            token="",  # checked, and not kept
            client_id=client_id,
            scopes=sorted(caller.scopes),
            subject=subject,
            claims={"iss": self._issuer},
            caller=caller,
        )

    def _customer(self, claims: Mapping[str, Any]) -> str:
        """Return the customer that fences the caller in. A claim that makes no sense must not mean no fence."""
        if self._customer_claim not in claims:
            return ""
        customer_id = claims[self._customer_claim]
        try:
            return checked(customer_id if isinstance(customer_id, str) else "", "customer")
        except InvalidRequestError:
            raise TokenRefusedError(
                f"The claim {self._customer_claim} of this token is no customer ID (cus_…). Get another token."
            ) from None


def _head(token: str) -> tuple[str, str]:
    """Return algorithm and key ID. Nothing is decided by them but which key to try."""
    try:
        head = jwt.get_unverified_header(token)
    except (PyJWTError, ValueError, TypeError, RecursionError):
        raise TokenRefusedError(_REFUSED) from None
    algorithm, kid = head.get("alg"), head.get("kid", "")
    if not isinstance(algorithm, str) or algorithm not in ALGORITHMS or not isinstance(kid, str):
        raise TokenRefusedError(_REFUSED)
    return algorithm, kid


def _scopes(claims: Mapping[str, Any]) -> frozenset[str]:
    """Return the scopes that we know: of `scope` (RFC 9068), or `scp`, which some issuers have instead."""
    stated = claims.get("scope", claims.get("scp", ""))
    words = stated.split() if isinstance(stated, str) else stated if isinstance(stated, list) else []
    return frozenset(SCOPES).intersection(word for word in words if isinstance(word, str))
