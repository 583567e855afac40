"""What docs/identity-providers.md shows is so: its settings are taken, and with them its tokens.

Its commands and its JavaScript are run by `.ci/identity`, with a provider.
"""

import json
import re
import shlex
from collections.abc import Iterator
from typing import Any

import pytest

from nomos_mcp import variables
from nomos_mcp.settings import Settings
from tests.docs.blocks import ROOT, blocks
from tests.service.authority import Authority
from tests.service.test_identity_providers import checked
from tests.serving import served

PAGE = "docs/identity-providers.md"
TEXT = (ROOT / PAGE).read_text(encoding="utf-8")
SETTINGS = [
    dict(word.split("=", 1) for word in shlex.split(block.text) if "=" in word)
    for block in blocks(PAGE, "shell")
    if "NOMOS_" in block.text
]
TOKENS = [claims for block in blocks(PAGE, "json") if "iss" in (claims := json.loads(block.text))]


@pytest.fixture(scope="module")
def keys_url() -> Iterator[str]:
    with served(Authority()) as url:
        yield f"{url}/jwks"


def test_every_recipe_has_settings_and_a_token() -> None:
    assert len(SETTINGS) == TEXT.count("Not tried.") == 3
    assert {claims["iss"] for claims in TOKENS} == {each["NOMOS_MCP_AUTH_ISSUER"] for each in SETTINGS}


@pytest.mark.parametrize("claims", TOKENS, ids=lambda claims: claims["sub"])
async def test_a_token_on_the_page_is_taken_with_the_settings_beside_it(keys_url: str, claims: dict[str, Any]) -> None:
    (chosen,) = (each for each in SETTINGS if each["NOMOS_MCP_AUTH_ISSUER"] == claims["iss"])
    name, customer, organisation, scopes = await checked(Settings.from_env(chosen).http, keys_url, claims)
    assert (name, organisation) == (claims["sub"], "")
    assert customer == ("" if claims.get("idtyp") == "app" else "cus_4fK2")
    assert scopes == ({"orders:read"} if customer else {"orders:read", "org"})


def test_the_variables_on_the_page_exist() -> None:
    known = {each.name for each in (*variables.VARIABLES, *variables.HTTP_VARIABLES)}
    assert set(re.findall(r"\bNOMOS_\w+", TEXT)) <= known
