"""What goes wrong on demand, for which requests, and how often."""

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from random import Random
from typing import Annotated, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

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
    """Something that goes wrong, for the requests that it matches.

    Attributes:
        kind: What goes wrong.

            - `status`: an error answer instead of the real one;
            - `delay`: the answer takes `seconds` longer;
            - `reset`: the connection is reset, and no answer comes;
            - `truncated_body`: the second half of the body is missing;
            - `wrong_type_body`: a field has another JSON type, or, without `field`, the body is a list;
            - `wrong_version`: the answer's `X-API-Version` names another version;
            - `expired_token`: the access token has expired (a static key is refused this time);
            - `ignored_filter`: every `filter[...]` is ignored, as upstream ignores what it does not know;
            - `new_enum_value`: a field holds an undocumented word.
        method: The HTTP method; empty for any.
        path: The path; `*` stands for any characters: `/meter-orders/*`.
        count: How many requests it affects; None until it is removed.
        skip: How many matching requests pass first.
        probability: Of affecting a matching request, drawn from the simulator's seed.
        status: For `status`: 400 to 599.
        seconds: For `delay`.
        after_commit: For `status`, `delay` and `reset`: it happens after the request was carried out, and what that
            wrote stays. Otherwise it happens before, and with `status` and `reset` the request is never carried out.
        field: For `wrong_type_body` and `new_enum_value`: the field of the object, or of each item of a list. Without
            it, `new_enum_value` changes `status`.
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
    """The faults of a simulator; the seed decides on those with a probability.

    Attributes:
        active: Every fault that was not removed, by ID, oldest first; those whose `count` is used up too.
    """

    def __init__(self, seed: int) -> None:
        self._rng = Random(seed)  # noqa: S311 - must repeat
        self.active: dict[str, Fault] = {}
        self._matched: dict[str, int] = {}
        self._struck: dict[str, int] = {}

    def add(self, fault: Fault) -> str:
        """Start a fault with the next request; return its ID, for `struck` and `remove`."""
        fault_id = f"fault_{len(self._struck) + 1}"
        self.active[fault_id] = fault
        self._matched[fault_id] = self._struck[fault_id] = 0
        return fault_id

    def struck(self, fault_id: str) -> int:
        """Return how many requests a fault has affected, removed or not; KeyError if there never was such a fault."""
        return self._struck[fault_id]

    def remove(self, fault_id: str) -> None:
        """Stop a fault; KeyError if there is none with this ID."""
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
