"""Personal data of a subscription: there for whoever asks for it on purpose, and nowhere else."""

import copy
import json
import logging
import pickle
import re
from pathlib import Path

import pytest
from pydantic import BaseModel, SecretStr

import nomos_mcp.server
from nomos_mcp.client import CURIE, EDISON, ApiVersion, NomosClient, PersonalData, Subscription, UnreadableResponseError
from nomos_mcp.simulator import DEMO, Simulator
from tests.client.everything_shown import everything_of
from tests.client.faults.wire_server import http, saying, serving
from tests.conftest import client_for

PRIVATE = (
    "Ada",
    "Example",
    "ada@example.test",
    "Musterweg",
    "DE02120300000000202051",
    "50000000001",
    "DE000melo",
    "vip",
)
WHOLE = {
    "object": "subscription",
    "id": "sub_1",
    "plan": "pln_1",
    "customer": {"id": "cus_1", "first_name": "Ada", "last_name": "Example", "email": "ada@example.test"},
    "address": {"id": "adr_1", "street": "Musterweg", "house_number": "1", "zip": "10115", "city": "Berlin"},
    "meter": {"id": "mtr_1", "type": "analog", "number": "M1", "malo": "50000000001", "melo": "DE000melo"},
    "payment_method": {
        "id": "pm_1",
        "sepa_debit": {"iban": "DE02120300000000202051", "account_holder": "Ada Example"},
    },
    "supplier": None,
    "status": "active",
    "type": "consumption",
    "created_at": "2026-01-01T00:00:00Z",
    "metadata": {"segment": "vip"},
}


@pytest.fixture
def subscription() -> Subscription:
    return Subscription.model_validate(WHOLE)


def clear(secret: SecretStr | None) -> str:
    assert secret is not None
    return secret.get_secret_value()


def test_every_field_can_be_read_on_purpose(subscription: Subscription) -> None:
    personal = subscription.personal
    assert clear(personal.first_name) == "Ada"
    assert clear(personal.email) == "ada@example.test"
    assert clear(personal.street) == "Musterweg"
    assert clear(personal.iban) == "DE02120300000000202051"
    assert clear(personal.malo) == "50000000001"
    assert clear(personal.melo) == "DE000melo"
    assert personal.metadata is not None
    assert personal.metadata.get_secret_value() == {"segment": "vip"}
    assert personal.billing_street is None


def test_nothing_of_it_is_printed_logged_or_serialised(
    subscription: Subscription, caplog: pytest.LogCaptureFixture
) -> None:
    class Report(BaseModel):
        about: Subscription

    caplog.set_level(logging.DEBUG)
    logging.getLogger("integrator").info(
        "got %s and %r, personal %s", subscription, subscription, subscription.personal
    )
    shown = [
        caplog.text,
        repr(vars(subscription)),
        str(subscription.model_dump()),
        subscription.model_dump_json(),
        subscription.personal.model_dump_json(),
        repr(subscription.personal),
        str(subscription.personal.metadata),
        Report(about=subscription).model_dump_json(),
        json.dumps(subscription, default=str),
        json.dumps(Subscription.model_json_schema()),
        pickle.dumps(subscription).decode("latin-1"),
    ]
    assert [word for word in PRIVATE for text in shown if word in text] == []


def test_copies_keep_it_and_pickles_do_not(subscription: Subscription) -> None:
    assert copy.deepcopy(subscription).personal == subscription.personal
    assert Subscription.model_validate(subscription).personal.first_name is not None
    assert pickle.loads(pickle.dumps(subscription)).personal == PersonalData()  # noqa: S301  our own


def test_parsing_from_json_seals_it_too() -> None:
    assert clear(Subscription.model_validate_json(json.dumps(WHOLE)).personal.first_name) == "Ada"


def test_personal_data_of_the_wrong_shape_does_not_break_the_record() -> None:
    odd = {**WHOLE, "metadata": "text", "address": "adr_1", "meter": "mtr_1", "customer": {"id": "cus_1", "email": 7}}
    personal = Subscription.model_validate(odd).personal
    assert (personal.metadata, personal.street, personal.email, personal.malo) == (None, None, None, None)


@pytest.mark.parametrize("version", [CURIE, EDISON])
async def test_one_subscription_carries_it_and_a_list_does_not(simulator: Simulator, version: ApiVersion) -> None:
    async with client_for(simulator, version) as client:
        one = await client.subscriptions.get(DEMO.subscriptions["placed"])
        listed = (await client.subscriptions.list()).items
    assert clear(one.personal.iban)
    assert {item.personal.iban for item in listed} == {None}
    assert {item.personal.first_name for item in listed} == {None}


async def test_an_answer_of_the_wrong_shape_does_not_quote_it() -> None:
    with serving(saying(http(body={**WHOLE, "status": 7}))) as server:
        async with NomosClient(access_token="t", base_url=server.url) as client:
            with pytest.raises(UnreadableResponseError, match="status") as caught:
                await client.subscriptions.get("sub_1")
            with pytest.raises(UnreadableResponseError, match="status") as own:
                await client.for_customer("cus_1").subscriptions.get("sub_1")
    failures = [caught.value, own.value]
    shown = "".join(map(everything_of, failures))
    assert [failure.__context__ for failure in failures] == [None, None]
    assert "Ada" not in shown


def test_the_server_room_never_touches_it() -> None:
    folder = Path(nomos_mcp.server.__file__).parent
    words = re.compile(r"\.personal\b|PersonalData|personal_data")
    assert [path.name for path in folder.rglob("*.py") if words.search(path.read_text(encoding="utf-8"))] == []
