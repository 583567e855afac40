/** A tool's result as an app reads it. */

import type { CallToolResult } from "@modelcontextprotocol/client";

export type Data = Record<string, unknown>;
/** What a tool answered, or the words in which it failed. */
export type Answer = { ok: true; data: Data } | { ok: false; message: string };

/** Read a result: its structured content, or the same as JSON text where a host passes only text. */
export function answerOf(result: Partial<CallToolResult>): Answer {
  const text = (result.content ?? []).map((block) => (block.type === "text" ? block.text : "")).join("\n").trim();
  if (result.isError) return { ok: false, message: text };
  const data = result.structuredContent ?? parsed(text);
  return isData(data) ? { ok: true, data } : { ok: false, message: "" };
}

export function isData(value: unknown): value is Data {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The field of a record, if it is a text. */
export function textOf(data: Data | undefined, name: string): string | undefined {
  const value = data?.[name];
  return typeof value === "string" ? value : undefined;
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

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
