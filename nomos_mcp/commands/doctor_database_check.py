"""The check of `nomos-mcp doctor` of the history's database: it opens, can be written, and somebody watches."""

from datetime import UTC, datetime

from nomos_mcp.commands.doctor_checks import Finding
from nomos_mcp.database.errors import DatabaseError
from nomos_mcp.settings import Settings
from nomos_mcp.variables import WATCH_EVERY

_NAME = "database"
_WATCH = f"Run `nomos-mcp watch --once` daily, or set {WATCH_EVERY} for `nomos-mcp http`."


async def database_check(settings: Settings) -> Finding:
    """Open the database, which makes its tables if there are none, and change nothing in them."""
    # Loads SQLAlchemy, which only a doctor of a database pays for.
    from sqlalchemy import false, func, select, update  # noqa: PLC0415

    from nomos_mcp.database.database import Database  # noqa: PLC0415
    from nomos_mcp.database.revisions import revision_of  # noqa: PLC0415
    from nomos_mcp.database.tables import runs  # noqa: PLC0415
    from nomos_mcp.history.runs import COMPLETE, GAP  # noqa: PLC0415
    from nomos_mcp.history.store import History  # noqa: PLC0415

    now = datetime.now(UTC)
    history = History(Database(settings.database, settings.organisation), lambda: now)
    try:
        async with history.database.writing() as connection:
            await connection.execute(update(runs).values(changes=runs.c.changes).where(false()))
            revision = await connection.run_sync(revision_of)
            last: datetime | None = await connection.scalar(select(func.max(runs.c.started_at)).where(COMPLETE))
    except DatabaseError as error:
        wrong, _, cure = str(error).partition(": ")
        return Finding(_NAME, "failed", wrong, f"{cure[:1].upper()}{cure[1:]}")
    finally:
        await history.aclose()
    opened = f"{'PostgreSQL' if history.database.is_postgresql else 'SQLite'}, tables {revision}, can be written; "
    if last is None:
        return Finding(_NAME, "warning", f"{opened}never looked at all orders", _WATCH)
    found = f"{opened}last looked at all orders on {last:%Y-%m-%d at %H:%M} UTC"
    return Finding(_NAME, "warning", found, _WATCH) if now - last > GAP else Finding(_NAME, "ok", found)
