// The TypeScript SDK 1.x as a client.
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { converse, told } from "./plain_agent.mjs";

const transport = told.url
  ? new StreamableHTTPClientTransport(new URL(told.url))
  : new StdioClientTransport({ command: told.command, args: told.args });
const client = new Client({ name: "matrix", version: "1" });
await client.connect(transport);
await converse(client);
