/** Dates as the host's language writes them, in German time: the installer comes in Germany. */

import type { Language } from "./texts";

const ZONE = "Europe/Berlin";
const DAY = /^(\d{4})-(\d{2})-(\d{2})$/;
const MOMENT = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}/;

/** A day ("2026-05-27") or a time (ISO 8601, UTC) as a day; what is neither stays as it is. */
export function shownDay(said: string, language: Language): string {
  return shown(said, language, { dateStyle: "medium" });
}

/** A day beside a heading that says the year. */
export function shownDayOfYear(said: string, language: Language): string {
  return shown(said, language, { day: "numeric", month: "short" });
}

/** A time as day and time of day; a day as a day; what is neither stays as it is. */
export function shownMoment(said: string, language: Language): string {
  return shown(said, language, DAY.test(said) ? { dateStyle: "medium" } : { dateStyle: "medium", timeStyle: "short" });
}

/** Whether a text is a day or a time that can be shown as one. */
export function isTime(said: string): boolean {
  return timeOf(said) !== undefined;
}

/** The day in Germany on which a time lies, as a number that grows by one from day to day. */
export function dayNumber(time: Date): number {
  const [day, month, year] = new Intl.DateTimeFormat("en-GB", { timeZone: ZONE }).format(time).split("/").map(Number);
  return Date.UTC(year ?? 0, (month ?? 1) - 1, day) / 86_400_000;
}

/** The time that a text names; a day stands for its noon. */
export function timeOf(said: string): Date | undefined {
  const time = DAY.test(said) ? new Date(`${said}T12:00:00Z`) : MOMENT.test(said) ? new Date(said) : undefined;
  if (!time || Number.isNaN(time.getTime())) return undefined;
  return DAY.test(said) && !time.toISOString().startsWith(said) ? undefined : time; // 31 February is no day of March
}

function shown(said: string, language: Language, style: Intl.DateTimeFormatOptions): string {
  const time = timeOf(said);
  if (!time) return said;
  return language === "en" ? inEnglish(time, style) : format(language, style).format(time);
}

/** As the tools' English sentences write it, "12 Nov 2026, 10:30": one view, one way to write a date. */
function inEnglish(time: Date, style: Intl.DateTimeFormatOptions): string {
  const [month, day, year] = format("en-US", { dateStyle: "medium" }).format(time).split(/,? /);
  const clock = style.timeStyle ? `, ${format("en-GB", { timeStyle: "short" }).format(time)}` : "";
  return `${day} ${month}${style.dateStyle ? ` ${year}` : ""}${clock}`;
}

function format(locale: string, style: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  return new Intl.DateTimeFormat(locale, { ...style, timeZone: ZONE });
}
