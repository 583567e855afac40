"""What every script is told, as JSON in its only argument, and what it says at its end."""

import json
import sys
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Told:
    """Where the model and the server are.

    Attributes:
        model: Address of the conversation with the scripted model, without `/v1`.
        command: Program that serves over stdio; empty if the server is asked over HTTP.
        args: Its arguments.
        url: Where the server is asked over HTTP; empty over stdio.
        task: What the user says.
    """

    model: str
    command: str
    args: list[str]
    url: str
    task: str

    @property
    def openai(self) -> str:
        """The base URL of OpenAI's interface."""
        return f"{self.model}/v1"


told = Told(**json.loads(sys.argv[1]))


def say(**found: Any) -> None:
    """Print what the framework lists beside tools, as the last line."""
    print("\n" + json.dumps(found))
