"""The shape of an explanation. It is a tool's output schema: flat, closed, and without texts of its own."""

from pydantic import BaseModel, ConfigDict

from nomos_mcp.lifecycle.vocabularies import ApiVersion, Confidence, Outcome, WaitingOn


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Stage(_Answer):
    """The place of a status on the line that its API version documents, counted from 1."""

    index: int
    of: int


class Blocked(_Answer):
    """What holds the order up. `reason` is the API's own word; `since` is Berlin time for people."""

    reason: str | None = None
    meaning: str
    since: str | None = None


class Explanation(_Answer):
    """What a status means, who must act, and what may be said. What does not apply is None and left out on dump."""

    status: str
    label: str
    meaning: str
    stage: Stage | None = None
    final: bool
    outcome: Outcome
    blocked: Blocked | None = None
    waiting_on: WaitingOn
    customer_action: str | None = None
    operator_action: str | None = None
    customer_message: str
    next: str | None = None
    timing: str | None = None
    escalation: str | None = None
    anomalies: list[str] | None = None
    confidence: Confidence | None = None
    sources: list[str] | None = None
    api_version: ApiVersion
