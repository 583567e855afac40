/** Texts in the language of the host, and what is filled into them. */

import shared from "../texts/shared.json";

export type Language = "en" | "de";
export type SharedTexts = typeof shared.en;

/** The language that a host's locale stands for: English unless it is German. */
export function languageOf(locale: string | undefined): Language {
  return /^de([-_]|$)/i.test(locale ?? "") ? "de" : "en";
}

export function sharedTexts(language: Language): SharedTexts {
  return shared[language];
}

/** Fill the {names} of a text. */
export function filled(text: string, values: Record<string, string | number>): string {
  return text.replace(/\{(\w+)\}/g, (blank, name: string) => String(values[name] ?? blank));
}
