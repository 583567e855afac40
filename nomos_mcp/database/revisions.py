"""Which migration the tables come from, and bringing them up to date.

During an upgrade the replicas of two releases share the tables. A migration after which older releases still work says
so in its revision: `0007_since_0005` is the seventh, and releases from the fifth on ignore what it added.
"""

from typing import Final

from sqlalchemy import Connection, inspect, text

from nomos_mcp.database.errors import NewerTablesError, NotConnectedError

REVISION: Final = "0003"
"""The migration that this release's tables come from."""

_SINCE: Final = "_since_"


def revision_of(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return None if found is None else str(found)  # another program's table of this name may hold a number


def upgrade(connection: Connection) -> None:
    """Bring the tables up to date. What a newer release made for this one too stays as it is.

    Raises:
        NotConnectedError: A newer release made the tables, and this one does not work on them.
    """
    from alembic import command  # noqa: PLC0415  slow to load, and needed once for each release
    from alembic.config import Config  # noqa: PLC0415  as above
    from alembic.script import ScriptDirectory  # noqa: PLC0415  as above

    config = Config()
    config.set_main_option("script_location", "nomos_mcp.database:migrations")
    config.attributes["connection"] = connection
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    found = revision_of(connection)
    if found is None or found in known:
        command.upgrade(config, REVISION)
    elif not _serves_this_release(found):
        raise NotConnectedError(NewerTablesError())


def _serves_this_release(revision: str) -> bool:
    """Whether this release works on the tables of a migration that it does not know."""
    since = revision.partition(_SINCE)[2]
    return bool(since) and since <= REVISION.partition(_SINCE)[0]
