"""Tokens: fetched once for everybody, renewed in time and after a refusal, shown to nobody."""

import base64
import json
import logging
from collections.abc import Callable, MutableMapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

import anyio
import anyio.lowlevel
import pytest

from nomos_mcp.client import (
    CURIE,
    CredentialsError,
    InternalServerError,
    InvalidRequestError,
    MissingScopeError,
    NomosClient,
    NomosError,
    UnreadableResponseError,
)
from nomos_mcp.client.http_messages import AsgiApp
from nomos_mcp.client.session import MAX_RETRIES
from nomos_mcp.client.transport import MAX_RESPONSE_BYTES
from tests.client.everything_shown import everything_of
from tests.client.fake_time import VIRTUAL, SkippingTime, virtually
from tests.client.faults.wire_server import ORDER, hang, http, saying, serving

SECRET = "cl13nt-s3cr3t"
Forms = list[dict[str, str]]


def authority(
    grant: Callable[[int, dict[str, str]], tuple[int, object]], expired: str = ""
) -> tuple[AsgiApp, Forms, list[str]]:
    """Return an application with a token endpoint, the forms posted to it, and the tokens shown to the rest.

    Args:
        grant: Status and body of the answer to the n-th form.
        expired: A token that the rest refuses.
    """
    forms: Forms = []
    shown: list[str] = []

    async def app(scope, receive, send) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001  ASGI
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        status: int = 200
        body: object = {**ORDER, "id": scope["path"].rpartition("/")[2]} if scope["method"] == "GET" else ORDER
        if scope["path"] == "/oauth/token":
            assert base64.b64decode(headers["authorization"].removeprefix("Basic ")).decode() == f"me:{SECRET}"
            posted = b""
            while (message := await receive())["body"] or message["more_body"]:
                posted += message["body"]
            form = {name: values[0] for name, values in parse_qs(posted.decode()).items()}
            forms.append(form)
            status, body = grant(len(forms), form)
        else:
            shown.append(headers["authorization"])
            if shown[-1] == f"Bearer {expired}":
                status, body = 401, {"code": "UNAUTHORIZED"}
        await anyio.lowlevel.checkpoint()
        told = [(b"content-type", b"application/json"), (b"x-api-version", CURIE.encode())]
        await send({"type": "http.response.start", "status": status, "headers": told})
        await send({"type": "http.response.body", "body": json.dumps(body).encode()})

    return app, forms, shown


def pair(number: int, **more: object) -> tuple[int, object]:
    return 200, {"access_token": f"at-{number}", "refresh_token": f"rt-{number}", "expires_in": 3600, **more}


def client_of(app: AsgiApp, requests_per_second: int = 1000) -> NomosClient:
    return NomosClient(
        client_id="me",
        client_secret=SECRET,
        base_url="http://127.0.0.1",
        app=app,
        timing=VIRTUAL,
        requests_per_second=requests_per_second,
    )


def test_a_token_is_renewed_a_minute_ahead_with_the_newest_refresh_token() -> None:
    app, forms, shown = authority(lambda number, _: pair(number))

    async def main() -> None:
        async with client_of(app) as client:
            for wait in (0, 3530, 20, 3530, 20):
                await anyio.sleep(wait)
                await client.meter_orders.get("prdo_1")

    virtually(main)
    assert [form.get("refresh_token") for form in forms] == [None, "rt-1", "rt-2"]
    assert shown == ["Bearer at-1", "Bearer at-1", "Bearer at-2", "Bearer at-2", "Bearer at-3"]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 422])
def test_a_refresh_token_that_is_not_taken_is_followed_by_the_client_credentials(status: int) -> None:
    app, forms, shown = authority(
        lambda number, form: (status, {"code": "REFUSED"}) if "refresh_token" in form else pair(number)
    )

    async def main() -> None:
        async with client_of(app) as client:
            await client.meter_orders.get("prdo_1")
            await anyio.sleep(4000)
            await client.meter_orders.get("prdo_1")

    virtually(main)
    assert [form["grant_type"] for form in forms] == ["client_credentials", "refresh_token", "client_credentials"]
    assert shown == ["Bearer at-1", "Bearer at-3"]


@pytest.mark.parametrize("status", [429, 500])
def test_a_refresh_token_is_sent_once_as_nobody_knows_whether_a_failed_exchange_used_it(status: int) -> None:
    app, forms, _ = authority(
        lambda number, form: (status, {"code": "FAILED"}) if "refresh_token" in form else pair(number)
    )

    async def main() -> None:
        async with client_of(app) as client:
            await client.meter_orders.get("prdo_1")
            await anyio.sleep(4000)
            await client.meter_orders.get("prdo_1")

    virtually(main)
    assert [form.get("refresh_token") for form in forms] == [None, "rt-1", None]


@pytest.mark.parametrize(
    "stated", ["soon", None, True, -1, 0, pytest.param(10**400, id="huge"), float("inf"), float("nan")]
)
def test_a_lifetime_that_cannot_be_meant_is_the_documented_hour(stated: object) -> None:
    app, forms, _ = authority(lambda number, _: (200, {"access_token": f"at-{number}", "expires_in": stated}))

    async def main() -> None:
        async with client_of(app) as client:
            for wait in (0, 3500, 50):
                await anyio.sleep(wait)
                await client.meter_orders.get("prdo_1")

    virtually(main)
    assert [form["grant_type"] for form in forms] == ["client_credentials"] * 2


def test_a_wall_clock_that_is_wrong_changes_nothing() -> None:
    app, forms, _ = authority(lambda number, _: pair(number))

    async def main() -> None:
        years = iter(range(1999, 2099, 20))
        wrong = replace(VIRTUAL, wall=lambda: datetime(next(years), 1, 1, tzinfo=UTC))
        async with NomosClient(
            client_id="me", client_secret=SECRET, base_url="http://127.0.0.1", app=app, timing=wrong
        ) as client:
            for _ in range(3):
                await client.meter_orders.get("prdo_1")

    virtually(main)
    assert len(forms) == 1


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_failed_renewal_is_told_to_all_who_waited_for_it(backend: str) -> None:
    app, forms, shown = authority(lambda _number, _form: (403, {"code": "FORBIDDEN", "requestId": "req-1"}))
    failures: list[CredentialsError] = []

    async def main() -> None:
        async with NomosClient(
            client_id="me", client_secret=SECRET, base_url="http://127.0.0.1", app=app, requests_per_second=1000
        ) as client:

            async def call() -> None:
                with pytest.raises(CredentialsError, match="HTTP 403") as caught:
                    await client.meter_orders.get("prdo_1")
                failures.append(caught.value)

            async with anyio.create_task_group() as group:
                for _ in range(50):
                    group.start_soon(call)

    anyio.run(main, backend=backend)
    assert (len(forms), len(failures), shown) == (1, 50, [])
    assert failures[0].request_id == "req-1"


def test_whoever_renews_and_is_cancelled_leaves_the_renewal_to_the_next() -> None:
    app, forms, _ = authority(lambda number, _: pair(number))

    async def main() -> str:
        async with client_of(app) as client:
            with anyio.CancelScope() as scope:
                scope.cancel()
                await client.granted_scopes()
            return (await client.meter_orders.get("prdo_1")).id

    assert virtually(main) == "prdo_1"
    assert len(forms) == 1


def test_a_late_refusal_of_an_old_token_costs_no_second_renewal() -> None:
    app, forms, shown = authority(lambda number, _: pair(number), expired="at-1")
    lags = iter([0, 5, 0, 0])  # the second of two refusals comes when the token has been renewed

    async def lagging(scope, receive, send) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001  ASGI
        lag = 0 if scope["path"] == "/oauth/token" else next(lags)

        async def late(message: MutableMapping[str, Any]) -> None:
            await anyio.sleep(lag)
            await send(message)

        await app(scope, receive, late)

    async def main() -> None:
        async with client_of(lagging) as client:
            await client.granted_scopes()
            async with anyio.create_task_group() as group:
                group.start_soon(client.meter_orders.get, "prdo_1")
                group.start_soon(client.meter_orders.get, "prdo_2")

    virtually(main)
    assert len(forms) == 2
    assert sorted(shown) == ["Bearer at-1", "Bearer at-1", "Bearer at-2", "Bearer at-2"]


def test_calls_that_wait_for_their_turn_use_the_token_that_came_meanwhile() -> None:
    app, forms, shown = authority(lambda number, _: pair(number), expired="at-1")

    async def main() -> None:
        async with client_of(app, requests_per_second=1) as client:
            await client.granted_scopes()
            async with anyio.create_task_group() as group:
                for number in range(3):
                    group.start_soon(client.meter_orders.get, f"prdo_{number}")

    virtually(main)
    assert len(forms) == 2
    assert shown == ["Bearer at-1", "Bearer at-2", "Bearer at-2", "Bearer at-2"]


@pytest.mark.parametrize("write", [False, True], ids=["read", "write"])
def test_a_token_endpoint_that_fails_for_a_moment_is_asked_again(*, write: bool) -> None:
    failing: dict[int, tuple[int, object]] = {1: (503, {}), 2: (429, {})}
    app, forms, shown = authority(lambda number, _: failing.get(number) or pair(number, scope="read:* write:*"))

    async def main() -> None:
        async with client_of(app) as client:
            await (client.meter_orders.create("sub_1") if write else client.meter_orders.get("prdo_1"))

    virtually(main)
    assert (len(forms), len(shown)) == (3, 1)


def test_a_write_is_not_repeated_with_a_new_token_that_is_read_only() -> None:
    scopes = iter(["read:* write:*", "read:*"])
    app, _, shown = authority(lambda number, _: pair(number, scope=next(scopes)), expired="at-1")

    async def main() -> None:
        async with client_of(app) as client:
            with pytest.raises(MissingScopeError):
                await client.meter_orders.create("sub_1")

    virtually(main)
    assert shown == ["Bearer at-1"]


def test_a_token_endpoint_that_keeps_failing_is_given_up_and_nothing_is_written() -> None:
    app, forms, shown = authority(lambda _number, _form: (503, {}))

    async def main() -> None:
        async with client_of(app) as client:
            with pytest.raises(InternalServerError):
                await client.meter_orders.create("sub_1")

    virtually(main)
    assert (len(forms), shown) == (MAX_RETRIES + 1, [])


@pytest.mark.parametrize("token", [None, "", "to\nken", "tökén", 7])
def test_a_grant_without_a_usable_token_is_unreadable(token: object) -> None:
    app, _, _ = authority(lambda _number, _form: (200, {"access_token": token, "refresh_token": "r3fr3sh"}))

    async def main() -> NomosError:
        async with client_of(app) as client:
            with pytest.raises(UnreadableResponseError, match="no usable access token") as caught:
                await client.meter_orders.get("prdo_1")
        return caught.value

    failure = virtually(main)
    assert "r3fr3sh" not in everything_of(failure)


@pytest.mark.parametrize("token", ["to ken", "token\n", "tökén"])
def test_a_static_token_that_no_header_can_carry_is_refused_and_not_quoted(token: str) -> None:
    with pytest.raises(InvalidRequestError, match="copied along") as caught:
        NomosClient(access_token=token)
    assert token not in str(caught.value)


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@pytest.mark.parametrize("fault", ["refused", "silent", "broken", "cut off", "too large", "unreadable"])
def test_no_secret_is_in_an_error_its_traceback_or_a_log(
    fault: str, backend: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    script = {
        "refused": saying(http(401, {"code": "UNAUTHORIZED"})),
        "silent": hang,
        "broken": saying(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nx"),
        "cut off": saying(http(body=b'{"access_token": "gr4nt3d", "refresh_to', length=100)),
        "too large": saying(http(body=b'{"access_token": "gr4nt3d", ' + b" " * MAX_RESPONSE_BYTES)),
        "unreadable": saying(http(body=b'{"access_token": "gr4nt3d", "refresh_to')),
    }[fault]

    async def failure_of(client: NomosClient) -> NomosError:
        async with client:
            with pytest.raises(NomosError) as caught:
                await client.meter_orders.get("prdo_1")
        return caught.value

    with serving(script) as server:
        time = SkippingTime().timing
        made = [
            NomosClient(access_token="st4t1c-t0k3n", base_url=server.url, timing=time, timeout=0.3),
            NomosClient(client_id="me", client_secret=SECRET, base_url=server.url, timing=time, timeout=0.3),
        ]
        failures = [anyio.run(failure_of, client, backend=backend) for client in made]
    assert {failure.__context__ for failure in failures} == {None}  # the library's own errors hold what was sent
    shown = "".join(map(everything_of, failures))
    shown += repr([vars(client._session) for client in made]) + caplog.text
    clear = base64.b64encode(f"me:{SECRET}".encode()).decode()
    assert not [secret for secret in (SECRET, "st4t1c-t0k3n", "gr4nt3d", clear) if secret in shown]
