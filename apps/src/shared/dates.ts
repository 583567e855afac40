/** Dates as the host's language writes them, in German time: the installer comes in Germany. */

const ZONE = "Europe/Berlin";
const DAY = /^(\d{4})-(\d{2})-(\d{2})$/;
const MOMENT = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}/;

/** A day ("2026-05-27") or a time (ISO 8601, UTC) as a day; what is neither stays as it is. */
export function shownDay(said: string, locale: string): string {
  return shown(said, locale, { dateStyle: "medium" });
}

/** A time as day and time of day; a day as a day; what is neither stays as it is. */
export function shownMoment(said: string, locale: string): string {
  return shown(said, locale, DAY.test(said) ? { dateStyle: "medium" } : { dateStyle: "medium", timeStyle: "short" });
}

function shown(said: string, locale: string, style: Intl.DateTimeFormatOptions): string {
  const time = DAY.test(said) ? new Date(`${said}T12:00:00Z`) : MOMENT.test(said) ? new Date(said) : undefined;
  if (!time || Number.isNaN(time.getTime())) return said;
  return format(locale, style).format(time);
}

function format(locale: string, style: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  try {
    return new Intl.DateTimeFormat(locale, { ...style, timeZone: ZONE });
  } catch {
    return new Intl.DateTimeFormat("en-GB", { ...style, timeZone: ZONE }); // the host named no locale
  }
}
