/** The pages of a list: the first is the result that the host sent, the rest are loaded through it. */

import { useRef, useState } from "preact/hooks";

import type { Data } from "../shared/answer";
import type { ViewProps } from "../shared/frame";

export interface Pages {
  all: Data[];
  /** The last page says whether there is more, and whether all of them are everything. */
  last: Data;
  /** What no page covers. */
  notCovered: string[];
  loading: boolean;
  /** Why the next page did not come. */
  failed: string | undefined;
  /** How often a page was added: a reader is told, even twice in the same words. */
  added: number;
  load(): Promise<void>;
  /** Ask for the first page again. */
  startAgain(): Promise<void>;
}

interface Rest {
  of: Data;
  pages: Data[];
  loading: boolean;
  failed: string | undefined;
}

export function usePages({ data, state, host }: ViewProps, tool: string): Pages {
  const fresh: Rest = { of: data, pages: [], loading: false, failed: undefined };
  const [kept, setRest] = useState(fresh);
  const rest = kept.of === data ? kept : fresh; // a refresh starts anew
  const current = useRef(data);
  current.current = data;
  const all = [data, ...rest.pages];
  const last = all.at(-1) ?? data;

  const ask = async (input: Data, done: (page: Data) => void): Promise<void> => {
    if (rest.loading) return;
    setRest({ ...rest, loading: true, failed: undefined });
    const answer = await host.call(tool, input);
    if (current.current !== data) return; // refreshed in the meantime: this page belongs to another list
    if (answer.ok) done(answer.data);
    else setRest({ ...rest, loading: false, failed: answer.message });
  };
  const { cursor: _, ...first } = state.input;
  return {
    all,
    last,
    notCovered: [...new Set(all.flatMap((page) => listed(page["not_covered"])))],
    loading: rest.loading,
    failed: rest.failed,
    added: rest.pages.length,
    load: () =>
      ask({ ...first, cursor: last["next_cursor"] }, (page) =>
        setRest({ ...rest, pages: [...rest.pages, page], loading: false, failed: undefined }),
      ),
    startAgain: () => ask(first, (page) => host.show({ ok: true, data: page }, first)),
  };
}

function listed(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((each): each is string => typeof each === "string") : [];
}
