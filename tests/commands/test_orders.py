"""`nomos-mcp orders`: shows the record of attempts, and settles open ones by what is true, never by a guess."""

import asyncio
import csv
import errno
import io
import json
import shlex
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

import pytest
from sqlalchemy import text

from nomos_mcp.cli import main
from nomos_mcp.client import NomosClient
from nomos_mcp.database.database import Database
from nomos_mcp.replicas.order_attempts import OrderAttempt, OrderAttempts
from nomos_mcp.simulator import DEMO, Simulator
from nomos_mcp.variables import VARIABLES
from tests.docs.blocks import blocks
from tests.serving import served

T = TypeVar("T")
SUBSCRIPTION = DEMO.subscriptions["can_order"]
OTHER = DEMO.subscriptions["can_order_metrify"]
on_postgresql = pytest.mark.parametrize("engine", ["postgresql"])


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in VARIABLES:
        monkeypatch.delenv(variable.name, raising=False)


@pytest.fixture
def upstream(simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    with served(simulator) as url:
        monkeypatch.setenv("NOMOS_BASE_URL", url)
        monkeypatch.setenv("NOMOS_ACCESS_TOKEN", DEMO.access_token)
        yield url


class FullFile(io.StringIO):
    def write(self, _: str) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")


class Record:
    """The table, as another process sees it."""

    def __init__(self, url: str, host: str) -> None:
        self._url, self._host = url, host

    def do(self, what: Callable[[OrderAttempts], Awaitable[T]]) -> T:
        async def done() -> T:
            attempts = OrderAttempts(Database(self._url), self._host)
            try:
                return await what(attempts)
            finally:
                await attempts.database.aclose()

        return asyncio.run(done())

    def died(self, subscription: str = SUBSCRIPTION) -> int:
        """Leave an open attempt, whose process is gone."""

        async def begin(attempts: OrderAttempts) -> int:
            number = await attempts.begin(subscription, "chat-42", "yes", "code")
            assert await attempts.open(number, subscription, "", 0) == "open"
            return number

        return self.do(begin)

    def let_time_pass(self) -> None:
        async def shift(attempts: OrderAttempts) -> None:
            async with attempts.database.unordered() as connection:
                await connection.execute(text("UPDATE order_attempts SET sent_at = sent_at - interval '301 seconds'"))

        self.do(shift)

    def row(self, number: int) -> OrderAttempt:
        return self.do(lambda attempts: attempts.newest(limit=1, number=number))[0]


@pytest.fixture
def record(database_url: str, upstream: str, monkeypatch: pytest.MonkeyPatch) -> Record:
    monkeypatch.setenv("NOMOS_MCP_DATABASE", database_url)
    return Record(database_url, urlsplit(upstream).netloc)


def make_order(upstream: str) -> str:
    async def made() -> str:
        async with NomosClient(access_token=DEMO.access_token, base_url=upstream) as client:
            return (await client.meter_orders.create(SUBSCRIPTION)).id

    return asyncio.run(made())


@on_postgresql
def test_attempts_are_listed_newest_first(record: Record, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["orders", "list"]) == 0
    assert capsys.readouterr() == ("", "No attempts.\n")
    first, second = record.died(), record.died(OTHER)
    record.do(lambda attempts: attempts.complete(second, OTHER, "refused", reason="forbidden"))
    assert main(["orders", "list"]) == 0
    heading, newer, older = capsys.readouterr().out.splitlines()
    assert heading.split()[0] == "NUMBER"
    assert newer.split()[0] == str(second)
    assert "refused (forbidden)" in newer
    assert older.split()[0] == str(first)
    assert older.endswith("open")
    for only in (["--open"], ["--subscription", SUBSCRIPTION]):
        assert main(["orders", "list", *only]) == 0
        assert [line.split()[0] for line in capsys.readouterr().out.splitlines()[1:]] == [str(first)]
    assert main(["orders", "list", "--limit", "1"]) == 0
    out, err = capsys.readouterr()
    assert len(out.splitlines()) == 2
    assert err == "There are more than these 1: see --limit.\n"


@on_postgresql
def test_an_attempt_is_shown_with_what_it_means(record: Record, capsys: pytest.CaptureFixture[str]) -> None:
    number = record.died()
    assert main(["orders", "show", str(number)]) == 0
    by_number = capsys.readouterr().out
    assert "chat-42" in by_number
    assert "Nothing else is sent for the subscription until" in by_number
    assert main(["orders", "show", SUBSCRIPTION]) == 0
    assert capsys.readouterr().out == by_number
    for nobody in ("0", str(number + 1), "9" * 5000, OTHER):
        assert main(["orders", "show", nobody]) == 1
        assert "no attempt" in capsys.readouterr().err


@on_postgresql
def test_a_terminal_is_told_nothing_by_stored_text(record: Record, capsys: pytest.CaptureFixture[str]) -> None:
    record.do(lambda attempts: attempts.begin(SUBSCRIPTION, "\x1b]0;evil\x07\nchat", "yes", "code"))
    for command in (["list"], ["show", SUBSCRIPTION]):
        assert main(["orders", *command]) == 0
        out = capsys.readouterr().out
        assert " ]0;evil  chat" in out
        assert not {"\x1b", "\x07"} & {*out}


@on_postgresql
@pytest.mark.parametrize("command", [["list"], ["export", "--format", "csv"]])
def test_a_stdout_that_takes_nothing_is_named(
    record: Record, command: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    record.died()
    monkeypatch.setattr("sys.stdout", FullFile())
    assert main(["orders", *command]) == 1
    assert "stdout cannot be written: No space left on device." in capsys.readouterr().err
    monkeypatch.setattr("sys.stdout", None)  # closed before the start
    assert main(["orders", *command]) == (1 if "export" in command else 0)


@on_postgresql
def test_all_attempts_are_exported(record: Record, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    numbers = [record.died(), record.died(OTHER)]
    assert main(["orders", "export", "--format", "jsonl"]) == 0
    out, err = capsys.readouterr()
    rows = [json.loads(line) for line in out.splitlines()]
    assert [row["number"] for row in rows] == numbers
    assert rows[0].keys() == {*OrderAttempt.__dataclass_fields__} - {"age"}
    assert rows[0]["sent_at"].endswith("Z")
    assert err == "Attempts exported: 2\n"
    file = tmp_path / "orders.csv"
    assert main(["orders", "export", "--format", "csv", "--output", str(file)]) == 0
    assert [row["number"] for row in csv.DictReader(io.StringIO(file.read_text()))] == [str(each) for each in numbers]
    assert main(["orders", "export", "--format", "csv", "--output", "/no/such/folder/orders.csv"]) == 1
    assert "/no/such/folder/orders.csv cannot be written" in capsys.readouterr().err


@on_postgresql
def test_the_commands_of_the_page_work_one_after_the_other(
    record: Record, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    number = record.died()
    record.let_time_pass()
    [block] = blocks("docs/ordering.md", "console")
    for line in block.text.splitlines():
        prompt, program, *words = shlex.split(line.replace("4711", str(number)))
        assert (prompt, program) == ("$", "nomos-mcp")
        assert main(words) == 0
    assert record.row(number).outcome == "not_ordered"
    assert (tmp_path / "orders.csv").read_text().count("not_ordered") == 1


@on_postgresql
def test_an_order_that_is_there_closes_its_attempt_and_no_other(
    record: Record, upstream: str, capsys: pytest.CaptureFixture[str]
) -> None:
    number, other = record.died(), record.died(OTHER)
    order = make_order(upstream)
    assert main(["orders", "reconcile"]) == 0
    out, err = capsys.readouterr()
    assert err == "Open attempts: 2\n"
    assert f"{number}  {SUBSCRIPTION}  closed: the order {order} is there" in out
    assert f"{other}  {OTHER}  stays open" in out
    assert f"nomos-mcp orders reconcile {other} --as not-ordered" in out
    row = record.row(number)
    assert (row.outcome, row.order_id, row.made_by, row.closed_by) == ("ordered", order, "unknown", "reconcile")
    assert record.row(other).is_open
    assert main(["orders", "reconcile", str(number)]) == 0
    assert "is not open; its outcome is ordered" in capsys.readouterr().err


@on_postgresql
@pytest.mark.parametrize(
    ("word", "outcome", "order"), [("ordered", "ordered", "prdo_1"), ("not-ordered", "not_ordered", "")]
)
def test_a_person_closes_what_nomos_does_not_show_once_no_process_is_at_work(
    record: Record, word: str, outcome: str, order: str, capsys: pytest.CaptureFixture[str]
) -> None:
    number = record.died()
    command = ["orders", "reconcile", str(number), "--as", word, "--by", "Anna", *(["--order", order] if order else [])]
    assert main(command) == 1
    assert "its process may still be at work. Try again in" in capsys.readouterr().err
    assert record.row(number).is_open
    record.let_time_pass()
    assert main(command) == 0
    assert f"closed as {word}, by Anna" in capsys.readouterr().out
    row = record.row(number)
    assert (row.is_open, row.outcome, row.order_id, row.closed_by) == (False, outcome, order, "Anna")
    assert main(command) == 1
    assert f"is not open; its outcome is {outcome}" in capsys.readouterr().err


@on_postgresql
def test_nobody_is_believed_that_an_order_is_not_there_which_nomos_shows(
    record: Record, upstream: str, capsys: pytest.CaptureFixture[str]
) -> None:
    number = record.died()
    record.let_time_pass()
    order = make_order(upstream)
    assert main(["orders", "reconcile", str(number), "--as", "not-ordered"]) == 1
    assert f"closed as ordered: Nomos shows the order {order}" in capsys.readouterr().out
    row = record.row(number)
    assert (row.outcome, row.order_id, row.closed_by) == ("ordered", order, "reconcile")


@on_postgresql
@pytest.mark.parametrize("by_word", [[], ["--as", "not-ordered"]])
def test_nothing_is_closed_while_nomos_cannot_be_asked(
    record: Record, by_word: list[str], simulator: Simulator, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    number = record.died()
    record.let_time_pass()
    monkeypatch.setenv("NOMOS_ACCESS_TOKEN", "nom_wrong")
    assert main(["orders", "reconcile", str(number), *by_word]) == 1
    assert f"attempt {number}: " in capsys.readouterr().err
    assert record.row(number).is_open
    assert not simulator.ledger


@on_postgresql
def test_an_attempt_at_another_host_is_left_alone(
    record: Record, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    number = record.died()
    monkeypatch.setenv("NOMOS_BASE_URL", "http://127.0.0.1:1")
    assert main(["orders", "reconcile"]) == 1
    assert f"attempt {number} was sent to 127.0.0.1:" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["list", "--subscription", "prdo_1"], "is not a valid subscription ID"),
        (["show", "cus_1"], "is not a valid subscription ID"),
        (["reconcile", "--as", "ordered"], "--as: it is one person's word about one attempt"),
        (["reconcile", "1", "2", "--as", "ordered"], "--as: it is one person's word about one attempt"),
        (["reconcile", "1", "--as", "not-ordered", "--order", "prdo_1"], "--order: names the order that was made"),
        (["reconcile", "1", "--as", "ordered", "--order", "sub_1"], "is not a valid meter order ID"),
        (["reconcile", "1", "--by", "Anna"], "--by: says who closes an attempt"),
        (["reconcile", "1", "--as", "not-ordered", "--by", " "], "--by: ' ' names no person"),
        (["reconcile", "1", "--as", "not-ordered", "--by", "look"], "--by: 'look' names no person"),
        (["reconcile", "1", "--as", "ordered", "--order", ""], "'' is not a valid meter order ID"),
        (["list", "--subscription", ""], "'' is not a valid subscription ID"),
        (["show", ""], "'' is not a valid subscription ID"),
        (["reconcile"], "NOMOS_CLIENT_ID: not set"),
    ],
)
def test_wrong_usage_is_named(
    arguments: list[str], said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NOMOS_MCP_DATABASE", "postgresql://nomos:s3cr3t@127.0.0.1:1/nomos")
    assert main(["orders", *arguments]) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("database", ["", "sqlite:///history.db"])
def test_without_postgresql_there_is_no_table(
    database: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NOMOS_MCP_DATABASE", database)
    assert main(["orders", "list"]) == 2
    assert "NOMOS_MCP_DATABASE: names no PostgreSQL database" in capsys.readouterr().err


def test_a_database_that_does_not_answer_fails_without_its_password(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NOMOS_MCP_DATABASE", "postgresql://nomos:s3cr3t@127.0.0.1:1/nomos")
    assert main(["orders", "list"]) == 1
    said = capsys.readouterr().err
    assert "The database does not answer" in said
    assert "s3cr3t" not in said
