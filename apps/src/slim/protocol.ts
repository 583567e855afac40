/**
 * Stands in for `@modelcontextprotocol/client` in the apps' bundles (see build.mjs): JSON-RPC over a transport, which is
 * what `App` of ext-apps inherits.
 */

import type { Schema } from "./schema";

type Id = string | number;
interface Message {
  jsonrpc: "2.0";
  id?: Id;
  method?: string;
  params?: unknown;
  result?: unknown;
  error?: { code: number; message: string };
}
interface Transport {
  onmessage?: (message: Message) => void;
  onclose?: () => void;
  start(): Promise<void>;
  send(message: Message): Promise<void>;
  close(): Promise<void>;
}
interface Schemas {
  params?: Schema;
}
interface RequestOptions {
  /** Milliseconds. */
  timeout?: number;
}
type Handler = (params: unknown, extra: object) => unknown;
interface Pending {
  settle(message: Message): void;
  fail(error: Error): void;
}

const METHOD_NOT_FOUND = -32601;
const INTERNAL_ERROR = -32603;
const TIMEOUT = 60_000;

export class Protocol {
  transport: Transport | undefined;
  onclose?: () => void;
  onerror?: (error: Error) => void;
  private readonly requests = new Map<string, Handler>();
  private readonly notifications = new Map<string, Handler>();
  private readonly pending = new Map<Id, Pending>();
  private lastId = 0;

  constructor(_options?: unknown) {}

  async connect(transport: Transport): Promise<void> {
    this.transport = transport;
    transport.onmessage = (message) => this.receive(message);
    transport.onclose = () => this.closed();
    await transport.start();
  }

  async close(): Promise<void> {
    await this.transport?.close();
  }

  setRequestHandler(method: string, ...rest: [Handler] | [Schemas, Handler]): void {
    this.requests.set(method, checked(rest));
  }

  setNotificationHandler(method: string, ...rest: [Handler] | [Schemas, Handler]): void {
    this.notifications.set(method, checked(rest));
  }

  removeRequestHandler(method: string): void {
    this.requests.delete(method);
  }

  removeNotificationHandler(method: string): void {
    this.notifications.delete(method);
  }

  async notification(message: { method: string; params?: unknown }): Promise<void> {
    if (!this.transport) throw new Error("Not connected");
    await this.transport.send({ jsonrpc: "2.0", ...message });
  }

  request(
    message: { method: string; params?: unknown },
    schemaOrOptions?: Schema | RequestOptions,
    options?: RequestOptions,
  ): Promise<unknown> {
    const transport = this.transport;
    if (!transport) return Promise.reject(new Error("Not connected"));
    const schema = schemaOrOptions && "safeParse" in schemaOrOptions ? schemaOrOptions : undefined;
    const chosen = options ?? (schema ? undefined : (schemaOrOptions as RequestOptions | undefined));
    const id = ++this.lastId;
    return new Promise<unknown>((resolve, reject) => {
      const timer = setTimeout(() => fail(new Error("Request timed out")), chosen?.timeout ?? TIMEOUT);
      const done = (): void => {
        clearTimeout(timer);
        this.pending.delete(id);
      };
      const fail = (error: Error): void => {
        done();
        reject(error);
      };
      const settle = (answer: Message): void => {
        if (answer.error) return fail(new Error(answer.error.message));
        const parsed = schema?.safeParse(answer.result);
        if (parsed && !parsed.success) return fail(parsed.error);
        done();
        resolve(answer.result);
      };
      this.pending.set(id, { settle, fail });
      transport.send({ jsonrpc: "2.0", id, ...message }).catch(fail);
    });
  }

  private receive(message: Message): void {
    if (message.method === undefined) {
      if (message.id !== undefined) this.pending.get(message.id)?.settle(message);
    } else if (message.id === undefined) {
      try {
        this.notifications.get(message.method)?.(message, {});
      } catch (error) {
        this.onerror?.(asError(error));
      }
    } else {
      void this.answer(message.id, message.method, message);
    }
  }

  private async answer(id: Id, method: string, message: Message): Promise<void> {
    const handler = this.requests.get(method);
    const failed = (code: number, text: string): Message => ({ jsonrpc: "2.0", id, error: { code, message: text } });
    let reply: Message;
    try {
      reply = handler
        ? { jsonrpc: "2.0", id, result: await handler(message, {}) }
        : failed(METHOD_NOT_FOUND, "Method not found");
    } catch (error) {
      reply = failed(INTERNAL_ERROR, asError(error).message);
    }
    await this.transport?.send(reply);
  }

  private closed(): void {
    this.transport = undefined;
    for (const { fail } of [...this.pending.values()]) fail(new Error("Connection closed"));
    this.onclose?.();
  }
}

/** A handler with schemas takes the params, checked; one without takes the message. */
function checked(rest: [Handler] | [Schemas, Handler]): Handler {
  if (rest.length === 1) return rest[0];
  const [schemas, handler] = rest;
  return (message, extra) => {
    const params = (message as Message).params ?? {};
    return handler(schemas.params ? schemas.params.parse(params) : params, extra);
  };
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
