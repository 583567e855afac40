"""Records: one JSON file a run, with all that its report needs. Nothing that is a key gets into one."""

import importlib.metadata
import os
import re
import subprocess
from collections.abc import Mapping
from itertools import count
from pathlib import Path
from tempfile import TemporaryFile
from typing import Final, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from evals.assistant import Run
from evals.cases import Kind, Language
from evals.checks import Verdict

RUNS: Final = Path(__file__).parent / "runs"
PUBLISHED: Final = Path(__file__).parent / "published"
SCRIPTED: Final = "scripted"
_SECRET: Final = re.compile(r"KEY|TOKEN|SECRET|PASSWORD|CREDENTIAL")
_SHORTEST_SECRET: Final = 8  # characters; shorter values are words that occur anywhere


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Finding(_Record):
    """What a check or the judge found.

    Attributes:
        passed: None where the judge gave no verdict.
        reason: What is wrong, or why there is no verdict.
    """

    passed: bool | None
    reason: str | None = None


class CaseRecord(_Record):
    """One conversation and its verdict.

    Attributes:
        name: The case's name, with a number behind it if the case was asked several times.
        case: The case's name.
        error: Why the conversation broke off, if it did: then it is wrong, whatever the checks would say.
        definition_tokens: Of the tools' definitions and the instructions, read before the first question.
        result_tokens: Of all results of tools.
        judge: The verdicts of a model, which change nothing of the others.
    """

    name: str
    case: str
    kind: Kind
    language: Language
    caller: str
    api_version: str
    questions: list[str]
    verdict: Verdict
    checks: dict[str, Finding] = {}
    error: str | None = None
    run: Run
    definition_tokens: int
    result_tokens: int
    judge: dict[str, Finding] = {}


class RunRecord(_Record):
    """One run over some or all cases.

    Attributes:
        model: Who was asked, as pydantic-ai knows it; `scripted` plays transcripts.
        peer: Whose tools it had, if not ours.
        judge: Who judged tone and completeness, if anybody.
        commit: Of this repository; empty where it is no clone.
        dirty: Whether files differed from that commit.
        planned: How many conversations were to be held.
        stopped: Why not all of them were.
    """

    format: Literal[1] = 1
    model: str
    peer: str | None = None
    judge: str | None = None
    at: AwareDatetime
    commit: str
    dirty: bool
    versions: dict[str, str]
    api_versions: list[str]
    planned: int
    stopped: str | None = None
    cases: list[CaseRecord]

    @property
    def title(self) -> str:
        """The model, and whose tools it had."""
        return f"{self.model}, {self.peer} server" if self.peer else self.model

    @property
    def slug(self) -> str:
        """A name for files."""
        return re.sub(r"[^\w.-]+", "-", f"{self.at:%Y%m%d-%H%M%S}-{self.title}")


def commit() -> tuple[str, bool]:
    """Return the commit that is checked out, and whether files differ from it."""
    try:
        return _git("rev-parse", "--short=12", "HEAD"), bool(_git("status", "--porcelain"))
    except (OSError, subprocess.CalledProcessError):
        return "", True


def versions() -> dict[str, str]:
    """Return the versions of what answers depend on besides the model."""
    return {name: importlib.metadata.version(name) for name in ("pydantic-ai-slim", "nomos-mcp", "mcp")}


def try_folder(folder: Path) -> None:
    """Find out whether records can be written to a folder, before a run has cost anything.

    Raises:
        ValueError: They cannot.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise ValueError(f"Nothing can be written to {folder}: {error.strerror}. Name another folder.") from error


def save(record: RunRecord, folder: Path, *, replace: bool = False) -> Path:
    """Write a record into a folder, and return its path. Another run of the same second is not overwritten."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{record.slug}.json"
    for number in () if replace else count(2):
        if _is_free(path):
            break
        path = folder / f"{record.slug}-{number}.json"
    path.write_text(without_keys(record.model_dump_json(indent=1)) + "\n", encoding="utf-8")
    return path


def _is_free(path: Path) -> bool:
    """Whether a file is not there yet; it is now, so that nobody else takes it."""
    try:
        path.touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


def load(path: Path) -> RunRecord:
    """Read a record.

    Raises:
        ValueError: There is none, or it is malformed.
    """
    path = path if path.exists() or path.suffix else RUNS / f"{path.name}.json"
    try:
        return RunRecord.model_validate_json(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}. `python -m evals run` writes records.") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ValueError(f"{path} is no record of a run: {where or 'it'}: {first['msg']}.") from error
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is no record of a run: it is not UTF-8.") from error


def published(folder: Path = PUBLISHED) -> list[RunRecord]:
    """Read the records that are committed, the newest first."""
    return sorted((load(path) for path in folder.glob("*.json")), key=lambda run: run.at, reverse=True)


def without_keys(text: str, environment: Mapping[str, str] = os.environ) -> str:
    """Take the values of all variables that look like secrets out of a text: providers repeat keys in their errors."""
    for name, value in environment.items():
        if _SECRET.search(name) and len(value) >= _SHORTEST_SECRET:
            text = text.replace(value, f"<{name}>")
    return text


def _git(*arguments: str) -> str:
    done = subprocess.run(  # noqa: S603  arguments of ours
        ["git", *arguments],  # noqa: S607  whichever git the developer has
        cwd=Path(__file__).parent,
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.strip()
