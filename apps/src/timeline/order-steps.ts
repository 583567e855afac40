/** The steps of an order: which it has passed, where it stands, and the dates that are known. No word of it is shown yet. */

import { dataOf, listOf, textOf, type Data } from "../shared/answer";
import type { Language } from "../shared/texts";
import { factsOf, labelsOf, versionOf } from "./status-words";

/** When something happened: a time from the order's own field, or days in the words of the history. */
export interface StepDate {
  time?: string | undefined;
  when?: string | undefined;
  /** One look at the order, and the next, which saw it. */
  after?: string | undefined;
  by?: string | undefined;
  observed?: boolean;
}

export interface Step {
  status: string;
  /** Against the present step; none where the present step is not known. */
  place?: "earlier" | "present" | "later";
  /** Whether it has no place of its own on the usual path. */
  beside?: boolean;
  /** Whether it stands where it stands only because of the dates. */
  placedByDate?: boolean;
  date?: StepDate | undefined;
}

export function statusOf(data: Data): string | undefined {
  return textOf(dataOf(data, "order"), "status") ?? textOf(dataOf(data, "explanation"), "status");
}

/** The steps of the result's API version. `language` is that of the result. */
export function stepsOf(data: Data, language: Language): Step[] {
  const name = textOf(data, "api_version");
  const { path, statuses, blocks } = versionOf(name);
  const status = statusOf(data);
  const { dates, lastButOne } = pastOf(data, language);
  if (status === undefined) return path.map((step) => ({ status: step, date: dates.get(step) }));
  const index = path.indexOf(status);
  if (index >= 0) return path.map((step, place) => placed(step, place - index, dates));
  const facts = factsOf(name, status);
  const hasPlace = facts?.outcome === "open" && !blocks.includes(status);
  if (!hasPlace && !dataOf(data, "order")) return [];
  const known = Object.keys(statuses);
  const before = hasPlace
    ? path.filter((step) => known.indexOf(step) < known.indexOf(status)).length
    : 1 + path.findLastIndex((step) => dates.has(step));
  // What follows an end, or a status that is new to us, is nothing that we know.
  const later = facts?.outcome === "open" ? path.slice(before) : [];
  return [
    ...path.slice(0, before).map((step) => placed(step, -1, dates)),
    {
      status,
      place: "present",
      date: dates.get(status),
      beside: path.length > 0 && facts?.outcome !== "cancelled" && facts?.outcome !== "success",
      placedByDate: !hasPlace && lastButOne !== path[before - 1],
    },
    ...later.map((step) => placed(step, 1, dates)),
  ];
}

function placed(status: string, offset: number, dates: Map<string, StepDate>): Step {
  if (offset > 0) return { status, place: "later" }; // a date here would be from before the order went back
  return { status, place: offset < 0 ? "earlier" : "present", date: dates.get(status) };
}

interface Past {
  dates: Map<string, StepDate>;
  /** The status before the last one that the history saw. */
  lastButOne: string | undefined;
}

/** When each status was reached last: the order's own dates, and before them what its history saw. */
function pastOf(data: Data, language: Language): Past {
  const { path, statuses, blocks } = versionOf(textOf(data, "api_version"));
  const order = dataOf(data, "order");
  const dates = new Map<string, StepDate>();
  const seen: string[] = [];
  for (const entry of listOf(data, "history")) {
    const reached = reachedIn(entry, data, language);
    if (reached === undefined) continue;
    const goesOn = dates.has(reached) && blocks.includes(seen.at(-1) ?? ""); // not new: the block had its place
    if (!goesOn) dates.set(reached, dateOf(entry));
    seen.push(reached);
  }
  const first = path[0];
  for (const status of Object.keys(statuses)) {
    const time = textOf(order, status === first ? "created_at" : `${status}_at`);
    if (time) dates.set(status, { time });
  }
  return { dates, lastButOne: seen.at(-2) };
}

export function dateOf(entry: Data): StepDate {
  return {
    when: textOf(entry, "when"),
    after: textOf(entry, "after"),
    by: textOf(entry, "by"),
    observed: textOf(entry, "source") === "observed",
  };
}

/** What a line of the history says came about: "placed" of "created → placed". */
export function outcomeOf(entry: Data): string {
  return (textOf(entry, "what") ?? "").split(" → ").at(-1)?.trim() ?? "";
}

/** The status that a line of the history says was reached. Agents read its name there, customers its label. */
function reachedIn(entry: Data, data: Data, language: Language): string | undefined {
  const name = textOf(data, "api_version");
  const { path, statuses } = versionOf(name);
  const reached = outcomeOf(entry).split(":")[0] ?? "";
  if (reached === "created") return path[0];
  if (Object.hasOwn(statuses, reached)) return reached;
  const labels = labelsOf(name, language);
  const present = statusOf(data);
  if (present !== undefined && Object.hasOwn(labels, present) && labels[present] === reached) return present;
  return Object.keys(labels).find((status) => labels[status] === reached);
}
