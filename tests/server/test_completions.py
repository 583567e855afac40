"""Completions: what may be typed where a closed set of words is expected."""

import pytest
from mcp import Client, MCPError
from mcp.types import INVALID_PARAMS, PromptReference, ResourceTemplateReference

from nomos_mcp.lifecycle import BLOCKED_REASONS, CANCELLED_REASONS, CURIE, EDISON, LANGUAGES, STATUSES, VERSIONS
from nomos_mcp.server.error_messages import CODES


async def suggested(
    client: Client, ref: PromptReference | ResourceTemplateReference, name: str, typed: str
) -> list[str]:
    completion = (await client.complete(ref, {"name": name, "value": typed})).completion
    assert completion.total == len(completion.values)
    return completion.values


async def of_resource(client: Client, uri: str, name: str, typed: str = "") -> list[str]:
    return await suggested(client, ResourceTemplateReference(uri=uri), name, typed)


async def test_statuses_of_both_vocabularies_are_suggested_once(assistant: Client) -> None:
    values = await of_resource(assistant, "nomos://statuses/{status}", "status")
    assert set(values) == {*STATUSES[CURIE], *STATUSES[EDISON], *BLOCKED_REASONS, *CANCELLED_REASONS}
    assert len(values) == len(set(values))


async def test_what_is_typed_narrows_the_suggestions(assistant: Client) -> None:
    assert await of_resource(assistant, "nomos://statuses/{status}", "status", "BLOCK") == ["blocked", "blocked_wim"]


async def test_codes_and_versions_are_suggested(assistant: Client) -> None:
    assert await of_resource(assistant, "nomos://errors/{code}", "code") == list(CODES)
    assert await of_resource(assistant, "nomos://lifecycle/{api_version}", "api_version") == list(VERSIONS)


async def test_languages_and_tones_are_suggested(assistant: Client) -> None:
    reply = PromptReference(name="order-status-reply")
    assert await suggested(assistant, reply, "language", "") == list(LANGUAGES)
    assert await suggested(assistant, reply, "tone", "f") == ["friendly", "formal"]


async def test_ids_are_not_suggested(assistant: Client) -> None:
    assert await of_resource(assistant, "nomos://meter-orders/{order_id}", "order_id", "prdo_") == []
    assert await suggested(assistant, PromptReference(name="order-status-reply"), "order_id", "") == []


async def test_an_argument_that_does_not_exist_has_no_values(assistant: Client) -> None:
    assert await of_resource(assistant, "nomos://statuses/{status}", "code") == []


@pytest.mark.parametrize("ref", [PromptReference(name="nothing"), ResourceTemplateReference(uri="nomos://no/{thing}")])
async def test_completing_for_what_does_not_exist_is_invalid_params(
    assistant: Client, ref: PromptReference | ResourceTemplateReference
) -> None:
    with pytest.raises(MCPError, match="Unknown prompt or resource") as caught:
        await assistant.complete(ref, {"name": "status", "value": ""})
    assert caught.value.error.code == INVALID_PARAMS
