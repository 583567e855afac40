/**
 * A host of MCP Apps: shows the result of a tool in its app, in a sandboxed frame, and passes on what the app asks for.
 *
 * The frame has no origin and no network. Tools that are for the model only are refused to it.
 */

import type { CallToolResult, Client, Tool } from "@modelcontextprotocol/client";
import {
  AppBridge,
  buildAllowAttribute,
  getToolUiResourceUri,
  isToolVisibilityModelOnly,
  PostMessageTransport,
  type McpUiHostContext,
  type McpUiResourceMeta,
} from "@modelcontextprotocol/ext-apps/app-bridge";

const INFO = { name: "nomos-mcp demo", version: "1" };
const CAPABILITIES = { serverTools: {}, logging: {} };

export type Input = Record<string, unknown>;

export class AppFrame {
  private bridge: AppBridge | undefined;
  private latest = 0;
  /** What the context says about the app that is shown. */
  private about: McpUiHostContext = {};

  constructor(
    private readonly client: Client,
    private readonly tools: readonly Tool[],
    private readonly place: HTMLElement,
    private context: McpUiHostContext,
  ) {}

  tool(name: string): Tool {
    const found = this.tools.find((tool) => tool.name === name);
    if (!found) throw new Error(`There is no tool ${name}.`);
    return found;
  }

  /** Call a tool as the model does. */
  async call(name: string, input: Input): Promise<CallToolResult> {
    return (await this.client.callTool({ name, arguments: input })) as CallToolResult;
  }

  /** Call a tool as the model does, and show the result. */
  async ask(name: string, input: Input): Promise<CallToolResult> {
    const turn = ++this.latest;
    const result = await this.call(name, input);
    if (turn === this.latest) await this.show(name, input, result);
    return result;
  }

  /** Show a result in the app of its tool, unless another one is to be shown by then. */
  async show(name: string, input: Input, result: CallToolResult): Promise<void> {
    const turn = ++this.latest;
    const tool = this.tool(name);
    const { html, meta } = await this.read(tool);
    if (turn !== this.latest) return;
    await this.close();
    const frame = document.createElement("iframe");
    frame.title = tool.title ?? name;
    frame.sandbox.add("allow-scripts");
    frame.allow = buildAllowAttribute(meta.permissions);
    this.place.replaceChildren(frame);
    const target = frame.contentWindow;
    if (!target) throw new Error("The frame has no window.");

    this.about = { displayMode: "inline", toolInfo: { tool } };
    const bridge = new AppBridge(null, INFO, CAPABILITIES, { hostContext: { ...this.context, ...this.about } });
    bridge.oninitialized = () => {
      void bridge.sendToolInput({ arguments: input });
      void bridge.sendToolResult(result);
    };
    bridge.oncalltool = ({ name: called, arguments: sent }) => this.callForApp(called, sent ?? {});
    bridge.onsizechange = ({ height }) => {
      if (height !== undefined) frame.style.height = `${height}px`;
    };
    bridge.onrequestdisplaymode = async ({ mode }) => {
      const chosen = mode === "fullscreen" ? "fullscreen" : "inline";
      frame.classList.toggle("fullscreen", chosen === "fullscreen");
      this.about = { ...this.about, displayMode: chosen };
      this.setContext(this.context);
      return { mode: chosen };
    };
    this.bridge = bridge;
    await bridge.connect(new PostMessageTransport(target, target)); // before the app runs, so that nothing is missed
    frame.srcdoc = withPolicy(html, meta);
  }

  /** Tell the app of another theme or language. */
  setContext(context: McpUiHostContext): void {
    this.context = context;
    this.bridge?.setHostContext({ ...context, ...this.about });
  }

  private async callForApp(name: string, input: Input): Promise<CallToolResult> {
    const tool = this.tool(name);
    if (isToolVisibilityModelOnly(tool)) throw new Error(`Apps may not call ${name}: it is for the model only.`);
    return this.call(name, input);
  }

  private async read(tool: Tool): Promise<{ html: string; meta: McpUiResourceMeta }> {
    const uri = getToolUiResourceUri(tool);
    if (!uri) throw new Error(`${tool.name} has no app.`);
    const [content] = (await this.client.readResource({ uri })).contents;
    if (!content || !("text" in content)) throw new Error(`${uri} has no text.`);
    return { html: content.text, meta: (content._meta?.["ui"] ?? {}) as McpUiResourceMeta };
  }

  private async close(): Promise<void> {
    await this.bridge?.close();
    this.bridge = undefined;
  }
}

/** The document with the policy that its resource asks for: what it does not name is not reached. */
function withPolicy(html: string, meta: McpUiResourceMeta): string {
  const domains = (named: string[] | undefined): string => named?.join(" ") || "'none'";
  const policy = [
    "default-src 'none'",
    "script-src 'unsafe-inline'",
    "style-src 'unsafe-inline'",
    `img-src data: ${meta.csp?.resourceDomains?.join(" ") ?? ""}`,
    `connect-src ${domains(meta.csp?.connectDomains)}`,
    `frame-src ${domains(meta.csp?.frameDomains)}`,
    `base-uri ${domains(meta.csp?.baseUriDomains)}`,
  ].join("; ");
  return html.replace("<head>", `<head><meta http-equiv="Content-Security-Policy" content="${policy}">`);
}
