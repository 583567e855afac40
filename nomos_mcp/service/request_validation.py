"""What a request's body has to be before the SDK sees it, the same in every revision of the protocol.

The SDK answers some of these with a dump of its own validation, some not at all, and in each revision differently.
"""

from collections.abc import Mapping
from typing import Any, Final

import pydantic_core
from mcp.types import (
    HEADER_MISMATCH,
    INVALID_REQUEST,
    PARSE_ERROR,
    PROTOCOL_VERSION_META_KEY,
    jsonrpc_message_adapter,
)
from pydantic import ValidationError
from starlette.datastructures import Headers
from starlette.responses import JSONResponse, Response
from starlette.types import Scope

from nomos_mcp.server.tools import ORDER_TOOL
from nomos_mcp.service.auth.admission import Challenges, insufficient_to_order
from nomos_mcp.service.constants import MAX_ECHO

_VERSION: Final = "mcp-protocol-version"


class RequestValidation:
    """Judges bodies.

    Args:
        challenges: What is answered to a token that does not suffice; None if no token is asked for.
    """

    def __init__(self, challenges: Challenges | None) -> None:
        self._challenges = challenges

    def __call__(self, scope: Scope, body: bytes) -> Response | None:
        """Return the answer to a request that is refused for its body, or None."""
        try:
            message = pydantic_core.from_json(body)
        except ValueError:
            return _error(PARSE_ERROR, "The body is not JSON.")
        if not isinstance(message, dict):
            return _error(INVALID_REQUEST, "The body has to be one JSON-RPC message. Batches are not supported.")
        request_id = message.get("id", "")
        if not isinstance(request_id, str | int | float) or len(str(request_id)) > MAX_ECHO:
            return _error(INVALID_REQUEST, f"The id has to be a number or a string of at most {MAX_ECHO} characters.")
        known_id = request_id if "id" in message else None
        try:
            jsonrpc_message_adapter.validate_python(message, by_name=False)
        except ValidationError:
            return _error(INVALID_REQUEST, "The body is not a JSON-RPC 2.0 message.", known_id)
        return self._refused(scope, message, known_id)

    def _refused(self, scope: Scope, message: Mapping[str, Any], request_id: object) -> Response | None:
        method, params = message.get("method", ""), message.get("params") or {}
        meta = params.get("_meta")
        meta = meta if isinstance(meta, dict) else {}
        if max(len(method), len(str(meta.get("progressToken", "")))) > MAX_ECHO:
            text = f"A method and a progress token have at most {MAX_ECHO} characters."
            return _error(INVALID_REQUEST, text, request_id)
        stated = Headers(scope=scope).get(_VERSION)
        if len(stated or "") > MAX_ECHO or meta.get(PROTOCOL_VERSION_META_KEY, stated) != stated:
            text = f"The header MCP-Protocol-Version does not match {PROTOCOL_VERSION_META_KEY} in _meta."
            return _error(HEADER_MISMATCH, text, request_id)
        if self._challenges and method == "tools/call" and params.get("name") == ORDER_TOOL:
            return insufficient_to_order(scope, self._challenges)
        return None


def _error(code: int, message: str, request_id: object = None) -> Response:
    return JSONResponse({"jsonrpc": "2.0", "id": request_id, "error": {"code": code, "message": message}}, 400)
