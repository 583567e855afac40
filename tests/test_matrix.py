"""The matrix of clients: its judge fails what is not right, and its page is of the versions that are pinned."""

from dataclasses import replace
from typing import Any

import pytest

from tools.matrix import __main__ as command
from tools.matrix.clients import CLIENTS, LATE, Client
from tools.matrix.model import Conversation, chat_completion
from tools.matrix.page import PAGE
from tools.matrix.trial import REFUSAL, Outcome, Played, judge

ANSWER = {"explanation": {"customer_message": "Nomos waits for your grid operator."}, "api_version": "curie"}
TEXT = '{"explanation":{"customer_message":"Nomos waits for your grid operator."},"api_version":"curie"}'
TOOLS = ("get_meter_order", "order_smart_meter")
CLIENT = Client(name="invented", script="invented.py", packages=("invented==1",), strict=True)


def conversation(*results: str, strict: bool = True, tools: tuple[str, ...] = TOOLS) -> Conversation:
    """Return what the model keeps of a framework that shows it these results."""
    kept = Conversation()
    announced = [{"type": "function", "function": {"name": f"nomos_{name}", "strict": strict}} for name in tools]
    messages: list[dict[str, Any]] = [{"role": "user", "content": "Where is it?"}]
    for result in results:
        answer = chat_completion(kept, {"messages": messages, "tools": announced})["choices"][0]["message"]
        messages += [answer, {"role": "tool", "content": result}]
    chat_completion(kept, {"messages": messages, "tools": announced})
    return kept


GOOD = (TEXT, REFUSAL, '{"confirmation_code":"0123abcd-xyz"}', '{"outcome":"ordered"}')


def test_a_client_that_does_everything_passes() -> None:
    outcome = judge(CLIENT, Played(conversation(*GOOD)), TOOLS, ANSWER)
    assert outcome == Outcome(tools=2, strict=True, answer="text", refusal="server", order="ordered")


@pytest.mark.parametrize(
    ("played", "why"),
    [
        (Played(conversation(*GOOD, tools=TOOLS[:1])), "1 of 2 tools"),
        (Played(conversation(*GOOD, strict=False)), "not all tools are strict"),
        (Played(conversation("Nomos waits.", *GOOD[1:])), "the answer is not whole"),
        (Played(conversation(TEXT, TEXT, *GOOD[2:])), "the unknown argument: 'nobody'"),
        (Played(conversation(*GOOD[:3], '{"outcome":"refused"}')), "the order: 'refused'"),
        (Played(conversation(*GOOD), failure="ImportError: gone"), "ImportError: gone"),
        (Played(Conversation()), "0 of 2 tools"),
    ],
)
def test_a_client_fails_for_what_it_does_not_do(played: Played, why: str) -> None:
    assert judge(CLIENT, played, TOOLS, ANSWER).failures[0].startswith(why)


def test_a_failure_that_is_expected_has_to_come() -> None:
    slow = replace(CLIENT, fails=LATE)
    assert not judge(slow, Played(Conversation(), failure=f"Error: {LATE}"), TOOLS, ANSWER).failures
    assert judge(slow, Played(conversation(*GOOD)), TOOLS, ANSWER).failures


def test_a_name_that_no_client_has_does_not_pass() -> None:
    with pytest.raises(SystemExit) as ended:
        command.main(["--only", "no such client"])
    assert ended.value.code


def test_packages_that_take_too_long_fail_their_client_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "INSTALLING", 0.0)
    with pytest.raises(command.NotInstalledError, match="not installed after 0 seconds"):
        command._run("sleep", "60")


def test_the_code_of_the_preview_is_what_orders() -> None:
    kept = conversation(*GOOD[:2])
    ordering = chat_completion(kept, {"messages": [{"role": "user", "content": GOOD[2]}], "tools": []})
    assert "0123abcd-xyz" in ordering["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"]


def test_the_page_is_of_the_versions_that_are_pinned() -> None:
    rows = [
        line.split(" | ")
        for line in PAGE.read_text(encoding="utf-8").splitlines()
        if line.startswith("| ") and " --- " not in line
    ]
    tried = {(row[0].removeprefix("| "), row[1], over) for row in rows if len(row) > 3 for over in row[2].split(", ")}
    named = {
        (client.name, ", ".join(client.packages), transport) for client in CLIENTS for transport in client.transports
    }
    assert tried == {*named, ("Client", "Packages", "Transport")}, "Run: bash .ci/matrix"
