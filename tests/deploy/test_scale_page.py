"""`docs/scale.md` says what is so: its commands, its numbers, what is in its picture."""

import re
from pathlib import Path

from nomos_mcp.database import postgresql
from tests.deploy.files import compose

TEXT = (Path(__file__).parents[2] / "docs" / "scale.md").read_text(encoding="utf-8")


def test_the_commands_of_an_upgrade_replace_every_replica_one_by_one() -> None:
    found = re.search(r"for replica in (.*); do", TEXT)
    assert found
    assert found[1].split() == [name for name in compose()["services"] if name.startswith("replica")]
    assert len(re.findall(r"docker compose --file deploy/compose.yaml", TEXT)) == 2


def test_the_connections_of_a_process_are_as_many_as_it_keeps() -> None:
    each = postgresql._CONNECTIONS + 1
    assert "keeps up to five to PostgreSQL for each organisation, and one more" in TEXT
    assert (each, f"need {3 * each}; " in TEXT, f"more, {4 * each}." in TEXT) == (6, True, True)


def test_the_picture_shows_three_replicas() -> None:
    picture = re.findall(r"```text\n(.*?)```", TEXT, re.DOTALL)[0]
    assert len(re.findall(r"\breplica\b", picture)) == 3
