"""The clients and frameworks that are tried, with the exact versions."""

from dataclasses import dataclass
from typing import Any, Final, Literal

Transport = Literal["stdio", "HTTP"]
Unknown = Literal["server", "client", "nobody"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """A client or framework.

    Attributes:
        name: What people call it.
        script: File in `scripts/`; its ending says whether Python or Node runs it.
        packages: Requirements for pip or npm, pinned.
        arguments: What the script is told beside the settings.
        transports: How it asks the server.
        delay: Seconds by which the server's start over stdio is made longer.
        fails: What the client has to fail with, as is known of it.
        may_fail: What it fails with when the machine is slow.
        optional: Whether it may be impossible to install, since an older version is tried as well.
        short: Whether `.ci/run` tries it too.
        strict: Whether it has to announce all tools as strict.
        unknown: Who refuses an unknown argument: our server, the client before it calls, or nobody, because the client
            removes it.
        every_argument: Whether it refuses calls without the optional arguments.
        state_key: Whether it starts a server for each call over stdio, so that codes need a key that stays the same.
    """

    name: str
    script: str
    packages: tuple[str, ...]
    arguments: tuple[str, ...] = ()
    transports: tuple[Transport, ...] = ("stdio", "HTTP")
    delay: int = 0
    fails: str = ""
    may_fail: str = ""
    optional: bool = False
    short: bool = False
    strict: bool = False
    unknown: Unknown = "server"
    every_argument: bool = False
    state_key: bool = False

    @property
    def is_node(self) -> bool:
        """Whether the script is for Node."""
        return self.script.endswith(".mjs")


def _sdk(version: str, era: str = "") -> Client:
    script = f"mcp_{version[0]}.py"
    name = "mcp, the Python SDK" + (f" ({era})" if era else "")
    # Releases before 1.21 use a part of pydantic that 2.12 removed.
    pydantic = ("pydantic==2.11.10",) if version in {"1.9.4", "1.14.1", "1.20.0"} else ()
    return Client(name=name, script=script, packages=(f"mcp=={version}", *pydantic), arguments=(era,) if era else ())


LATE: Final = "the initialize handshake is not accepted"
"""What the AI SDK is told when it sends `initialize` after `server/discover`, because the answer took over a second."""


def _ai_sdk(name: str, **known: Any) -> Client:
    packages = ("@ai-sdk/mcp@2.0.99", "ai@7.0.173", "@ai-sdk/openai-compatible@3.0.92")
    return Client(name=name, script="ai_sdk.mjs", packages=packages, **known)


CLIENTS: Final = (
    Client(name="google-genai", script="google_genai.py", packages=("google-genai==3.3.0", "mcp==2.3.0"), short=True),
    Client(
        name="openai-agents", script="openai_agents.py", packages=("openai-agents==0.24.0",), short=True, strict=True
    ),
    _ai_sdk("AI SDK, protocolVersionDiscovery: false", arguments=("false",), short=True),
    _ai_sdk("AI SDK, as by default", transports=("HTTP",), short=True),
    _ai_sdk("AI SDK, as by default", transports=("stdio",), may_fail=LATE),
    _ai_sdk(
        "AI SDK, start delayed by 2 s, protocolVersionDiscovery: false",
        transports=("stdio",),
        arguments=("false",),
        delay=2,
        short=True,
    ),
    _ai_sdk("AI SDK, start delayed by 2 s, as by default", transports=("stdio",), delay=2, fails=LATE, short=True),
    Client(
        name="langchain-mcp-adapters",
        script="langchain_langgraph.py",
        packages=("langchain-mcp-adapters==0.3.2", "langgraph==1.2.22", "langchain-openai==1.7.3"),
    ),
    Client(name="pydantic-ai", script="pydantic_ai_agent.py", packages=("pydantic-ai-slim[mcp,openai]==2.68.0",)),
    Client(
        name="llama-index-tools-mcp",
        script="llama_index_agent.py",
        packages=("llama-index-tools-mcp==0.6.0", "llama-index-llms-openai-like==0.8.1"),
        state_key=True,
    ),
    Client(
        name="crewai-tools",
        script="crewai_agent.py",
        packages=("crewai-tools[mcp]==1.15.30", "crewai==1.15.30"),
        unknown="client",
    ),
    Client(
        name="smolagents",
        script="smolagents_agent.py",
        packages=("smolagents[mcp,openai]==1.26.0", "mcp==1.30.0"),
        unknown="client",
        every_argument=True,
    ),
    Client(name="agno", script="agno_agent.py", packages=("agno==3.1.10", "fastmcp==4.1.2", "openai==3.51.0")),
    Client(
        name="autogen-ext",
        script="autogen_agent.py",
        packages=("autogen-ext[mcp,openai]==0.7.5", "autogen-agentchat==0.7.5", "mcp==1.30.0"),
    ),
    Client(name="mcp-haystack", script="haystack_agent.py", packages=("mcp-haystack==2.1.1", "haystack-ai==3.4.0")),
    Client(
        name="mcp-haystack",
        script="haystack_agent.py",
        packages=("mcp-haystack==2.1.1", "haystack-ai==3.4.1"),
        optional=True,
    ),
    Client(
        name="semantic-kernel",
        script="semantic_kernel_agent.py",
        packages=("semantic-kernel[mcp]==1.45.0",),
        unknown="client",
    ),
    Client(name="strands-agents", script="strands_agent.py", packages=("strands-agents[openai]==1.62.0",)),
    Client(name="fastmcp", script="fastmcp_client.py", packages=("fastmcp==4.1.2",)),
    Client(name="fastmcp", script="fastmcp_client.py", packages=("fastmcp==4.1.6",), optional=True),
    Client(
        name="mcp-use",
        script="mcp_use_agent.py",
        packages=("mcp-use==1.7.1", "langchain-openai==1.7.3"),
        unknown="nobody",
    ),
    Client(name="TypeScript SDK", script="typescript_sdk.mjs", packages=("@modelcontextprotocol/sdk@1.32.2",)),
    *(
        Client(
            name=f"TypeScript client ({era})",
            script="typescript_client.mjs",
            packages=("@modelcontextprotocol/client@2.4.0",),
            arguments=(era,),
        )
        for era in ("auto", "legacy")
    ),
    *(_sdk(version) for version in ("1.9.4", "1.14.1", "1.20.0", "1.26.0", "1.30.0")),
    *(_sdk(version, era) for version in ("2.0.1", "2.3.0") for era in ("auto", "legacy")),
)
