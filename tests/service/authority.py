"""An issuer of tokens with keys of its own, and a JWKS endpoint that can be made to misbehave."""

import json
import time
from typing import Any

import anyio
import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import ECAlgorithm, RSAAlgorithm
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from nomos_mcp.settings import HttpSettings

ISSUER = "https://id.example"
PUBLIC_URL = "https://mcp.example.com/mcp"

RSA_KEY = rsa.generate_private_key(65537, 2048)
EC_KEY = ec.generate_private_key(ec.SECP256R1())
STRANGER = rsa.generate_private_key(65537, 2048)


class Authority:
    """Issues tokens and serves its keys.

    Attributes:
        keys: What the key set holds.
        content: Served instead of the key set, if not None.
        status: Of the answer.
        delay: Seconds until the answer.
        asked: How often the keys were asked for.
    """

    def __init__(self) -> None:
        self.keys: list[dict[str, Any]] = [
            {**as_jwk(RSAAlgorithm.to_jwk(RSA_KEY.public_key())), "kid": "rsa", "use": "sig"},
            {**as_jwk(ECAlgorithm.to_jwk(EC_KEY.public_key())), "kid": "ec", "alg": "ES256"},
            {"kty": "oct", "k": "c2VjcmV0", "kid": "oct"},
            {**as_jwk(RSAAlgorithm.to_jwk(STRANGER.public_key())), "kid": "enc", "use": "enc"},
        ]
        self.content: bytes | None = None
        self.status = 200
        self.delay = 0.0
        self.asked = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        self.asked += 1
        await anyio.sleep(self.delay)
        content = json.dumps({"keys": self.keys}).encode() if self.content is None else self.content
        location = {"location": str(Request(scope).url)}
        await Response(content, self.status, location, "application/json")(scope, receive, send)


def settings(url: str, **more: Any) -> HttpSettings:
    """Return settings that trust the authority behind a URL."""
    chosen = {"issuer": ISSUER, "audience": PUBLIC_URL, "public_url": PUBLIC_URL, "jwks_url": f"{url}/jwks", **more}
    return HttpSettings(**chosen)


def token(
    key: Any = RSA_KEY, algorithm: str = "RS256", kid: str | None = "rsa", typ: Any = "JWT", **claims: Any
) -> str:
    """Return a token that is valid but for what is said; what is None is left out."""
    now = int(time.time())
    usual = {
        "iss": ISSUER,
        "aud": PUBLIC_URL,
        "sub": "support-bot",
        "iat": now,
        "exp": now + 86_400,
        "scope": "orders:read orders:write org",
    }
    kept = {name: value for name, value in {**usual, **claims}.items() if value is not None}
    return jwt.encode(kept, key, algorithm, headers={"typ": typ, **({} if kid is None else {"kid": kid})})


def public_key_pem() -> bytes:
    """Return the public key as everybody can have it."""
    return RSA_KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def as_jwk(text: str | dict[str, Any]) -> dict[str, Any]:
    """Return a key as the key set holds it."""
    found: dict[str, Any] = json.loads(text) if isinstance(text, str) else text
    return found
