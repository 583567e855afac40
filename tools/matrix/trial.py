"""One client, over one transport: its script, what the scripted model was shown, and what that means."""

import json
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Literal

from nomos_mcp.variables import STATE_KEY
from tools.matrix.clients import Client, Unknown
from tools.matrix.model import ORDER, TYPO, Conversation, ScriptedModel

SCRIPTS: Final = Path(__file__).parent / "scripts"
DEADLINE: Final = 180.0  # seconds for a whole conversation; the slowest import takes twenty on a busy machine
TASK: Final = f"Where is the smart meter order {ORDER['order_id']}?"
REFUSAL: Final = f"Unknown argument '{TYPO}'. Did you mean 'language'?"

Shown = Literal["text", "structured", "both", "not whole"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a trial found.

    Attributes:
        tools: How many of the server's tools the model was shown.
        strict: Whether all of them were strict.
        answer: In which form the model saw the whole answer.
        refusal: Who refused an unknown argument; otherwise, what the model saw.
        order: Outcome of ordering by code, as the model saw it.
        listed: How many prompts and resources the framework lists; none where it has no such lists.
        failures: Why the trial does not count as passed.
        known: Why it did not work, where that is known and no failure of ours.
    """

    tools: int = 0
    strict: bool = False
    answer: Shown = "not whole"
    refusal: Unknown | str = ""
    order: str = ""
    listed: Mapping[str, int] = field(default_factory=dict)
    failures: tuple[str, ...] = ()
    known: str = ""


@dataclass(frozen=True, slots=True)
class Played:
    """What the model was shown, what the script listed, and why it failed, if it did."""

    conversation: Conversation
    listed: Mapping[str, int] = field(default_factory=dict)
    failure: str = ""


def play(
    client: Client,
    command: Sequence[str],
    server: tuple[Sequence[str], str],
    model: ScriptedModel,
    environment: Mapping[str, str],
) -> Played:
    """Run the client's script to its end.

    Args:
        client: What is tried.
        command: Runs its script.
        server: The server's command; and where it is asked, if that is over HTTP.
        model: What it talks to.
        environment: What its process sees.
    """
    started, url = server
    if client.delay:
        started = ("sh", "-c", f'sleep {client.delay}; exec "$@"', "sh", *started)
    if client.state_key:
        started = ("env", f"{STATE_KEY}={'invented ' * 4}", *started)
    conversation, address = model.conversation(every_argument=client.every_argument)
    told = {"model": address, "command": started[0], "args": started[1:], "url": url, "task": TASK}
    try:
        run = subprocess.run(
            [*command, json.dumps(told), *client.arguments],
            capture_output=True,
            text=True,
            timeout=DEADLINE,
            env=environment,
            check=False,
        )
    except subprocess.TimeoutExpired as expired:
        return Played(conversation, failure=f"not finished after {expired.timeout:.0f} seconds")
    last = run.stdout.strip().rpartition("\n")[2]
    if run.returncode or not last.startswith("{"):
        return Played(conversation, failure=_last_error(run.stderr or run.stdout))
    return Played(conversation, json.loads(last))


def _last_error(said: str) -> str:
    errors = re.findall(r"(?:\w+\.)*\w*(?:Error|Exception)\b: .*", said)
    return (errors or said.strip().splitlines() or ["nothing was printed"])[-1].strip()[:300]


def judge(client: Client, played: Played, tools: Sequence[str], answer: Mapping[str, Any]) -> Outcome:
    """Compare what the model was shown with what the server said to a client that is known to be right.

    Args:
        client: What was tried.
        played: What came of it.
        tools: The names of the server's tools.
        answer: The order's whole answer.
    """
    expected = client.fails or client.may_fail
    if expected and expected in played.failure:
        return Outcome(known=played.failure)
    if client.fails:
        return Outcome(failures=(f"expected {client.fails!r}, got {played.failure!r}",))
    seen = [*played.conversation.seen, "", "", "", ""]
    ours = [tool for tool in played.conversation.tools if tool["name"].endswith(tuple(tools))]
    shown = _shown(seen[0], answer)
    ordered = re.search(r"outcome\W+(\w+)", seen[3])
    found = Outcome(
        tools=len(ours),
        strict=bool(ours) and all(tool.get("strict") for tool in ours),
        answer=shown,
        refusal=_refusal(seen[1], answer),
        order=ordered[1] if ordered else _short(seen[3]),
        listed=played.listed,
    )
    failures = [
        (played.failure, played.failure),
        (found.tools != len(tools), f"{found.tools} of {len(tools)} tools"),
        (client.strict and not found.strict, "not all tools are strict"),
        (shown == "not whole", f"the answer is not whole: {_short(seen[0])!r}"),
        (found.refusal != client.unknown, f"the unknown argument: {found.refusal!r}"),
        (found.order != "ordered", f"the order: {found.order!r}"),
    ]
    return replace(found, failures=tuple(why for failed, why in failures if failed)[: 1 if played.failure else None])


def _refusal(text: str, answer: Mapping[str, Any]) -> Unknown | str:
    """Return who refused the unknown argument; otherwise what was said."""
    if REFUSAL in _plain(text):
        return "server"
    if _shown(text, answer) != "not whole":
        return "nobody"
    return "client" if TYPO in text else _short(text)


def _plain(text: str) -> str:
    """Return a text without what JSON in JSON and Python's own notation add."""
    return re.sub(r"\\+(?=[\"'])", "", text)


def _short(text: str) -> str:
    return re.sub(r"\s+", " ", text)[:160]


def _leaves(value: Any) -> list[str]:
    if isinstance(value, Mapping):
        return [leaf for name, each in value.items() for leaf in (name, *_leaves(each))]
    if isinstance(value, list):
        return [leaf for each in value for leaf in _leaves(each)]
    return [value] if isinstance(value, str) else []


def _shown(text: str, reference: Mapping[str, Any]) -> Shown:
    """Return in which form a text holds the whole answer: our text, the structured content, or one after the other."""
    plain = _plain(text)
    if not all(leaf in plain for leaf in _leaves(reference)):
        return "not whole"
    times = plain.count(reference["explanation"]["customer_message"])
    compact = json.dumps(reference, separators=(",", ":"), ensure_ascii=False) in plain
    return "both" if times > 1 else "text" if compact else "structured"
