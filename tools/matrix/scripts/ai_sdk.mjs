// Vercel's AI SDK: generateText with the tools of createMCPClient. A second argument is the value of protocolVersionDiscovery.
import { createMCPClient } from "@ai-sdk/mcp";
import { Experimental_StdioMCPTransport as StdioMCPTransport } from "@ai-sdk/mcp/mcp-stdio";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { generateText, stepCountIs } from "ai";

const told = JSON.parse(process.argv[2]);
const transport = told.url
  ? { type: "http", url: told.url }
  : new StdioMCPTransport({ command: told.command, args: told.args });
const discovery = process.argv[3] && { protocolVersionDiscovery: JSON.parse(process.argv[3]) };
const client = await createMCPClient({ transport, ...discovery });
try {
  const model = createOpenAICompatible({ name: "scripted", baseURL: `${told.model}/v1` })("scripted");
  await generateText({ model, tools: await client.tools(), prompt: told.task, stopWhen: stepCountIs(8) });
  const { prompts } = await client.experimental_listPrompts();
  const { resources } = await client.listResources();
  console.log(`\n${JSON.stringify({ prompts: prompts.length, resources: resources.length })}`);
} finally {
  await client.close();
}
