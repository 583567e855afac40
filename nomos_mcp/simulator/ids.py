"""Identifiers: a prefix and 24 lower-case letters or digits, the same in every process.

Named things carry their name in the ID (`prdo_blockedcheckmissing00000`); the rest is a digest of what makes them
unique.
"""

from hashlib import sha256
from typing import Final
from uuid import UUID, uuid5

_LENGTH: Final = 24
_ALPHABET: Final = "0123456789abcdefghijklmnopqrstuvwxyz"
_REQUESTS: Final = UUID("6e6f6d6f-732d-4d43-902d-726571756573")


def telling(prefix: str, name: str) -> str:
    """Build an ID in which a person recognises the name.

    Args:
        prefix: The kind of object, `prdo` say.
        name: Lower-case words joined by underscores, at most 24 characters without these.

    Returns:
        The prefix, an underscore, and the name filled up with zeros.

    Raises:
        ValueError: The name is too long, or holds something else than lower-case letters, digits and underscores.
    """
    word = name.replace("_", "")
    if len(word) > _LENGTH or not set(word) <= set(_ALPHABET):
        raise ValueError(f"{name!r} does not fit an ID: use at most {_LENGTH} lower-case letters or digits.")
    return f"{prefix}_{word:0<{_LENGTH}}"


def digested(prefix: str, *parts: str) -> str:
    """Build an ID that follows from the given parts and nothing else."""
    text = "\n".join((prefix, *parts))
    return f"{prefix}_{sha256(text.encode()).hexdigest()[:_LENGTH]}"


def request_id(seed: int, number: int) -> str:
    """Build the `requestId` of the n-th request: a UUID, as the vendor's are, but the same in every run."""
    return str(uuid5(_REQUESTS, f"{seed}:{number}"))
