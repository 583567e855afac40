"""What goes wrong on demand, for which requests, and how often."""

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from random import Random
from typing import Annotated, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

FaultKind = Literal[
    "status",
    "delay",
    "reset",
    "truncated_body",
    "wrong_type_body",
    "wrong_version",
    "expired_token",
    "ignored_filter",
    "new_enum_value",
]

_OPTIONS: Final[Mapping[str, Sequence[FaultKind]]] = {
    "status": ("status",),
    "seconds": ("delay",),
    "after_commit": ("status", "delay", "reset"),
    "field": ("wrong_type_body", "new_enum_value"),
    "value": ("wrong_version", "new_enum_value"),
}


class Fault(BaseModel):
    """Something that goes wrong, for the requests that it matches; docs/simulator.md says what each kind does.

    Attributes:
        method: Empty for any.
        path: `*` stands for any characters: `/meter-orders/*`.
        count: How many requests it affects; None until it is removed.
        skip: How many matching requests pass first.
        probability: Of affecting a matching request, drawn from the simulator's seed.
        after_commit: It happens after the request was carried out, and what that wrote stays. Otherwise it happens
            before, and with `status` and `reset` the request is never carried out.
        field: Of the object, or of each item of a list. Without it, `new_enum_value` changes `status`.
        value: For `new_enum_value` the word; for `wrong_version` the version, and an empty one leaves the header out.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    kind: FaultKind
    method: Literal["", "GET", "POST", "PUT", "PATCH", "DELETE"] = ""
    path: Annotated[str, Field(pattern=r"^[/*]", max_length=200)] = "*"
    count: Annotated[int, Field(ge=1)] | None = None
    skip: Annotated[int, Field(ge=0)] = 0
    probability: Annotated[float, Field(gt=0, le=1)] = 1.0
    status: Annotated[int, Field(ge=400, le=599)] | None = None
    seconds: Annotated[float, Field(gt=0, le=3600)] | None = None
    after_commit: bool = False
    field: Annotated[str, Field(min_length=1, max_length=100)] | None = None
    value: Annotated[str, Field(max_length=100, pattern=r"^[^\x00-\x1f\x7f]*$")] | None = None

    @model_validator(mode="after")
    def _fits_its_kind(self) -> Self:
        for option, kinds in _OPTIONS.items():
            if option in self.model_fields_set and self.kind not in kinds:
                raise ValueError(f"{option!r} means nothing to {self.kind!r}; it belongs to {', '.join(kinds)}")
        if self.kind == "wrong_version" and not (self.value or "").isascii():
            raise ValueError("a version travels in a header: 'value' has to be ASCII")
        for option in ("status", "seconds"):
            if self.kind in _OPTIONS[option] and getattr(self, option) is None:
                raise ValueError(f"{self.kind!r} needs {option!r}")
        return self


class Faults:
    """`active` has every fault that was not removed, by ID, oldest first; those whose `count` is used up too."""

    def __init__(self, seed: int) -> None:
        self._rng = Random(seed)  # noqa: S311 - must repeat
        self.active: dict[str, Fault] = {}
        self._matched: dict[str, int] = {}
        self._struck: dict[str, int] = {}

    def add(self, fault: Fault) -> str:
        """Return the fault's ID, for `struck` and `remove`."""
        fault_id = f"fault_{len(self._struck) + 1}"
        self.active[fault_id] = fault
        self._matched[fault_id] = self._struck[fault_id] = 0
        return fault_id

    def struck(self, fault_id: str) -> int:
        """Return how many requests a fault has affected, removed or not; KeyError if there never was such a fault."""
        return self._struck[fault_id]

    def remove(self, fault_id: str) -> None:
        del self.active[fault_id]

    def clear(self) -> None:
        self.active.clear()

    def draw(self, method: str, path: str) -> list[Fault]:
        """Choose the faults that affect a request, oldest first, and count them."""
        return [fault for fault_id, fault in self.active.items() if self._affects(fault_id, fault, method, path)]

    def _affects(self, fault_id: str, fault: Fault, method: str, path: str) -> bool:
        if fault.method not in {"", method} or not fnmatchcase(path, fault.path):
            return False
        self._matched[fault_id] += 1
        if self._matched[fault_id] <= fault.skip or (fault.count is not None and self._struck[fault_id] >= fault.count):
            return False
        if fault.probability < 1 and self._rng.random() >= fault.probability:
            return False
        self._struck[fault_id] += 1
        return True


Sleep = Callable[[float], Awaitable[None]]

RESET_EXTENSION: Final = "nomos_mcp.simulator.reset"
"""Key in `scope["extensions"]` of a function that resets the connection; the simulator's own server offers it."""


@dataclass(frozen=True, slots=True)
class FaultMiddleware:
    """ASGI middleware for one request: carries out its faults before the routes see it, and on the answer."""

    app: ASGIApp
    faults: Sequence[Fault]
    error_answer: Callable[[int], ASGIApp]
    sleep: Sleep

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if await self._ends(scope, receive, send, after_commit=False):
            return
        messages: list[Message] = []

        async def keep(message: Message) -> None:
            messages.append(dict(message))

        await self.app(scope, receive, keep)
        if await self._ends(scope, receive, send, after_commit=True):
            return
        for message in self._spoiled(messages):
            await send(message)

    async def _ends(self, scope: Scope, receive: Receive, send: Send, *, after_commit: bool) -> bool:
        """Carry out delays, resets and error answers; return whether one of them ended the request."""
        for fault in self.faults:
            if fault.after_commit != after_commit:
                continue
            if fault.kind == "delay" and fault.seconds is not None:
                await self.sleep(fault.seconds)
            elif fault.kind == "reset":
                if not after_commit:  # a client that is still sending would get another error than a reset
                    await Request(scope, receive).body()
                await _reset(scope, receive)
                return True
            elif fault.kind == "status" and fault.status is not None:
                await self.error_answer(fault.status)(scope, receive, send)
                return True
        return False

    def _spoiled(self, messages: Sequence[Message]) -> Sequence[Message]:
        start, *rest = messages
        body = b"".join(message.get("body", b"") for message in rest)
        changed = body
        for fault in self.faults if start["status"] < 400 else ():  # noqa: PLR2004  where HTTP's errors begin
            changed = _spoiled_body(fault, changed)
        if changed == body:
            return messages
        MutableHeaders(scope=start)["content-length"] = str(len(changed))
        return [start, {"type": "http.response.body", "body": changed}]


async def _reset(scope: Scope, receive: Receive) -> None:
    """Reset the connection; in process there is none, so raise what `httpx` raises for a reset."""
    reset = scope.get("extensions", {}).get(RESET_EXTENSION)
    if reset is None:
        import httpx  # noqa: PLC0415  the caller that gets here has httpx loaded already

        raise httpx.ReadError("Connection reset by the simulator, on demand")
    reset()
    while (await receive())["type"] != "http.disconnect":  # otherwise the server would answer in our place
        pass


def _spoiled_body(fault: Fault, body: bytes) -> bytes:
    """Apply a fault to a body; one that is no JSON object, or lacks the field, stays as it is."""
    if fault.kind == "truncated_body":
        return body[: len(body) // 2]
    if fault.kind == "wrong_type_body" and fault.field is None:
        return b'["not", "an", "object"]'
    if fault.kind not in {"wrong_type_body", "new_enum_value"}:
        return body
    try:
        content = json.loads(body)
    except ValueError:
        return body
    if not isinstance(content, dict):
        return body
    field = fault.field or "status"
    items = content.get("items")
    # The field may be a list's own (`items`, `next_page`); if the list has none of that name, its items are changed.
    for subject in [content] if field in content or not isinstance(items, list) else items:
        if field not in subject:
            continue
        if fault.kind == "new_enum_value":
            subject[field] = "undocumented_by_now" if fault.value is None else fault.value
        else:
            subject[field] = 42 if isinstance(subject[field], str) else "not what it was"
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
