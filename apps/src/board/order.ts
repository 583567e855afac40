/** One order of a list as a card shows it: the tool's fields, and what its summary says in a fixed phrase. */

import { listOf, own, textOf, type Data } from "../shared/answer";
import { dayIn, valuesIn } from "../shared/phrases";
import vocabulary from "../texts/vocabulary.json";

const { phrases } = vocabulary;

/** What the line of an order says beside its status. `text` is the tool's own wording. */
export interface Summary {
  kind: "on_hold" | "cancelled" | "since" | "appointment" | "appointment_passed" | "other";
  text: string;
  reason?: string;
  /** A day (2026-12-04), or the tool's own words where it is none. */
  date?: string;
  /** Of an appointment, such as "10:00". */
  time?: string;
}

export interface Order {
  id: string;
  status: string;
  created: string;
  turn: string;
  /** Nothing where whose turn it is was inferred. */
  confidence: string;
  summary: Summary | undefined;
  /** Why it is on hold: a reason, or the status of the vocabulary that has no reasons. */
  hold: string | undefined;
  anomalies: string[];
  overdue: boolean;
}

interface Version {
  statuses: Record<string, { outcome: string }>;
  /** The statuses that are a block in themselves. */
  blocks: string[];
}

export function orderOf(line: Data, version: string): Order {
  const status = textOf(line, "status") ?? "";
  const known = own(vocabulary.versions as Record<string, Version>, version);
  const isCancelled = own(known?.statuses, status)?.outcome === "cancelled";
  const summary = summaryOf(textOf(line, "summary"), isCancelled);
  const hold = summary?.kind === "on_hold" ? summary.reason : known?.blocks.includes(status) ? status : undefined;
  return {
    id: textOf(line, "id") ?? "",
    status,
    created: textOf(line, "created") ?? "",
    turn: textOf(line, "waiting_on") ?? "unknown",
    confidence: textOf(line, "confidence") ?? "",
    summary,
    hold,
    anomalies: textsIn(line["anomalies"]),
    overdue: line["overdue"] === true,
  };
}

/** All orders of several pages; one that moved between two of them is there once. */
export function ordersOf(pages: Data[], version: string): Order[] {
  const seen = new Set<string>();
  const orders = pages.flatMap((page) => listOf(page, "orders")).map((line) => orderOf(line, version));
  return orders.filter(({ id }) => !id || (!seen.has(id) && seen.add(id)));
}

function summaryOf(text: string | undefined, cancelled: boolean): Summary | undefined {
  if (!text) return undefined;
  const read = (template: string): Record<string, string> | undefined => valuesIn(withoutStatus(template), text);
  const held = read(phrases.blocked_since) ?? read(phrases.blocked);
  if (held) {
    const reason = held["reason"] === phrases.blocked_unstated ? "unstated" : held["reason"];
    return { kind: "on_hold", text, ...(reason && { reason }), ...dated(held["date"]) };
  }
  if (cancelled) return { kind: "cancelled", text, reason: text };
  const passed = read(phrases.appointment_past);
  if (passed) return { kind: "appointment_passed", text, ...dated(passed["when"]) };
  const ahead = read(phrases.appointment_upcoming);
  if (ahead) return { kind: "appointment", text, ...dated(ahead["when"]) };
  const since = read(phrases.since);
  return since ? { kind: "since", text, ...dated(since["date"]) } : { kind: "other", text };
}

/** A list says the status in a field of its own, so its summaries begin after it. */
function withoutStatus(template: string): string {
  return template.replace("{status}", "").replace(/^[ ,:]+/, "");
}

function dated(said: string | undefined): { date?: string; time?: string } {
  if (!said) return {};
  const [, date, time] = /^([^,]+), (\d\d:\d\d)\b/.exec(said) ?? [];
  const day = dayIn(date ?? said);
  return day ? { date: day, ...(time && { time }) } : { date: said };
}

function textsIn(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((each): each is string => typeof each === "string") : [];
}
