"""Bodies that are not what the API documents."""

import json
from collections.abc import Callable

from nomos_mcp.simulator.faults.fault import Fault

UNDOCUMENTED: str = "undocumented_by_now"
"""What a field holds where a fault with a new enum value names none."""


def spoiled(fault: Fault, body: bytes) -> bytes:
    """Do to a body what a fault does.

    Args:
        fault: Of any kind; the kinds that leave bodies alone change nothing.
        body: What the API would have answered.

    Returns:
        The new body; the old one where it is no JSON object, or has no such field.
    """
    match fault.kind:
        case "truncated_body":
            return body[: len(body) // 2]
        case "wrong_type_body":
            if fault.field is None:
                return b'["not", "an", "object"]'
            return _rewritten(body, fault.field, lambda value: 42 if isinstance(value, str) else "not what it was")
        case "new_enum_value":
            word = fault.value if fault.value is not None else UNDOCUMENTED
            return _rewritten(body, fault.field or "status", lambda _: word)
        case _:
            return body


def _rewritten(body: bytes, field: str, change: Callable[[object], object]) -> bytes:
    try:
        content = json.loads(body)
    except ValueError:
        return body
    if not isinstance(content, dict):
        return body
    items = content.get("items")
    # A list's own fields can be meant too (`items`, `next_page`); where the list has none of that name, its items are.
    subjects = [content] if field in content or not isinstance(items, list) else items
    for subject in subjects:
        if field in subject:
            subject[field] = change(subject[field])
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
