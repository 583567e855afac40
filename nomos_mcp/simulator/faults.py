"""The faults of one simulator: added, drawn for each request, removed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from random import Random
from types import MappingProxyType
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
    """Something that goes wrong on the way, for the requests that it is meant for.

    Attributes:
        kind: What goes wrong.

            - `status`: an error answer instead of the real one;
            - `delay`: the answer takes `seconds` longer;
            - `reset`: the connection is reset, no answer comes;
            - `truncated_body`: the second half of the body is missing;
            - `wrong_type_body`: a field has another JSON type, or, without `field`, the body is a list;
            - `wrong_version`: the answer's `X-API-Version` names another version;
            - `expired_token`: the access token has expired (a static key is refused this time);
            - `ignored_filter`: every `filter[...]` is ignored, as upstream ignores what it does not know;
            - `new_enum_value`: a field holds a word that nobody documented.
        method: Which HTTP method; empty for any.
        path: Which paths, `*` stands for any characters: `/meter-orders/*`. Every path but the control's by default.
        count: How many requests it strikes; None until it is removed.
        skip: How many matching requests pass before it strikes the first time.
        probability: Of striking a matching request, drawn from the simulator's seed.
        status: For `status`: 400 to 599.
        seconds: For `delay`.
        after_commit: For `status`, `delay` and `reset`: strikes when the request has been carried out, and what it
            wrote stays; otherwise before that, and for `status` and `reset` nothing of it ever happens.
        field: For `wrong_type_body` and `new_enum_value`: which field, of the object or of each item of a list;
            `new_enum_value` takes `status` where none is given.
        value: For `new_enum_value` the word, for `wrong_version` the version; an empty version leaves the header out.
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


@dataclass(slots=True)
class _Tally:
    matched: int = 0
    struck: int = 0


class Faults:
    """What goes wrong in a simulator, by ID, in the order in which it was added.

    Args:
        seed: Of the draws for faults with a probability.
    """

    def __init__(self, seed: int) -> None:
        self._rng = Random(seed)  # noqa: S311 - must repeat
        self._faults: dict[str, Fault] = {}
        self._tallies: dict[str, _Tally] = {}

    @property
    def active(self) -> Mapping[str, Fault]:
        """Every fault that was not removed, the ones that have struck as often as they may included."""
        return MappingProxyType(self._faults)

    def add(self, fault: Fault) -> str:
        """Have something go wrong from the next request on.

        Returns:
            The fault's ID, for `struck` and `remove`.
        """
        fault_id = f"fault_{len(self._tallies) + 1}"
        self._faults[fault_id] = fault
        self._tallies[fault_id] = _Tally()
        return fault_id

    def struck(self, fault_id: str) -> int:
        """Tell how many requests a fault has struck so far, removed or not.

        Raises:
            KeyError: There never was such a fault.
        """
        return self._tallies[fault_id].struck

    def remove(self, fault_id: str) -> None:
        """Have a fault strike no more.

        Raises:
            KeyError: There is no such fault.
        """
        del self._faults[fault_id]

    def clear(self) -> None:
        """Have nothing go wrong any more."""
        self._faults.clear()

    def draw(self, method: str, path: str) -> list[Fault]:
        """Choose the faults that strike a request, and count them.

        Args:
            method: The request's method.
            path: Its path, without the query.

        Returns:
            The faults, in the order in which they were added.
        """
        return [fault for fault_id, fault in self._faults.items() if self._strikes(fault_id, fault, method, path)]

    def _strikes(self, fault_id: str, fault: Fault, method: str, path: str) -> bool:
        tally = self._tallies[fault_id]
        if (fault.method and fault.method != method) or not fnmatchcase(path, fault.path):
            return False
        tally.matched += 1
        if tally.matched <= fault.skip or (fault.count is not None and tally.struck >= fault.count):
            return False
        if fault.probability < 1 and self._rng.random() >= fault.probability:
            return False
        tally.struck += 1
        return True
