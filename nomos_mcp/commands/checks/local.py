"""What can be told without asking anybody: Python, packages, settings."""

import platform
import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from importlib.metadata import PackageNotFoundError, requires, version

from nomos_mcp.commands.checks.finding import Finding
from nomos_mcp.settings import Settings, SettingsError
from nomos_mcp.variables import HTTP_VARIABLES, VARIABLES

MASK = "********"

_PREFIX = "NOMOS_"
_NAME = re.compile(r"[\w.-]+")


def python() -> Finding:
    """Tell the interpreter; one that is too old could not have installed the package."""
    return Finding("python", "ok", f"{platform.python_version()} on {platform.system()} {platform.machine()}")


def packages() -> Finding:
    """Look for what the package needs, extras aside."""
    needed = [needed for needed in requires("nomos-mcp") or [] if "extra ==" not in needed]
    found, missing = [], []
    for name in sorted(match[0] for match in map(_NAME.match, needed) if match):
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            missing.append(name)
    if missing:
        return Finding("packages", "failed", f"missing: {', '.join(missing)}", "Install nomos-mcp anew.")
    return Finding("packages", "ok", ", ".join(found))


def settings(environ: Mapping[str, str], *, demo: bool) -> tuple[Settings | None, list[Finding]]:
    """Read the settings as a start would.

    Args:
        environ: The environment.
        demo: Whether a demo is to be looked at.

    Returns:
        The settings, None if there are mistakes; and what is to be said about them.
    """
    try:
        read = Settings.from_env(environ, demo=demo)
    except SettingsError as error:
        told = [problem.partition(". ") for problem in error.problems]
        return None, [Finding("settings", "failed", wrong, cure) for wrong, _, cure in told]
    unknown = list(_unknown(environ))
    return read, unknown or [Finding("settings", "ok", f"{len(_set(environ))} set, no mistakes")]


def in_force(environ: Mapping[str, str]) -> dict[str, str]:
    """Return every variable with the value that holds: secrets masked, empty where nothing is set.

    Those of the HTTP server are left out unless one of them is set.
    """
    there = _set(environ)
    http = HTTP_VARIABLES if serves_http(environ) else ()
    return {
        variable.name: (MASK if variable.secret else environ[variable.name].strip())
        if variable.name in there
        else variable.default
        for variable in (*VARIABLES, *http)
    }


def serves_http(environ: Mapping[str, str]) -> bool:
    """Whether anything is set that only the HTTP server looks at."""
    return any(environ.get(variable.name, "").strip() for variable in HTTP_VARIABLES)


def _set(environ: Mapping[str, str]) -> set[str]:
    known = (*VARIABLES, *HTTP_VARIABLES)
    return {variable.name for variable in known if environ.get(variable.name, "").strip()}


def _unknown(environ: Mapping[str, str]) -> Iterable[Finding]:
    known = [variable.name for variable in (*VARIABLES, *HTTP_VARIABLES)]
    for name in sorted(environ):
        if name.startswith(_PREFIX) and name not in known:
            guess = get_close_matches(name, known, n=1)
            cure = f"Did you mean {guess[0]}?" if guess else "Unset it, unless another program uses it."
            yield Finding("settings", "warning", f"{name} is set, and no setting of this name exists.", cure)
