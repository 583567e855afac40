/** Reads the fixed phrases of results, which are in English, so that they can be said in the host's language. */

import vocabulary from "../texts/vocabulary.json";

const MONTHS: string[] = vocabulary.phrases.months;
const patterns = new Map<string, { pattern: RegExp; names: string[] }>();

/** What stands in the places of a template's {names}, if the text is made from it. */
export function valuesIn(template: string, text: string): Record<string, string> | undefined {
  const { pattern, names } = patterns.get(template) ?? compiled(template);
  const found = pattern.exec(text);
  return found ? Object.fromEntries(names.map((name, index) => [name, found[index + 1] ?? ""])) : undefined;
}

/** A day in a result ("4 Dec 2026", or "4 Dec" of the present year) as 2026-12-04; nothing if it is no day. */
export function dayIn(text: string, presentYear?: string): string | undefined {
  const [, day, name, year] = /^(\d{1,2}) (\w+)(?: (\d{4}))?$/.exec(text.trim()) ?? [];
  const month = MONTHS.indexOf(name ?? "") + 1;
  const known = year ?? presentYear;
  return day && month && known ? `${known}-${two(month)}-${day.padStart(2, "0")}` : undefined;
}

function two(number: number): string {
  return String(number).padStart(2, "0");
}

function compiled(template: string): { pattern: RegExp; names: string[] } {
  const names: string[] = [];
  const source = template.replace(/[.*+?^$()|[\]\\]/g, "\\$&").replace(/\{(\w+)\}/g, (_, name: string) => {
    names.push(name);
    return "(.+?)";
  });
  const made = { pattern: new RegExp(`^${source}$`, "s"), names };
  patterns.set(template, made);
  return made;
}
