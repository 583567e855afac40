"""Reading JSON bodies."""

import json
from collections.abc import Mapping

from nomos_mcp.simulator.errors import bad_request


def json_object(body: bytes) -> Mapping[str, object]:
    """Read a body that must be a JSON object.

    Args:
        body: As it came.

    Returns:
        Its fields; unknown ones are for the reader to ignore.

    Raises:
        ApiError: 400, it is no JSON, or not an object.
    """
    try:
        value: object = json.loads(body)
    except (ValueError, RecursionError):
        raise bad_request("custom", "body", "Malformed JSON in request body") from None
    if not isinstance(value, dict):
        raise bad_request("invalid_type", "body", "Invalid input: expected object")
    return value
