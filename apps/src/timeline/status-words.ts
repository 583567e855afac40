/** The statuses of both API versions, and the words for them, as the build embeds them. */

import { own } from "../shared/answer";
import type { Language } from "../shared/texts";
import vocabulary from "../texts/vocabulary.json";

export interface StatusFacts {
  outcome: string;
  phase: string;
  /** The nearest statuses of the other version; inferred. */
  nearest: string[];
}

export interface Version {
  /** The line of the usual progress. */
  path: string[];
  /** Every status, in the order of the lifecycle. */
  statuses: Record<string, StatusFacts>;
  /** The statuses that are a block in themselves. */
  blocks: string[];
  other?: string;
}

type Words = Record<string, string>;

export const TARGET_DAYS: number = vocabulary.target_days;

/** What is known of an API version; nothing of one that is new. */
export function versionOf(name: string | undefined): Version {
  const versions: Record<string, Version> = vocabulary.versions;
  return own(versions, name) ?? { path: [], statuses: {}, blocks: [] };
}

export function factsOf(version: string | undefined, status: string | undefined): StatusFacts | undefined {
  return own(versionOf(version).statuses, status);
}

/** The name of a status for people, if the version has that status. */
export function labelOf(version: string | undefined, status: string | undefined, language: Language): string | undefined {
  return own(labelsOf(version, language), status);
}

export function labelsOf(version: string | undefined, language: Language): Words {
  const labels: Record<string, Words> = vocabulary[language].labels;
  return own(labels, version) ?? {};
}

/** Whose turn it is; a party that is new to us in the result's own word. */
export function turnText(waitingOn: string, language: Language): string {
  return own<string>(vocabulary[language].waiting_on, waitingOn) ?? waitingOn;
}

export function confidenceText(confidence: string, language: Language): string {
  return own<string>(vocabulary[language].confidence, confidence) ?? confidence;
}

/** What a result's words about time say of the target: nothing, that it lies ahead, or that it has passed. */
export function targetIn(timing: string, language: Language): "ahead" | "past" | undefined {
  const { ahead, past } = vocabulary[language].target;
  return timing.includes(past) ? "past" : timing.includes(ahead) ? "ahead" : undefined;
}
