/** What a list says about its rest: what is missing, and the button that loads more. */

import { useRef } from "preact/hooks";

import { cut, textOf } from "../shared/answer";
import { Announcement } from "../shared/controls";
import type { Host } from "../shared/host-connection";
import { filled, sharedTexts } from "../shared/texts";
import type { Pages } from "./pages";
import { MAX_SENTENCE, type Words } from "./words";

export function NotComplete({ pages, words }: { pages: Pages; words: Words }) {
  const { last, notCovered } = pages;
  if (notCovered.length === 0) {
    if (last["complete"] === true || last["has_more"] === true) return null;
    return <p class="notice warning">{words.texts.not_complete}</p>;
  }
  return (
    <div class="notice warning">
      <p>{words.texts.not_covered}</p>
      <ul lang="en">
        {notCovered.map((each) => (
          <li key={each}>{cut(each, MAX_SENTENCE)}</li>
        ))}
      </ul>
    </div>
  );
}

interface PagingProps {
  pages: Pages;
  words: Words;
  counted: string;
  host: Host;
  /** The argument without which the tool cannot be called. */
  needs?: string;
}

export function Paging({ pages, words, counted, host, needs }: PagingProps) {
  const { texts } = words;
  const after = useRef<HTMLDivElement>(null);
  const { last, failed, loading, added } = pages;
  const hasMore = last["has_more"] === true && textOf(last, "next_cursor") !== undefined;
  const load = async (): Promise<void> => {
    await pages.load();
    // Focus stays on the button; where the last page takes that away, it goes to what was announced.
    requestAnimationFrame(() => document.activeElement === document.body && after.current?.focus());
  };
  const cannot = !host.state.canCall ? texts.cannot_page : needs && !textOf(host.state.input, needs) ? texts.input_missing : "";
  return (
    <div class="paging" ref={after} tabIndex={-1}>
      {hasMore && cannot && <p>{cannot}</p>}
      {hasMore && !cannot && (
        <button type="button" onClick={load} aria-disabled={loading}>
          {texts.load_more}
        </button>
      )}
      <Announcement>{loading ? texts.loading : added > 0 && failed === undefined ? filled(texts.loaded, { counted }) : ""}</Announcement>
      {failed !== undefined && (
        <div role="alert" class="notice danger">
          <p>{texts.not_loaded}</p>
          <p class="said">{failed || sharedTexts(words.state.language).no_result}</p>
          <button type="button" onClick={pages.startAgain}>
            {texts.start_again}
          </button>
        </div>
      )}
    </div>
  );
}
