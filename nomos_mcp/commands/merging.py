"""Merging a server into an assistant's JSON file, with a backup, and all or nothing.

Knows files and JSON; not what an entry means. What it cannot read for certain it does not touch.
"""

import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path


class MergeError(Exception):
    """The file was left as it is; the text says why, and what to do."""


def merge(file: Path, addition: Mapping[str, object]) -> Path | None:
    """Merge an addition into a file, which is made if there is none.

    An object of the addition is merged into the file's one, two levels deep: whole servers are replaced, not mixed. A
    list is extended by the entries whose `id` the file does not have.

    Args:
        file: The file; where it is a link, what it points to is written.
        addition: What it has to hold afterwards.

    Returns:
        The backup of the file as it was; None if there was no file, or if it held everything already.

    Raises:
        MergeError: The file is no JSON of the expected form, or cannot be read or written.
    """
    target = file.resolve()
    try:
        before = target.read_bytes() if target.exists() else b""
        text = _merged(file, before, addition)
        if text.encode() == before:
            return None
        target.parent.mkdir(parents=True, exist_ok=True)
        backup = _backup(target, before) if target.exists() else None
        _replace(target, text)
    except OSError as fault:
        raise MergeError(f"{file}: {fault.strerror}. Nothing was changed.") from None
    return backup


def _merged(file: Path, before: bytes, addition: Mapping[str, object]) -> str:
    there = _read(file, before)
    if all(_holds(there.get(key), value) for key, value in addition.items()):
        return before.decode()
    for key, value in addition.items():
        old = there.setdefault(key, type(value)())
        if isinstance(value, dict) and isinstance(old, dict):
            old.update(value)
        elif isinstance(value, list) and isinstance(old, list):
            old.extend(_missing(old, value))
        else:
            raise MergeError(f'{file}: "{key}" has an unexpected form. Nothing was changed; merge it by hand.')
    return json.dumps(there, indent=2, ensure_ascii=False) + "\n"


def _read(file: Path, before: bytes) -> dict[str, object]:
    try:
        read = json.loads(before.decode("utf-8-sig") or "{}", object_pairs_hook=_unambiguous)
    except ValueError as fault:  # a wrong encoding is one too
        raise MergeError(f"{file}: cannot be read as JSON ({fault}). Nothing was changed; merge it by hand.") from None
    if not isinstance(read, dict):
        raise MergeError(f"{file}: holds no JSON object. Nothing was changed; merge it by hand.")
    return read


def _unambiguous(pairs: Sequence[tuple[str, object]]) -> dict[str, object]:
    read = dict(pairs)
    if len(read) < len(pairs):
        raise ValueError("a name occurs twice in one object")
    return read


def _holds(there: object, value: object) -> bool:
    if isinstance(there, dict) and isinstance(value, dict):
        return all(there.get(name) == entry for name, entry in value.items())
    return isinstance(there, list) and isinstance(value, list) and not _missing(there, value)


def _missing(there: list[object], value: list[object]) -> list[object]:
    known = [entry.get("id") for entry in there if isinstance(entry, dict)]
    return [entry for entry in value if isinstance(entry, dict) and entry.get("id") not in known]


def _backup(target: Path, before: bytes) -> Path:
    number = 1
    while (backup := target.with_name(f"{target.name}.backup-{number}")).exists():
        number += 1
    _write(backup, before, target.stat().st_mode & 0o777)
    return backup


def _replace(target: Path, text: str) -> None:
    """Write a new file and put it in place of the old one, so that nobody ever sees half of it."""
    mode = target.stat().st_mode & 0o777 if target.exists() else 0o600
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".nomos-mcp-") as folder:
        fresh = Path(folder) / target.name
        _write(fresh, text.encode(), mode)
        fresh.replace(target)


def _write(file: Path, content: bytes, mode: int) -> None:
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as opened:
        opened.write(content)
