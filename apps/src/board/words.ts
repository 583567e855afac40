/** The words of the board, in the language and with the dates of the host. */

import { cut, own, type Data } from "../shared/answer";
import { shownDay, shownDayOfYear } from "../shared/dates";
import type { HostState } from "../shared/host-connection";
import { filled } from "../shared/texts";
import board from "../texts/board.json";
import vocabulary from "../texts/vocabulary.json";
import type { Order } from "./order";

/** Characters of a line in the words of a tool. */
export const MAX_SENTENCE = 300;

export type BoardTexts = typeof board.en;
export const ENGLISH: BoardTexts = board.en;
/** Whose turn it can be, in the order of the columns: those who can be asked to act come first. */
export const PARTIES = ["customer", "installation_partner", "grid_operator", "nomos", "unknown", "nobody"];

export class Words {
  readonly texts: BoardTexts;
  private readonly vocabulary: typeof vocabulary.en;

  constructor(
    readonly state: HostState,
    readonly version: string,
  ) {
    this.texts = board[state.language];
    this.vocabulary = vocabulary[state.language];
  }

  /** A text of ours, which a name from a result may choose; nothing where there is none for it. */
  private text(name: string): string | undefined {
    return own(this.texts as Record<string, string>, name);
  }

  party(turn: string): string {
    return this.text(`party_${turn}`) ?? cut(turn);
  }

  status(status: string): string {
    return own(own(this.vocabulary.labels as Record<string, Record<string, string>>, this.version), status) ?? cut(status);
  }

  /** A reason, or the status that blocks in the API version that has no reasons. */
  reason(reason: string): string {
    return this.text(`reason_${reason}`) ?? this.status(reason);
  }

  confidence(confidence: string): string {
    return own(this.vocabulary.confidence as Record<string, string>, confidence) ?? cut(confidence);
  }

  anomaly(said: string): string {
    const known = Object.entries(vocabulary.en.anomalies).find(([, name]) => name === said)?.[0];
    return (known && own(this.vocabulary.anomalies as Record<string, string>, known)) ?? cut(said);
  }

  day(date: string): string {
    return cut(shownDay(date, this.state.language));
  }

  /** A day on a card, where room is scarce: without its year if that is the one in which the list was read. */
  shortDay(date: string, today: string): string {
    return date.slice(0, 4) === today.slice(0, 4) ? shownDayOfYear(date, this.state.language) : this.day(date);
  }

  /** "19 days ago": from a day to the one on which the list was read. */
  age(date: string, today: string): string {
    const days = (Date.parse(today) - Date.parse(date)) / 86_400_000;
    if (!Number.isInteger(days)) return "";
    return new Intl.RelativeTimeFormat(this.state.language, { numeric: "auto" }).format(-days, "day");
  }

  orders(count: number): string {
    return count === 1 ? this.texts.orders_one : filled(this.texts.orders_many, { count: this.number(count) });
  }

  changes(count: number): string {
    return count === 1 ? this.texts.changes_one : filled(this.texts.changes_many, { count: this.number(count) });
  }

  /** What the list was asked for, such as "open orders, customer_id cus_…". */
  question(input: Data): string {
    const { status, cursor: _, limit: __, detail: ___, ...others } = input;
    const asked = typeof status === "string" ? [this.text(`asked_${status}`) ?? this.status(status)] : [];
    const rest = Object.entries(others).filter(([, value]) => value !== "" && value !== false);
    return [...asked, ...rest.map(([name, value]) => `${cut(name)}: ${cut(String(value))}`)].join(" · ");
  }

  number(count: number): string {
    return new Intl.NumberFormat(this.state.language).format(count);
  }

  /** What an order's summary says; the tool's own words where they are not one of its fixed phrases. */
  summary({ summary }: Order, today: string): string {
    if (!summary) return "";
    const { kind, reason, date, time } = summary;
    const when = date ? [this.shortDay(date, today), time].filter(Boolean).join(", ") : "";
    if (kind === "on_hold") return filled(this.texts.on_hold_reason, { reason: this.reason(reason ?? "unstated") });
    if (kind === "cancelled") return filled(this.texts.cancelled_reason, { reason: this.reason(reason ?? "") });
    if (kind === "appointment") return filled(this.texts.appointment, { when });
    if (kind === "appointment_passed") return filled(this.texts.appointment_passed, { when });
    return kind === "since" ? filled(this.texts.since, { date: when }) : cut(summary.text, MAX_SENTENCE);
  }
}

/** The day in Berlin of a time in a result, as 2026-05-27. */
export function berlinDay(moment: string): string {
  const time = new Date(moment);
  return Number.isNaN(time.getTime()) ? "" : time.toLocaleDateString("sv-SE", { timeZone: "Europe/Berlin" });
}
