"""`nomos-mcp doctor`, where the HTTP server is set up: issuer, keys, tokens, names."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from nomos_mcp.cli import main
from nomos_mcp.variables import HTTP_VARIABLES, VARIABLES
from tests.serving import served

KEY = {"kty": "RSA", "kid": "a", "n": "AQAB", "e": "AQAB"}


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in (*VARIABLES, *HTTP_VARIABLES):
        monkeypatch.delenv(variable.name, raising=False)


@pytest.fixture
def published() -> dict[str, Any]:
    """What the issuer serves, by path; `{issuer}` stands for its address."""
    return {
        "/.well-known/openid-configuration": {"issuer": "{issuer}", "jwks_uri": "{issuer}/jwks"},
        "/jwks": {"keys": [KEY, {"kty": "oct", "kid": "b"}]},
    }


@pytest.fixture
def issuer(published: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An issuer on a socket, and the settings that trust it."""

    async def serve(request: Request) -> JSONResponse:
        found = published.get(request.url.path)
        text = json.dumps(found).replace("{issuer}", str(request.base_url).rstrip("/"))
        return JSONResponse(json.loads(text), 404 if found is None else 200)

    with served(Starlette(routes=[Route("/{path:path}", serve)])) as url:
        monkeypatch.setenv("NOMOS_MCP_AUTH_ISSUER", url)
        monkeypatch.setenv("NOMOS_MCP_AUTH_JWKS_URL", f"{url}/jwks")
        monkeypatch.setenv("NOMOS_MCP_PUBLIC_URL", "https://mcp.example.com/mcp")
        yield url


def examined(capsys: pytest.CaptureFixture[str]) -> tuple[int, dict[str, dict[str, str]]]:
    code = main(["doctor", "--demo", "--json"])
    report = json.loads(capsys.readouterr().out)
    return code, {check["name"]: check for check in report["checks"]}


@pytest.mark.usefixtures("issuer")
def test_an_issuer_with_keys_is_well(capsys: pytest.CaptureFixture[str]) -> None:
    code, checks = examined(capsys)
    assert code == 0
    assert "for https://mcp.example.com/mcp" in checks["issuer"]["found"]
    assert checks["keys"]["found"] == "1 that can verify tokens"
    assert checks["hosts"]["found"] == "answers to loopback, mcp.example.com"


@pytest.mark.usefixtures("issuer")
def test_an_issuer_may_publish_nothing_about_itself(
    published: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    published["/.well-known/openid-configuration"] = {"keys": []}
    code, checks = examined(capsys)
    assert (code, checks["issuer"]["state"]) == (0, "ok")


@pytest.mark.parametrize(
    ("stated", "state", "cure"),
    [
        ({"issuer": "{issuer}/"}, "failed", "NOMOS_MCP_AUTH_ISSUER"),
        ({"issuer": "{issuer}", "jwks_uri": "https://elsewhere.example/jwks"}, "warning", "NOMOS_MCP_AUTH_JWKS_URL"),
    ],
)
@pytest.mark.usefixtures("issuer")
def test_an_issuer_that_says_otherwise_is_told(
    stated: dict[str, str], state: str, cure: str, published: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    published["/.well-known/openid-configuration"] = stated
    _, checks = examined(capsys)
    assert checks["issuer"]["state"] == state
    assert cure in checks["issuer"]["cure"]


@pytest.mark.parametrize("keys", [None, {"keys": [{"kty": "oct", "kid": "b"}]}], ids=["missing", "symmetric"])
@pytest.mark.usefixtures("issuer")
def test_keys_that_cannot_check_a_token_fail(
    keys: Any, published: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    published["/jwks"] = keys
    code, checks = examined(capsys)
    assert (code, checks["keys"]["state"]) == (2, "failed")
    assert "NOMOS_MCP_AUTH_JWKS_URL" in checks["keys"]["cure"]


@pytest.mark.usefixtures("issuer")
def test_a_server_that_does_not_answer_to_its_own_name_fails(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NOMOS_MCP_ALLOWED_HOSTS", "other.example.com")
    monkeypatch.setenv("NOMOS_MCP_ALLOWED_ORIGINS", "https://chat.example.com")
    assert examined(capsys)[1]["hosts"]["state"] == "failed"
    monkeypatch.setenv("NOMOS_MCP_ALLOWED_HOSTS", "mcp.example.com")
    assert examined(capsys)[1]["hosts"]["found"] == "answers to mcp.example.com; pages of https://chat.example.com"


def test_a_file_of_tokens_is_counted_and_its_permissions_are_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "tokens.json"
    monkeypatch.setenv("NOMOS_MCP_TOKENS_FILE", str(file))
    assert "token add" in examined(capsys)[1]["tokens"]["cure"]
    main(["token", "add", "chat", "--customer", "cus_1"])
    capsys.readouterr()
    assert examined(capsys)[1]["tokens"]["found"] == f"1 in {file}"
    file.chmod(0o644)
    assert "chmod 600" in examined(capsys)[1]["tokens"]["cure"]
    file.write_text("nonsense")
    assert examined(capsys)[1]["tokens"]["state"] == "failed"


def test_nobody_being_asked_is_a_warning_and_its_settings_are_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NOMOS_MCP_CALLS_PER_MINUTE", "60")
    assert main(["doctor", "--demo"]) == 1
    shown = capsys.readouterr().out
    assert "  warning  callers" in shown
    assert ["NOMOS_MCP_CALLS_PER_MINUTE", "60"] in [line.split() for line in shown.splitlines()]


@pytest.mark.parametrize(
    ("hosts", "state", "found"),
    [("", "warning", "2 secrets, but deliveries to a public host name are refused"), ("a.example", "ok", "2 secrets")],
)
def test_webhooks_need_a_host_name_that_the_vendor_can_reach(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, hosts: str, state: str, found: str
) -> None:
    monkeypatch.setenv("NOMOS_MCP_WEBHOOK_SECRETS", "whsec_invented_0123,whsec_invented_4567")
    monkeypatch.setenv("NOMOS_MCP_ALLOWED_HOSTS", hosts)
    _, checks = examined(capsys)
    assert (checks["webhooks"]["state"], checks["webhooks"]["found"]) == (state, found)
