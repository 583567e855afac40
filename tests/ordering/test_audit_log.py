"""The record: one line for each attempt, on disk before the answer goes out, and nothing ordered without it."""

import json
import os
import stat
from pathlib import Path

import pytest

from nomos_mcp.server.ordering.audit_log import LINE_BYTES, AuditLog
from nomos_mcp.server.ordering.record import Entry
from nomos_mcp.simulator import DEMO, Simulator
from tests.ordering.conftest import SUBSCRIPTION, TOOL, Orders, Person, yes
from tests.server.conftest import answer_of


def lines_of(path: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


async def test_each_attempt_is_one_line_in_the_file_and_on_stderr(
    orders: Orders, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "audit.jsonl"
    people = (None, Person("decline"), Person("cancel"), yes(), yes())
    for person in people:
        async with orders(person, audit_file=str(path)) as client:
            await client.call_tool(TOOL, {"subscription_id": SUBSCRIPTION})
    lines = lines_of(path)
    assert [(line["outcome"], line["decision"], line.get("confirmed")) for line in lines] == [
        ("confirmation_required", "none", None),
        ("declined", "no", None),
        ("declined", "none", None),
        ("ordered", "yes", "elicitation"),
        ("already_ordered", "none", None),
    ]
    assert [line.get("reason") for line in lines] == [None, "answered_no", "closed", None, None]
    told = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
    assert [line for line in told if line["outcome"] != "begun"] == lines
    assert all(line["caller"] == "local" and line["subscription"] == SUBSCRIPTION for line in lines)
    assert lines[3]["order"].startswith("prdo_")
    assert lines[3]["time"] == "2026-06-15T10:00:00+00:00"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_the_code_path_and_the_trusted_caller_are_told_apart(orders: Orders, tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    async with orders(audit_file=str(path)) as client:
        code = answer_of(await client.call_tool(TOOL, {"subscription_id": SUBSCRIPTION}))["confirmation_code"]
        await client.call_tool(TOOL, {"subscription_id": SUBSCRIPTION, "confirmation_code": code})
    other = DEMO.subscriptions["can_order_metrify"]
    async with orders(audit_file=str(path), confirm="none") as client:
        await client.call_tool(TOOL, {"subscription_id": other})
    assert [line.get("confirmed") for line in lines_of(path)] == [None, "code", "trusted"]


async def test_an_existing_file_is_appended_to(orders: Orders, tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    path.write_text('{"outcome":"earlier"}\n')
    async with orders(audit_file=str(path)) as client:
        await client.call_tool(TOOL, {"subscription_id": SUBSCRIPTION})
    assert [line["outcome"] for line in lines_of(path)] == ["earlier", "confirmation_required"]


@pytest.mark.parametrize("kind", ["a folder", "a full disk"])
async def test_without_room_for_the_record_nothing_is_ordered(
    orders: Orders, simulator: Simulator, tmp_path: Path, kind: str, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path if kind == "a folder" else Path("/dev/full")
    if kind == "a full disk" and not path.exists():
        path = tmp_path / "no" / "such"
    async with orders(yes(), audit_file=str(path)) as client:
        answer = answer_of(await client.call_tool(TOOL, {"subscription_id": SUBSCRIPTION}))
    assert (answer["outcome"], answer["reason"]) == ("refused", "no_record")
    assert not simulator.ledger
    line, why = capfd.readouterr().err.splitlines()
    assert json.loads(line) | {"decision": "yes", "reason": "no_record"} == json.loads(line)
    assert "the line above could not be written to the audit file" in why


async def test_a_line_that_fails_after_the_order_is_reported_and_the_answer_goes_out(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    attempt = await AuditLog(tmp_path / "audit.jsonl").begin(_entry())
    assert attempt._file is not None
    os.close(attempt._file.fileno())
    await attempt.complete(outcome="ordered")
    assert "did not take the line above" in capfd.readouterr().err


async def test_lines_that_were_begun_together_do_not_mix(tmp_path: Path) -> None:
    log = AuditLog(tmp_path / "audit.jsonl")
    first, second = await log.begin(_entry(subscription="sub_1")), await log.begin(_entry(subscription="sub_2"))
    await second.complete(outcome="ordered")
    assert [(line["subscription"], line["outcome"]) for line in lines_of(tmp_path / "audit.jsonl")] == [
        ("sub_1", "begun"),
        ("sub_2", "ordered"),
    ]
    await first.complete(outcome="refused")
    assert [line["outcome"] for line in lines_of(tmp_path / "audit.jsonl")] == ["refused", "ordered"]


@pytest.mark.parametrize("text", ["x", '"', "\\", "ж", "\U0001f600", "\0"])
def test_the_longest_line_fits_its_room(text: str) -> None:
    line = _entry(**dict.fromkeys(Entry.__annotations__, text * 1000)).line().encode()
    assert LINE_BYTES // 2 < len(line) < LINE_BYTES
    assert set(json.loads(line)) == set(Entry.__annotations__)


def _entry(**fields: str) -> Entry:
    return Entry(**({"time": "x", "caller": "x", "subscription": "x"} | fields))
