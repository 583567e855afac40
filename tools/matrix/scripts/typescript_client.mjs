// The TypeScript SDK 2.x as a client, in the current protocol revision or by the older handshake (`legacy`).
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { converse, told } from "./plain_agent.mjs";

const transport = told.url
  ? new StreamableHTTPClientTransport(new URL(told.url))
  : new StdioClientTransport({ command: told.command, args: told.args });
const client = new Client({ name: "matrix", version: "1" }, { versionNegotiation: { mode: process.argv[3] } });
await client.connect(transport);
await converse(client);
