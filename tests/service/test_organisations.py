"""Several organisations behind one server: the caller's token picks one, and nothing of another one shows."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from typing import Any, cast

import anyio
import httpx
import httpx2
import pytest
from mcp import Client, MCPError
from mcp.client.streamable_http import streamable_http_client
from mcp.types import PromptReference, ResourceTemplateReference
from pydantic import SecretStr
from starlette.types import Receive, Scope, Send

from nomos_mcp.client import CURIE, EDISON, ApiVersion, NomosClient
from nomos_mcp.organisations_file import OrganisationSettings
from nomos_mcp.service import create_http_app
from nomos_mcp.service.authentication import MALFORMED
from nomos_mcp.service.organisation import Organisation
from nomos_mcp.service.token_file import TokenFile
from nomos_mcp.settings import HttpSettings, Settings, SettingsError
from nomos_mcp.simulator import DEMO, Simulator
from nomos_mcp.simulator.views import TargetState
from tests.server.conftest import Era, era  # noqa: F401  a fixture
from tests.service import authority
from tests.service.running import running
from tests.service.wire import MODERN, call, post
from tests.serving import served

ORDER = DEMO.orders["placed"]
CUSTOMER = DEMO.customers["placed"]
SCOPES = ("orders:read", "orders:write", "org")


@dataclass
class Deployment:
    """A server of two organisations at two upstreams, which have an order of the same ID in different states.

    Attributes:
        acme: What is upstream of the organisation of this name, which uses curie.
        beta: The same; it uses edison.
        url: The server's base URL.
        tokens: Its token file.
    """

    acme: Simulator
    beta: Simulator
    url: str
    tokens: TokenFile

    def asked(self) -> int:
        """Return how often anything was asked upstream."""
        return len(self.acme.requests) + len(self.beta.requests)


def organisation(name: str, base_url: str, **more: Any) -> OrganisationSettings:
    secret = SecretStr(DEMO.client_secret)
    return OrganisationSettings(name=name, client_id=DEMO.client_id, client_secret=secret, base_url=base_url, **more)


@pytest.fixture(scope="module")
def keys_url() -> Iterator[str]:
    with served(authority.Authority()) as url:
        yield url


@contextmanager
def deployed(folder: Path, keys_url: str, **more: Any) -> Iterator[Deployment]:
    acme, beta = Simulator(seed=1), Simulator(seed=2)
    beta.put_order(ORDER, TargetState(status="installed"))
    file = folder / "tokens.json"

    async def upstream(scope: Scope, receive: Receive, send: Send) -> None:
        """One host for both, as in reality, which tells them apart."""
        version = dict(scope.get("headers", ())).get(b"x-api-version", b"").decode()
        await (beta if version == EDISON else acme)(scope, receive, send)

    versions: dict[str, ApiVersion] = {"acme": CURIE, "beta": EDISON}
    with served(upstream) as url:
        organisations = tuple(
            OrganisationSettings(
                name=name, access_token=SecretStr(DEMO.access_token), api_version=version, base_url=url
            )
            for name, version in versions.items()
        )
        http = authority.settings(keys_url, tokens_file=str(file), organisations=organisations, **more)
        with running(Settings(http=http, state_key=SecretStr("k" * 32))) as server:
            yield Deployment(acme, beta, server.url, TokenFile(file))


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory, keys_url: str) -> Iterator[Deployment]:
    with deployed(tmp_path_factory.mktemp("tokens"), keys_url) as deployment:
        yield deployment


@pytest.fixture(params=["jwt", "file"])
def token_of(request: pytest.FixtureRequest, deployment: Deployment) -> Any:
    """Return what makes a token of an organisation; all have the same holder, who may see everything and order."""

    def made(name: str) -> str:
        if request.param == "jwt":
            return authority.token(sub=f"bot-{request.node.name}", nomos_organisation=name)
        return deployment.tokens.add(f"{name}-{token_hex(4)}", SCOPES, organisation=name)

    return made


async def use(url: str, token: str, era: Era, work: Any) -> Any:  # noqa: F811  the fixture's value
    http = httpx2.AsyncClient(headers={"authorization": f"Bearer {token}"})
    with anyio.fail_after(30):
        async with http, Client(streamable_http_client(f"{url}/mcp", http_client=http), mode=era) as client:
            return await work(client)


async def completed(client: Client) -> str:
    """Return what is suggested for an argument of a prompt and for those of the resources."""
    prompt = next(prompt for prompt in (await client.list_prompts()).prompts if prompt.arguments)
    assert prompt.arguments
    ref = PromptReference(name=prompt.name)
    found = [await client.complete(ref, {"name": prompt.arguments[0].name, "value": ""})]
    for template in (await client.list_resource_templates()).resource_templates:
        for argument in re.findall(r"{(\w+)}", template.uri_template):
            reference = ResourceTemplateReference(uri=template.uri_template)
            found.append(await client.complete(reference, {"name": argument, "value": ""}))
    return str(found)


async def test_each_caller_gets_what_is_its_organisations_in_the_words_of_its_api_version(
    deployment: Deployment,
    token_of: Any,
    era: Era,  # noqa: F811  the fixture
) -> None:
    async def look(client: Client) -> dict[str, str]:
        listed = await client.call_tool("list_meter_orders_by_status", {"status": "all", "limit": 100})
        return {
            "order": str((await client.call_tool("get_meter_order", {"order_id": ORDER})).structured_content),
            "resource": (await client.read_resource(f"nomos://meter-orders/{ORDER}")).model_dump_json(),
            "list": str(listed.structured_content),
            "tools": str([tool.model_dump_json() for tool in (await client.list_tools()).tools]),
            "others": str([await client.list_prompts(), await client.list_resources(), await completed(client)]),
        }

    seen = {name: await use(deployment.url, token_of(name), era, look) for name in ("acme", "beta")}
    for what in ("order", "resource"):
        assert "'status': 'placed'" in seen["acme"][what] or '\\"status\\":\\"placed' in seen["acme"][what], what
        assert "installed" in seen["beta"][what], what
        assert "installed" not in seen["acme"][what], what
    own = {
        "acme": {order.id for order in deployment.acme.world.orders},
        "beta": {order.id for order in deployment.beta.world.orders},
    }
    for name, other in (("acme", "beta"), ("beta", "acme")):
        assert not [each for each in (*own[other], other) if each in seen[name]["others"]]
        assert any(each in seen[name]["list"] for each in own[name] - own[other])
        assert not [each for each in own[other] - own[name] if each in seen[name]["list"]]
    assert seen["acme"]["tools"] != seen["beta"]["tools"]
    assert "intended" in seen["beta"]["tools"]
    assert "intended" not in seen["acme"]["tools"]


async def test_an_order_of_another_organisation_is_unknown_and_is_not_looked_for_there(
    deployment: Deployment,
    token_of: Any,
    era: Era,  # noqa: F811  the fixture
) -> None:
    foreign = next(
        order for order in deployment.beta.world.orders if deployment.acme.world.orders.get(order.id) is None
    )
    unknown = f"prdo_{'0' * 24}"

    async def look(client: Client) -> list[str]:
        said = []
        for order_id in (foreign.id, unknown):
            result = await client.call_tool("get_meter_order", {"order_id": order_id})
            assert result.is_error
            with pytest.raises(MCPError) as caught:
                await client.read_resource(f"nomos://meter-orders/{order_id}")
            words = f"{result.content} {caught.value}".replace(order_id, "ID")
            said.append(re.sub(r"[0-9a-f-]{36}", "a request", words))
        result = await client.call_tool("get_subscription", {"subscription_id": foreign.subscription_id})
        return [*said, str(result.is_error)]

    before = len(deployment.beta.requests)
    said = await use(deployment.url, token_of("acme"), era, look)
    assert said[0] == said[1]
    assert said[2] == "True"
    assert len(deployment.beta.requests) == before


@pytest.mark.parametrize(
    ("claims", "said"),
    [
        ({}, "names no organisation"),
        ({"nomos_organisation": "gamma"}, "does not serve"),
        ({"nomos_organisation": ""}, "does not serve"),
        ({"nomos_organisation": MALFORMED}, "does not serve"),
        ({"nomos_organisation": "Acme"}, "does not serve"),
        ({"nomos_organisation": "acme\n"}, "does not serve"),
        ({"nomos_organisation": ["acme", "beta"]}, "does not serve"),
        ({"nomos_organisation": []}, "does not serve"),
        ({"nomos_organisation": {"acme": True}}, "does not serve"),
        ({"nomos_organisation": 0}, "does not serve"),
        ({"nomos_organisation": True}, "does not serve"),
    ],
)
def test_a_token_without_an_organisation_that_is_served_gets_403_and_nothing_is_read(
    deployment: Deployment, claims: dict[str, Any], said: str
) -> None:
    before = deployment.asked()
    response = call(deployment.url, "get_meter_order", {"order_id": ORDER}, token=authority.token(**claims))
    assert response.status_code == 403
    assert response.json()["error"] == "no_organisation"
    assert said in response.json()["error_description"]
    assert "acme" not in response.text
    assert deployment.asked() == before


@pytest.mark.parametrize("modern", [True, False])
def test_that_is_so_for_every_method(deployment: Deployment, modern: bool) -> None:  # noqa: FBT001  a parameter
    before = deployment.asked()
    for method in ("initialize", "tools/list", "prompts/list", "resources/list", "subscriptions/listen", "made/up"):
        assert post(deployment.url, method, modern=modern, token=authority.token()).status_code == 403
    assert deployment.asked() == before


def test_a_token_of_the_file_without_an_organisation_that_is_served_gets_403(deployment: Deployment) -> None:
    before = deployment.asked()
    for number, name in enumerate(("", "gamma")):
        text = deployment.tokens.add(f"nobody-{number}", SCOPES, organisation=name)
        assert call(deployment.url, "get_meter_order", {"order_id": ORDER}, token=text).status_code == 403
    assert deployment.asked() == before


def test_without_a_valid_token_nobody_learns_that_there_are_organisations(deployment: Deployment) -> None:
    for text in ("", "nmcp_0_0", authority.token(authority.STRANGER, nomos_organisation="acme")):
        response = call(deployment.url, token=text)
        assert response.status_code == 401
        assert "organisation" not in response.text


def test_a_server_of_one_organisation_refuses_a_token_that_names_one(keys_url: str) -> None:
    with running(Settings(demo=True, http=authority.settings(keys_url))) as server:
        assert call(server.url, token=authority.token()).status_code == 200
        claims: list[Any] = ["acme", "", []]
        for claim in claims:
            response = call(server.url, token=authority.token(nomos_organisation=claim))
            assert (response.status_code, response.json()["error"]) == (403, "no_organisation")


def test_callers_of_the_same_name_and_customer_have_budgets_of_their_own(tmp_path: Path, keys_url: str) -> None:
    claims = {"sub": "bot", "nomos_customer": CUSTOMER, "scope": "orders:read"}
    acme, beta = (authority.token(**claims, nomos_organisation=name) for name in ("acme", "beta"))
    with deployed(tmp_path, keys_url, calls_per_minute=1) as deployment:
        assert "used up your budget" not in call(deployment.url, token=acme).text
        assert "used up your budget" in call(deployment.url, token=acme).text
        assert "used up your budget" not in call(deployment.url, token=beta).text


def ordered_for(simulator: Simulator) -> list[str]:
    return [entry.subscription_id for entry in simulator.ledger]


def test_a_confirmation_code_counts_in_its_organisation_only(
    deployment: Deployment, capfd: pytest.CaptureFixture[str]
) -> None:
    acme, beta = (authority.token(nomos_organisation=name) for name in ("acme", "beta"))
    arguments = {"subscription_id": DEMO.subscriptions["can_order"]}
    preview = call(deployment.url, "order_smart_meter", arguments, token=acme).json()["result"]
    confirmed = {**arguments, "confirmation_code": preview["structuredContent"]["confirmation_code"]}
    refused = call(deployment.url, "order_smart_meter", confirmed, token=beta).json()["result"]
    assert "was not issued to this caller for this subscription" in json.dumps(refused)
    assert not deployment.beta.ledger
    answer = call(deployment.url, "order_smart_meter", confirmed, token=acme).json()["result"]
    assert answer["structuredContent"]["outcome"] == "ordered"
    assert DEMO.subscriptions["can_order"] in ordered_for(deployment.acme)
    audit = [json.loads(line) for line in capfd.readouterr().err.splitlines() if '"decision"' in line]
    assert {(line["organisation"], line["outcome"]) for line in audit} >= {("acme", "ordered"), ("beta", "refused")}


def asked(url: str, token: str, **more: Any) -> dict[str, Any]:
    """Order as a client that can ask its user; return the result or the error."""
    can_ask: dict[str, Any] = {"io.modelcontextprotocol/clientCapabilities": {"elicitation": {"form": {}}}}
    meta = {"io.modelcontextprotocol/protocolVersion": MODERN, **can_ask}
    arguments = {"subscription_id": DEMO.subscriptions["can_order_metrify"]}
    params = {"name": "order_smart_meter", "arguments": arguments, "_meta": meta, **more}
    headers = {
        "accept": "application/json, text/event-stream",
        "authorization": f"Bearer {token}",
        "mcp-protocol-version": MODERN,
        "mcp-method": "tools/call",
        "mcp-name": "order_smart_meter",
    }
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    answer: dict[str, Any] = httpx.post(f"{url}/mcp", json=body, headers=headers, timeout=30).json()
    return answer


def test_the_state_of_a_question_counts_in_its_organisation_only(deployment: Deployment) -> None:
    acme, beta = (authority.token(nomos_organisation=name) for name in ("acme", "beta"))
    question = asked(deployment.url, acme)["result"]
    (key,) = question["inputRequests"]
    yes = {"inputResponses": {key: {"action": "accept", "content": {"order": True}}}}
    answer = {**yes, "requestState": question["requestState"]}
    assert asked(deployment.url, beta, **answer)["error"]["code"] == -32602
    assert not deployment.beta.ledger
    assert asked(deployment.url, acme, **answer)["result"]["structuredContent"]["outcome"] == "ordered"
    assert DEMO.subscriptions["can_order_metrify"] in ordered_for(deployment.acme)


def test_the_log_names_the_organisation_of_a_call_and_of_a_refusal(
    deployment: Deployment, capfd: pytest.CaptureFixture[str]
) -> None:
    for name in ("acme", "beta", "gamma"):
        call(deployment.url, token=authority.token(nomos_organisation=name))
    lines = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
    assert [(line["event"], line["organisation"]) for line in lines] == [
        ("call", "acme"),
        ("call", "beta"),
        ("refused", "gamma"),
    ]


@pytest.mark.parametrize("broken", ["refuses", pytest.param("does not answer", marks=pytest.mark.slow)])
def test_an_organisation_that_fails_takes_no_other_out_of_rotation(
    tmp_path: Path, broken: str, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nomos_mcp.service.http_app.READY_WAIT_FOR_OTHERS", 0.0)

    async def silent(scope: Any, _receive: Any, _send: Any) -> None:
        if scope["type"] == "http":
            await anyio.sleep(3600)

    with served(Simulator()) as acme_url, served(silent if broken == "does not answer" else Simulator()) as beta_url:
        beta = OrganisationSettings(name="beta", access_token=SecretStr("wrong"), base_url=beta_url)
        http = HttpSettings(tokens_file=str(tmp_path / "t"), organisations=(organisation("acme", acme_url), beta))
        with running(Settings(http=http)) as server:
            for _ in range(2):
                answer = httpx.get(f"{server.url}/readyz")
                assert (answer.status_code, answer.json()) == (200, {"ready": True, "organisations": 2, "not_ready": 1})
    said = [json.loads(line) for line in capfd.readouterr().err.splitlines() if '"readiness"' in line]
    assert [(line["organisation"], line["ready"]) for line in said] == [("beta", False)]


@pytest.mark.slow
def test_a_server_none_of_whose_organisations_is_ready_is_not(tmp_path: Path) -> None:
    nowhere = tuple(
        OrganisationSettings(name=name, access_token=SecretStr(name), base_url="http://127.0.0.1:9")
        for name in ("acme", "beta")
    )
    with running(Settings(http=HttpSettings(tokens_file=str(tmp_path / "t"), organisations=nowhere))) as server:
        answer = httpx.get(f"{server.url}/readyz")
        assert (answer.status_code, answer.json()) == (503, {"ready": False, "organisations": 2, "not_ready": 2})


async def test_several_organisations_need_tokens_and_take_no_client() -> None:
    two = (organisation("acme", "https://acme.example"), organisation("beta", "https://beta.example"))
    with pytest.raises(SettingsError, match="NOMOS_MCP_ORGANISATIONS: set, but callers need no token"):
        create_http_app(Settings(http=HttpSettings(organisations=two)))
    async with NomosClient(access_token="t") as nomos:
        with pytest.raises(ValueError, match="several organisations"):
            create_http_app(Settings(http=HttpSettings(organisations=two, tokens_file="t")), client=nomos)


async def test_work_in_the_background_that_fails_ends_nothing_and_is_begun_again(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("nomos_mcp.service.organisation._BEGUN_AGAIN_AFTER", 0)
    begun, begun_again = anyio.Event(), anyio.Event()

    async def look() -> None:
        if not begun.is_set():
            begun.set()
            raise LookupError("s3cr3t")
        begun_again.set()

    class Observing:
        """Metrics whose look fails."""

        def observe(self, *_: Any) -> Any:
            return look

    served = Organisation(Settings(organisation="acme"))
    served.observe(cast("Any", Observing()))
    with anyio.fail_after(10):
        async with served.running():
            await begun_again.wait()
    line = json.loads(capfd.readouterr().err)
    assert (line["event"], line["organisation"], line["why"]) == (
        "background_failed",
        "acme",
        "LookupError. It is begun again.",
    )
