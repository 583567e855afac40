"""The client as a package: what it exports, what it may import, what it costs, and the tree that it draws."""

import ast
import pickle
import re
import subprocess
import sys
from pathlib import Path

import nomos_mcp
from nomos_mcp import client
from nomos_mcp.client import errors

FOLDER = Path(client.__file__).parent


def test_the_client_exports_exactly_what_is_visible() -> None:
    visible = {
        name for name, value in vars(client).items() if not name.startswith("_") and not hasattr(value, "__spec__")
    }
    assert visible == set(client.__all__)


def test_the_package_exports_exactly_what_is_visible() -> None:
    assert dir(nomos_mcp) == sorted(nomos_mcp.__all__)
    assert [name for name in nomos_mcp.__all__ if getattr(nomos_mcp, name, None) is None] == []
    source = ast.parse(Path(nomos_mcp.__file__).read_text(encoding="utf-8"))
    imports = [node for node in ast.walk(source) if isinstance(node, ast.ImportFrom) and node.module != "typing"]
    seen_by_type_checkers = {alias.name for node in imports for alias in node.names} - {"import_module"}
    assert seen_by_type_checkers == set(nomos_mcp.__all__) - {"__version__"}


def test_the_client_and_its_errors_are_exported_by_the_package_too() -> None:
    names = {"NomosClient", *(name for name in client.__all__ if name.endswith("Error"))}
    assert {name: getattr(nomos_mcp, name) for name in names} == {name: getattr(client, name) for name in names}


def test_every_error_is_exported() -> None:
    kinds = {name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, Exception)}
    assert kinds <= set(client.__all__)


def test_the_tree_of_errors_is_drawn_as_it_grows() -> None:
    lines = re.finditer(r"^    ([│├└─ ]*)(\w+Error)\b", errors.__doc__ or "", re.MULTILINE)
    drawn = [(len(found[1]) // 4, found[2]) for found in lines]
    parents: dict[str, str] = {}
    path: list[str] = []
    for depth, name in drawn:
        path[depth:] = [name]
        parents[name] = path[depth - 1] if depth else "Exception"
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.NomosError)]
    assert parents == {kind.__name__: kind.__bases__[0].__name__ for kind in kinds}


def test_every_documented_status_has_its_class_and_code() -> None:
    codes = {status: kind.documented_code for status, kind in errors.BY_STATUS.items()}
    assert codes == {
        400: "BAD_REQUEST",
        401: "UNAUTHORIZED",
        402: "PAYMENT_REQUIRED",
        403: "FORBIDDEN",
        404: "NOT_FOUND",
        405: "METHOD_NOT_ALLOWED",
        409: "CONFLICT",
        422: "UNPROCESSABLE_ENTITY",
        429: "TOO_MANY_REQUESTS",
    }


def test_every_error_survives_pickling() -> None:
    made = [
        client.NotFoundError(404, code="NOT_FOUND", message="No.", errors=[client.ErrorDetail("c", "f", "m")]),
        client.UnreadableResponseError("No JSON.", status_code=200, request_id="r"),
        client.VersionMismatchError("a", "b"),
        client.LocalRateLimitError(3),
        client.CredentialsError("None.", request_id="r"),
        client.NomosError("Anything."),
        client.APITimeoutError("No answer in time."),
        client.CertificateError("Not trusted."),
        client.MissingScopeError("The token lacks the scope."),
    ]
    kinds = {kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.NomosError)}
    assert {kind.__init__ for kind in kinds} == {type(error).__init__ for error in made}  # every way to make one
    assert {kind.__reduce__ for kind in kinds} == {errors.NomosError.__reduce__}
    for error in made:
        again = pickle.loads(pickle.dumps(error))  # noqa: S301  our own
        assert (type(again), str(again), vars(again)) == (type(error), str(error), vars(error))


def test_one_file_knows_the_http_library() -> None:
    library = re.compile(r"^\s*(import|from) httpx\b", re.MULTILINE)
    assert [path.name for path in FOLDER.rglob("*.py") if library.search(path.read_text("utf-8"))] == ["transport.py"]


def test_the_client_imports_nothing_of_the_layers_above() -> None:
    layers = "nomos_mcp.(server|simulator|lifecycle|settings|cli)|mcp|starlette"
    others = re.compile(rf"^\s*(import|from) ({layers})\b", re.MULTILINE)
    assert [path.name for path in FOLDER.rglob("*.py") if others.search(path.read_text(encoding="utf-8"))] == []


def test_verification_of_certificates_cannot_be_switched_off() -> None:
    source = "".join(path.read_text(encoding="utf-8") for path in FOLDER.rglob("*.py"))
    assert re.findall(r"\bverify\b[^,]*,|CERT_NONE|check_hostname|_create_unverified_context", source) == [
        "verify=self._authorities,"
    ]


def test_importing_the_client_loads_neither_mcp_nor_a_backend_that_is_not_used() -> None:
    code = (
        "import sys, nomos_mcp.client; print([m for m in ('mcp', 'trio', 'starlette', 'uvicorn') if m in sys.modules])"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert loaded.stdout.strip() == "[]"
