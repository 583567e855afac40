/** The connection of an app to the assistant that shows it: what it was sent, and what it may ask for. */

import { App, applyDocumentTheme, applyHostStyleVariables } from "@modelcontextprotocol/ext-apps";
import type { McpUiHostContext } from "@modelcontextprotocol/ext-apps";

import { answerOf, dataOf, type Answer, type Data } from "./answer";
import { languageOf, sharedTexts, type Language } from "./texts";

/** Milliseconds until an app says that its host does not answer; a late answer is still taken. */
const PATIENCE = 8_000;
const CALL_TIMEOUT = 60_000;
const CONNECT_TIMEOUT = 2 ** 31 - 1;
const SIDES = ["top", "right", "bottom", "left"] as const;

export type Phase = "connecting" | "silent" | "waiting" | "answered" | "cancelled";

export interface HostState {
  readonly phase: Phase;
  /** The latest result. */
  readonly answer?: Answer;
  /** The arguments of the call that the result answers. */
  readonly input: Data;
  readonly language: Language;
  readonly fullscreen: boolean;
  readonly canFullscreen: boolean;
  /** Whether the app may call tools. */
  readonly canCall: boolean;
}

/** What a view may do with its host. A view inside another one gets its own, with answers that stay inside. */
export type Host = Pick<HostConnection, "state" | "call" | "show" | "setFullscreen">;

export class HostConnection {
  state: HostState;
  private readonly app: App;
  private readonly listeners = new Set<() => void>();
  /** The arguments of a call whose result has not come: what is shown is not its answer. */
  private nextInput: Data | undefined;

  constructor(name: string) {
    this.state = {
      phase: "connecting",
      input: {},
      language: languageOf(navigator.language),
      fullscreen: false,
      canFullscreen: false,
      canCall: false,
    };
    this.app = new App({ name: `nomos-mcp ${name}`, version: "1" }, { availableDisplayModes: ["inline", "fullscreen"] });
    // Before connecting: a host may send the result first.
    this.app.ontoolinput = ({ arguments: input = {} }) => {
      const isNext = this.state.phase === "answered" && Object.keys(this.state.input).length > 0;
      if (isNext) this.nextInput = input;
      else this.update({ input });
    };
    this.app.ontoolresult = (result) => this.show(answerOf(result), this.nextInput ?? this.state.input);
    this.app.ontoolcancelled = () => {
      this.nextInput = undefined;
      if (this.state.phase !== "answered") this.update({ phase: "cancelled" });
    };
    this.app.onhostcontextchanged = () => this.readContext();
    this.app.onteardown = () => ({});
  }

  async connect(): Promise<void> {
    const timer = setTimeout(() => this.unless("answered", "silent"), PATIENCE);
    try {
      await this.app.connect(undefined, { timeout: CONNECT_TIMEOUT });
    } catch {
      this.unless("answered", "silent");
      return;
    } finally {
      clearTimeout(timer);
    }
    this.readContext();
    this.update({ canCall: this.app.getHostCapabilities()?.serverTools !== undefined });
    if (this.state.phase === "connecting" || this.state.phase === "silent") this.update({ phase: "waiting" });
  }

  subscribe(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Call a tool through the host. Never throws: what went wrong is an answer too. */
  async call(tool: string, input: Data): Promise<Answer> {
    const texts = sharedTexts(this.state.language);
    if (!this.state.canCall) return { ok: false, message: texts.cannot_call };
    try {
      const answer = answerOf(await this.app.callServerTool({ name: tool, arguments: input }, { timeout: CALL_TIMEOUT }));
      return isAbout(answer, input["order_id"]) ? answer : { ok: false, message: texts.other_order };
    } catch {
      return { ok: false, message: texts.call_failed };
    }
  }

  /** Show another answer as the latest, such as a refreshed one; its arguments go with it. */
  show(answer: Answer, input: Data): void {
    this.nextInput = undefined;
    this.update({ phase: "answered", answer, input });
  }

  async setFullscreen(wanted: boolean): Promise<void> {
    try {
      const { mode } = await this.app.requestDisplayMode({ mode: wanted ? "fullscreen" : "inline" });
      this.update({ fullscreen: mode === "fullscreen" });
    } catch {
      // the host keeps the mode that it has
    }
  }

  private readContext(): void {
    const context: McpUiHostContext = this.app.getHostContext() ?? {};
    const root = document.documentElement;
    if (context.theme) applyDocumentTheme(context.theme);
    if (context.styles?.variables) applyHostStyleVariables(context.styles.variables);
    for (const side of SIDES) root.style.setProperty(`--safe-${side}`, `${context.safeAreaInsets?.[side] ?? 0}px`);
    const language = context.locale ? languageOf(context.locale) : this.state.language;
    root.lang = language;
    this.update({
      language,
      fullscreen: context.displayMode === "fullscreen",
      canFullscreen: context.availableDisplayModes?.includes("fullscreen") ?? false,
    });
  }

  private unless(reached: Phase, phase: Phase): void {
    if (this.state.phase !== reached) this.update({ phase });
  }

  private update(changes: Partial<HostState>): void {
    this.state = { ...this.state, ...changes };
    for (const listener of this.listeners) listener();
  }
}

/** Whether an answer is about the order that was asked for, by its ID or by its subscription's. */
function isAbout(answer: Answer, asked: unknown): boolean {
  const order = answer.ok ? dataOf(answer.data, "order") : undefined;
  return asked === undefined || order === undefined || order["id"] === asked || order["subscription"] === asked;
}
