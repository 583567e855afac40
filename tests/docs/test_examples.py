"""The check of the examples' types sees what is wrong, and says where in the document it is."""

from tests.docs.blocks import Block
from tools.examples import examples, flaws


def test_a_wrong_example_is_named_by_its_place_in_the_document() -> None:
    right = Block("docs/planted.md", 3, "python", "count: int = 3\n")
    wrong = Block("docs/planted.md", 7, "python", 'first = 1\ncount: int = "three"\n')
    awaiting = Block("planted.md", 20, "python", "import asyncio\n\nawait asyncio.sleep(soon)\n")
    found = flaws([right, wrong, awaiting])
    assert sorted(line.partition(" error: ")[0] for line in found) == ["docs/planted.md:9:", "planted.md:23:"]


def test_an_example_without_annotations_is_wrong_as_code_without_them_is() -> None:
    (flaw,) = flaws([Block("planted.md", 1, "python", "def double(number):\n    return number * 2\n")])
    assert "no-untyped-def" in flaw


def test_documents_and_docstrings_are_looked_at() -> None:
    looked_at = {example.document for example in examples()}
    assert {"README.md", "CONTRIBUTING.md", "docs/client.md", "docs/embedding.md", "docs/simulator.md"} <= looked_at
    assert "nomos_mcp/client/client.py" in looked_at
