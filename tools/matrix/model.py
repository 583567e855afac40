"""A scripted model on 127.0.0.1, behind the interfaces of OpenAI (chat completions) and Gemini.

It calls tools in a fixed order, whatever it is told, and keeps what a framework showed it: the tools, and what came
back from each call. Each conversation has an address of its own, so that many frameworks can ask the same process.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, Final

from nomos_mcp.simulator import DEMO

ORDER: Final = {"order_id": DEMO.orders["blocked_check_missing"]}
SUBSCRIPTION: Final = {"subscription_id": DEMO.subscriptions["can_order"]}
TYPO: Final = "langauge"
CODE: Final = re.compile(r"confirmation_code\W+([0-9a-z]{8}-[0-9a-z-]+)")
FINAL_WORDS: Final = "The script is over."


@dataclass(slots=True)
class Conversation:
    """What one framework showed the model.

    Attributes:
        tools: The tools as announced with the last request, in the form of the framework's interface.
        seen: What came back from each call of a tool, in the order of the calls.
        calls: How many calls the model has asked for.
        every_argument: Whether the model gives optional arguments too, as some frameworks insist on.
        heard: What the last request said after the model's last words.
    """

    tools: list[dict[str, Any]] = field(default_factory=list)
    seen: list[str] = field(default_factory=list)
    calls: int = 0
    every_argument: bool = False
    heard: str = ""

    @property
    def names(self) -> list[str]:
        """The names of the tools."""
        return [str(tool["name"]) for tool in self.tools]

    def next_call(self, new: str) -> tuple[str, dict[str, Any]] | None:
        """Return the next tool to call with its arguments, none at the end.

        Args:
            new: What the request said after the model's last words.
        """
        told = (
            new.removeprefix(self.heard) or new
        )  # where a framework puts what came back into one message with the earlier
        self.heard = new
        if self.calls:
            self.seen.append(told)
        found = CODE.search(told)
        script = [
            ("get_meter_order", ORDER),
            ("get_meter_order", {**ORDER, TYPO: "de"}),
            ("order_smart_meter", SUBSCRIPTION),
            ("order_smart_meter", {**SUBSCRIPTION, "confirmation_code": found[1] if found else "no code was shown"}),
        ]
        if self.calls >= len(script):
            return ("final_answer", {"answer": FINAL_WORDS}) if "final_answer" in self.names else None
        name, arguments = script[self.calls]
        self.calls += 1
        tool: dict[str, Any] = next((each for each in self.tools if each["name"].endswith(name)), {"name": name})
        if self.every_argument:
            optional = tool["parameters"]["properties"]
            arguments = {**{each: said.get("default", "") for each, said in optional.items()}, **arguments}
        return tool["name"], arguments


def _text(content: Any) -> str:
    """Return what a message says: a string, or a list of parts of which text is only one kind."""
    if isinstance(content, list):
        return "\n".join(part.get("text") or json.dumps(part, ensure_ascii=False) for part in content)
    return content or ""


def _after(messages: Sequence[Mapping[str, Any]], role: str) -> Sequence[Mapping[str, Any]]:
    """Return the messages after the last one of this role."""
    last = max((at for at, message in enumerate(messages) if message.get("role") == role), default=-1)
    return messages[last + 1 :]


def chat_completion(conversation: Conversation, request: Mapping[str, Any]) -> dict[str, Any]:
    """Answer a request for a chat completion."""
    conversation.tools = [tool["function"] for tool in request.get("tools", [])] or conversation.tools
    new = "\n".join(_text(message.get("content")) for message in _after(request["messages"], "assistant"))
    called = conversation.next_call(new)
    message: dict[str, Any] = {"role": "assistant", "content": None if called else FINAL_WORDS}
    if called:
        function = {"name": called[0], "arguments": json.dumps(called[1])}
        message["tool_calls"] = [{"id": f"call_{conversation.calls}", "type": "function", "function": function}]
    return {
        "id": f"completion_{conversation.calls}",
        "object": "chat.completion",
        "created": 1,
        "model": "scripted",
        "choices": [{"index": 0, "message": message, "finish_reason": "tool_calls" if called else "stop"}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
    }


def streamed(completion: dict[str, Any]) -> str:
    """Return a completion as the events of a stream."""
    (choice,) = completion.pop("choices")
    usage = completion.pop("usage")
    delta = choice["message"] | {
        "tool_calls": [{"index": 0, **call} for call in choice["message"].get("tool_calls", [])]
    }
    frame = {**completion, "object": "chat.completion.chunk"}
    chunks = [
        {**frame, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]},
        {**frame, "choices": [{"index": 0, "delta": {}, "finish_reason": choice["finish_reason"]}]},
        {**frame, "choices": [], "usage": usage},
    ]
    return "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks) + "data: [DONE]\n\n"


def gemini_answer(conversation: Conversation, request: Mapping[str, Any]) -> dict[str, Any]:
    """Answer a request to generate content."""
    declared = [each for tool in request.get("tools", []) for each in tool.get("functionDeclarations", [])]
    conversation.tools = declared or conversation.tools
    new = "\n".join(
        json.dumps(part["functionResponse"]["response"], ensure_ascii=False) if "functionResponse" in part else ""
        for content in _after(request["contents"], "model")
        for part in content["parts"]
    )
    called = conversation.next_call(new)
    part = {"functionCall": {"name": called[0], "args": called[1]}} if called else {"text": FINAL_WORDS}
    return {
        "candidates": [{"content": {"role": "model", "parts": [part]}, "finishReason": "STOP", "index": 0}],
        "usageMetadata": {"promptTokenCount": 1, "candidatesTokenCount": 1, "totalTokenCount": 2},
    }


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.conversations: dict[str, Conversation] = {}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        conversation = self.server.conversations[self.path.split("/")[1]]
        kind = "application/json"
        if ":generateContent" in self.path:
            answer = json.dumps(gemini_answer(conversation, request))
        elif request.get("stream"):
            answer, kind = streamed(chat_completion(conversation, request)), "text/event-stream"
        else:
            answer = json.dumps(chat_completion(conversation, request))
        body = answer.encode()
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the standard library's name
        """Print nothing."""


class ScriptedModel:
    """The endpoint, while it is open."""

    def __init__(self, server: _Server) -> None:
        self._server = server

    def conversation(self, *, every_argument: bool) -> tuple[Conversation, str]:
        """Begin a conversation, and return it with its address."""
        name = str(len(self._server.conversations))
        conversation = self._server.conversations[name] = Conversation(every_argument=every_argument)
        return conversation, f"http://127.0.0.1:{self._server.server_port}/{name}"


@contextmanager
def scripted_model() -> Iterator[ScriptedModel]:
    """Open the endpoint on a port that the system picks."""
    with _Server() as server:
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield ScriptedModel(server)
        finally:
            server.shutdown()
            thread.join()
