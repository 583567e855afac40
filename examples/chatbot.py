"""The back end of a chatbot whose customers can order a smart meter in two turns: they see what, and then say yes.

Each HTTP request makes a server for one customer. `Chatbot` holds what lasts longer: one client, one key, and the
conversations with their confirmation codes. Neither the browser nor the model ever sees a code, so nothing but the
customer's own click orders. `uvicorn --factory examples.chatbot:from_environment` serves it, `chatbot_demo.py`
tries it.
"""

import asyncio
import json
import logging
import os
import secrets
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Annotated, Any

from fastapi import Cookie, FastAPI, HTTPException
from mcp import Client
from mcp.types import CallToolResult, Tool
from pydantic import BaseModel, Field, StrictBool
from pydantic_ai import Agent, ModelMessage, Tool as ModelTool
from pydantic_ai.exceptions import AgentRunError, UserError
from pydantic_ai.models import Model, infer_model
from pydantic_ai.usage import UsageLimits

from nomos_mcp import (
    AuthenticationError,
    Caller,
    CredentialsError,
    NomosClient,
    NomosError,
    Settings,
    create_server,
)

log = logging.getLogger("chatbot")
ORDER = "order_smart_meter"
CODE = "confirmation_code"
SHOWN = (
    "The customer now sees this preview with a button, and nothing else orders. Ask them to look; do not call again."
)
TOLD = {
    "ordered": "Your smart meter is ordered.",
    "already_ordered": "There is an order for your smart meter already. Nothing more was ordered.",
    "confirmation_required": "What would be ordered has changed since you looked. Please look at it again.",
    "outcome_unknown": "It is not known yet whether your smart meter was ordered. Do not order again; ask us later.",
    "invalid_code": "This offer is not valid any more. Nothing was ordered by this click; please ask for it again.",
    "refused": "Nothing was ordered by this click. Please try again later, or write to us.",
}


class Message(BaseModel):
    """What a customer writes; a model is paid by its length."""

    text: str = Field(max_length=4000)


class Answer(BaseModel):
    """What a customer clicks, below the offer that they see."""

    offer: str
    yes: StrictBool


class Offer(BaseModel):
    """What would be ordered, for the page to show with a yes and a no. It carries no confirmation code."""

    id: str
    preview: dict[str, Any]


class Reply(BaseModel):
    """What the page shows."""

    text: str
    offer: Offer | None = None


@dataclass
class Conversation:
    """What is kept between the requests of a session. Here it is in memory; several processes need a shared store."""

    history: list[ModelMessage] = field(default_factory=list)
    offer: Offer | None = None
    code: str = field(default="", repr=False)  # of the offer; it never leaves this process
    answered: dict[str, Reply] = field(default_factory=dict)  # what came of each offer: it is answered once
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)  # two tabs write one after the other
    clicks: asyncio.Lock = field(default_factory=asyncio.Lock)  # and their clicks too, without waiting for a model

    def offered(self, result: CallToolResult) -> dict[str, Any]:
        """Keep the offer of a result, and return the result without its code."""
        found = dict(result.structured_content or {})
        if code := found.pop(CODE, ""):
            self.offer, self.code = Offer(id=secrets.token_urlsafe(16), preview=found["preview"]), code
            found["next"] = SHOWN
        return found


class Chatbot:
    """What all requests share.

    Args:
        settings: The server's; but an order takes the code of an offer here, whatever `NOMOS_MCP_CONFIRM` says.
        nomos: One client: it holds the connections, the token and the rate limit.
        sessions: Whose a session is, as your login knows it. The model has no say in this.
        model: Any model of pydantic-ai, or its name.
    """

    def __init__(self, settings: Settings, nomos: NomosClient, sessions: Mapping[str, str], model: Model | str) -> None:
        self.nomos = nomos
        self._settings = settings.model_copy(update={"confirm": "code"})
        self._sessions = sessions
        self._model = model
        self._state_key = secrets.token_bytes(32)  # signs codes for all servers; NOMOS_MCP_STATE_KEY takes precedence
        self._conversations: dict[tuple[str, str], Conversation] = {}

    def of(self, session: str) -> tuple[str, Conversation]:
        """Return the customer of a session, and the conversation with them, whoever used the session before."""
        if session not in self._sessions:
            raise HTTPException(401, "Please log in.")
        customer_id = self._sessions[session]
        return customer_id, self._conversations.setdefault((session, customer_id), Conversation())

    @asynccontextmanager
    async def tools(self, customer_id: str) -> AsyncIterator[Client]:
        """Make a server that sees one customer, and connect to it in process."""
        caller = Caller.customer(customer_id, name="chat")
        server = create_server(self._settings, client=self.nomos, caller=caller, state_key=self._state_key)
        async with Client(server) as tools:
            yield tools

    async def chat(self, customer_id: str, conversation: Conversation, text: str) -> Reply:
        """Let the model answer. It can look at what would be ordered, but not order."""
        failed = False

        def for_model(tool: Tool, tools: Client) -> ModelTool[None]:
            async def call(**arguments: Any) -> str:
                nonlocal failed
                arguments.pop(CODE, None)  # some models pass what the schema does not name
                result = await tools.call_tool(tool.name, arguments)
                failed = failed or bool(result.is_error)
                if tool.name == ORDER and result.structured_content:
                    return json.dumps(conversation.offered(result))
                return "".join(block.text for block in result.content if block.type == "text")

            known = tool.input_schema["properties"].items()
            schema = {**tool.input_schema, "properties": {name: each for name, each in known if name != CODE}}
            return ModelTool.from_schema(call, tool.name, tool.description, schema, sequential=True)

        async with conversation.lock, self.tools(customer_id) as tools:
            before = conversation.offer
            agent = Agent(
                self._model,
                instructions=f"You are the chatbot of an energy supplier, talking to a customer.\n{tools.instructions}",
                tools=[for_model(tool, tools) for tool in (await tools.list_tools()).tools],
            )
            limits = UsageLimits(request_limit=8)
            run = None
            try:
                run = await agent.run(text, message_history=conversation.history, usage_limits=limits)
                conversation.history = run.all_messages()
            except AgentRunError as error:
                log.error("The model failed: %s", type(error).__name__)  # noqa: TRY400  a traceback holds what was said
            offer = None if conversation.offer is before else conversation.offer
        if run is None:  # not raised above: an exception that leaves the block of an MCP client comes out in a group
            raise HTTPException(502, "The chatbot does not answer at the moment.")
        if failed:
            await self.require_nomos()
        return Reply(text=run.output, offer=offer)

    async def answer(self, customer_id: str, conversation: Conversation, answer: Answer) -> Reply:
        """Take the customer's yes or no to an offer; a second answer to it changes nothing, and gets the same reply."""
        async with conversation.clicks:
            if answer.offer in conversation.answered:
                return conversation.answered[answer.offer]
            offer = conversation.offer
            if offer is None or answer.offer != offer.id:  # an older tab's, or somebody else's
                raise HTTPException(409, "This is not the latest offer. Nothing was ordered by this click.")
            if answer.yes:
                reply = await self.order(customer_id, conversation, offer)
            else:
                reply = Reply(text="Nothing was ordered by this click.")
            conversation.answered[offer.id] = reply
            if conversation.offer is offer:
                conversation.offer, conversation.code = None, ""
            return reply

    async def order(self, customer_id: str, conversation: Conversation, offer: Offer) -> Reply:
        """Order what the customer has said yes to. No model takes part."""
        arguments = {"subscription_id": offer.preview["subscription"], CODE: conversation.code}
        async with self.tools(customer_id) as tools:
            result = await tools.call_tool(ORDER, arguments)
        found = conversation.offered(result)
        outcome, reason = found.get("outcome", "outcome_unknown"), found.get("reason", "")
        if outcome == "refused":
            log.warning("Not ordered: %s", reason)
            await self.require_nomos()
        text = TOLD.get(reason) or TOLD[outcome]
        return Reply(text=text, offer=conversation.offer if outcome == "confirmation_required" else None)

    async def require_nomos(self) -> None:
        """Tell the log, and the customer in other words, if Nomos refuses the credentials or does not answer."""
        try:
            await self.nomos.with_options(timeout=5, max_retries=0).meter_orders.list(limit=1)
        except (AuthenticationError, CredentialsError) as error:
            log.critical("Nomos refuses the credentials; nothing works until they are replaced. %s", error)
        except NomosError as error:
            log.warning("Nomos does not answer. %s", error)
        else:
            return
        raise HTTPException(
            503, "That does not work at the moment. Nothing was ordered by this; please try again later."
        )


def create_app(bot: Chatbot) -> FastAPI:
    """Make the application. Its login, and its protection against forged requests, are yours."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with bot.nomos:
            with suppress(HTTPException):  # the log says it, and /readyz keeps customers away
                await bot.require_nomos()
            yield

    app = FastAPI(lifespan=lifespan)

    @app.get("/readyz")
    async def ready() -> str:
        await bot.require_nomos()
        return "ready"

    @app.post("/chat")
    async def chat(message: Message, session: Annotated[str, Cookie()] = "") -> Reply:
        return await bot.chat(*bot.of(session), message.text)

    @app.post("/order")
    async def order(answer: Answer, session: Annotated[str, Cookie()] = "") -> Reply:
        return await bot.answer(*bot.of(session), answer)

    return app


def from_environment() -> FastAPI:
    """Make the application from `NOMOS_…`, `NOMOS_MCP_…` and `CHATBOT_MODEL`; mistakes in them end the process."""
    try:
        settings = Settings.from_env().of()
        nomos = NomosClient.from_env(timeout=20, max_retries=1)
    except ValueError as error:  # it names all variables that are wrong, with the fix of each, and no secret
        sys.exit(str(error))
    name = os.environ.get("CHATBOT_MODEL") or sys.exit("CHATBOT_MODEL: not set. Name a model of pydantic-ai.")
    try:
        model = infer_model(name)
    except (UserError, ImportError) as error:  # no such model, or its package or key is missing
        sys.exit(f"CHATBOT_MODEL: {error}")
    sessions: dict[str, str] = {}  # filled by your login
    return create_app(Chatbot(settings, nomos, sessions, model))
