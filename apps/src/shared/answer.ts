/** A tool's result as an app reads it. */

import type { CallToolResult } from "@modelcontextprotocol/client";

/** Characters of a text that are shown; the longest sentences that we send have a quarter of it. */
const MAX_TEXT = 2_000;

export type Data = Record<string, unknown>;
/** What a tool answered, or the words in which it failed. */
export type Answer = { ok: true; data: Data } | { ok: false; message: string };

/** Read a result: its structured content, or the same as JSON text where a host passes only text. */
export function answerOf(result: Partial<CallToolResult>): Answer {
  const text = (result.content ?? []).map((block) => (block.type === "text" ? block.text : "")).join("\n").trim();
  const data = result.structuredContent ?? parsed(text);
  if (isData(data)) return { ok: true, data }; // an error too, where a tool gives its outcome: an order that was refused
  return { ok: false, message: result.isError ? text : "" };
}

export function isData(value: unknown): value is Data {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The field of a record, if it is a text. One without end is cut: no view could show it. */
export function textOf(data: Data | undefined, name: string, length = MAX_TEXT): string | undefined {
  const value = data?.[name];
  return typeof value === "string" ? cut(value, length) : undefined;
}

/** A text up to this length; a name in it stays within its line. */
export function cut(text: string, length = 80): string {
  return text.length > length ? `${text.slice(0, length)}…` : text;
}

/** The field of a record, if it is a record. */
export function dataOf(data: Data | undefined, name: string): Data | undefined {
  const value = data?.[name];
  return isData(value) ? value : undefined;
}

/** The records in a field that is a list. */
export function listOf(data: Data | undefined, name: string): Data[] {
  const value = data?.[name];
  return Array.isArray(value) ? value.filter(isData) : [];
}

/** The entry of a record under a name from outside, which may be that of something every object has. */
export function own<T>(entries: Record<string, T> | undefined, name: string | undefined): T | undefined {
  return entries !== undefined && name !== undefined && Object.hasOwn(entries, name) ? entries[name] : undefined;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
