/** One line of the feed of changes, read into its parts; the tool writes them in fixed English phrases. */

import { cut } from "../shared/answer";
import { shownDayOfYear } from "../shared/dates";
import { dayIn, valuesIn } from "../shared/phrases";
import { filled } from "../shared/texts";
import { ENGLISH, type Words } from "./words";

export interface Change {
  line: string;
  order: string;
  customer: string;
  before: string;
  after: string;
  when: string;
  turn: string;
  confidence: string;
  /** The day on which it became known, as 2026-05-27; nothing if the line does not say it as expected. */
  day: string | undefined;
}

const LINE = /^(\S+) (\S*): (.+); ([^;]+); turn: (\w+)(?: \((\w+)\))?$/s;
/** How a line says when something happened, the more exact first. */
const WHENS = [ENGLISH.between_times, ENGLISH.between, ENGLISH.known, ENGLISH.by];
const APPOINTMENT = /^appointment (\d{1,2} \w+ \d{4})(?:, (\d\d:\d\d) \w+)?$/;

export function changeOf(line: string, presentYear: string): Change | undefined {
  const found = LINE.exec(line);
  if (!found) return undefined;
  const [, order = "", customer = "", what = "", when = "", turn = "", confidence = ""] = found;
  const parts = valuesIn(ENGLISH.became, what);
  const day = dayIn(valuesOfWhen(when)?.values["seen"] ?? when, presentYear);
  return { line, order, customer, before: parts?.["before"] ?? "", after: parts?.["after"] ?? what, when, turn, confidence, day };
}

/** What an order was or became, as a line says it: a status, a block with its reason, an appointment. */
export function stateText(said: string, words: Words): string {
  const { texts } = words;
  const [, name = said, reason = ""] = /^(blocked|cancelled): (.+)$/.exec(said) ?? [];
  if (name === "blocked" && reason) return filled(texts.on_hold_reason, { reason: words.reason(reason === "no reason" ? "unstated" : reason) });
  if (reason) return `${words.status(name)} (${words.reason(reason)})`;
  const [, day = "", time] = APPOINTMENT.exec(said) ?? [];
  const date = dayIn(day);
  if (date) return filled(texts.appointment, { when: [words.day(date), time].filter(Boolean).join(", ") });
  if (said === "no appointment") return texts.no_appointment;
  return said === "updated" ? texts.updated : words.status(said);
}

/** When it happened: a day, or the days between two looks. */
export function whenText(change: Change, words: Words, presentYear: string): string {
  const day = (said: string): string => {
    const known = dayIn(said, presentYear);
    return known ? shownDayOfYear(known, words.state.language) : cut(said);
  };
  const { template, values } = valuesOfWhen(change.when) ?? {};
  if (!template || !values) return day(change.when);
  if (values["earliest"] && /^\d+$/.test(values["earliest"])) {
    // "between 11 and 12 Jun" names the month once
    values["earliest"] = `${values["earliest"]}${values["seen"]?.replace(/^\d+/, "") ?? ""}`;
  }
  const name = (Object.keys(ENGLISH) as (keyof typeof ENGLISH)[]).find((each) => ENGLISH[each] === template);
  const said = Object.entries(values).map(([each, text]) => [each, each === "first" || each === "last" ? text : day(text)]);
  return name ? filled(words.texts[name], Object.fromEntries(said)) : cut(change.when);
}

function valuesOfWhen(when: string): { template: string; values: Record<string, string> } | undefined {
  for (const template of WHENS) {
    const values = valuesIn(template, when);
    if (values) return { template, values };
  }
  return undefined;
}
