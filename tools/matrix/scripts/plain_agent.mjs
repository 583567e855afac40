// An agent of few lines, for clients without one: asks the scripted model, and calls the tools that it names.
export const told = JSON.parse(process.argv[2]);

async function ask(messages, tools) {
  const body = JSON.stringify({ model: "scripted", messages, tools });
  const answer = await fetch(`${told.model}/v1/chat/completions`, { method: "POST", body });
  return (await answer.json()).choices[0].message;
}

export async function converse(client) {
  const { tools } = await client.listTools();
  const announced = tools.map(({ name, description, inputSchema }) => ({
    type: "function",
    function: { name, description, parameters: inputSchema },
  }));
  const messages = [{ role: "user", content: told.task }];
  for (;;) {
    const answer = await ask(messages, announced);
    if (!answer.tool_calls) break;
    messages.push(answer);
    for (const { id, function: called } of answer.tool_calls) {
      const result = await client.callTool({ name: called.name, arguments: JSON.parse(called.arguments) });
      const content = result.content.map((block) => block.text ?? JSON.stringify(block)).join("\n");
      messages.push({ role: "tool", tool_call_id: id, content });
    }
  }
  const { prompts } = await client.listPrompts();
  const { resources } = await client.listResources();
  await client.close();
  console.log(`\n${JSON.stringify({ prompts: prompts.length, resources: resources.length })}`);
}
