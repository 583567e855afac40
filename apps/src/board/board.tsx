/** The app of many orders: what a list, a count or a feed of changes returned, and one order opened from it. */

import { useMemo, useRef, useState } from "preact/hooks";

import { isData, textOf, type Data } from "../shared/answer";
import { FullscreenButton, RefreshButton } from "../shared/controls";
import { shownMoment } from "../shared/dates";
import type { ViewProps } from "../shared/frame";
import { filled, sharedTexts } from "../shared/texts";
import "./board.css";
import { ChangeList } from "./change-list";
import { Counts } from "./counts";
import { OpenedOrder } from "./opened-order";
import { OrderList } from "./order-list";
import { Words } from "./words";

export interface PartProps extends ViewProps {
  words: Words;
  onOpen(id: string): void;
}

export function Board(props: ViewProps) {
  const { data, state } = props;
  const [opened, setOpened] = useState<string>();
  const trigger = useRef<HTMLElement | null>(null);
  const words = useMemo(() => new Words(state, textOf(data, "api_version") ?? ""), [data, state]);
  const open = (id: string): void => {
    trigger.current = document.activeElement as HTMLElement | null;
    setOpened(id);
  };
  const close = (): void => {
    setOpened(undefined);
    requestAnimationFrame(() => trigger.current?.focus());
  };
  const Part = partFor(data);
  // The list stays while an order is opened, with its filters, pages and place.
  return (
    <>
      <main class="board" hidden={opened !== undefined}>
        <Head {...props} words={words} />
        {Part ? <Part {...props} words={words} onOpen={open} /> : <p role="alert">{sharedTexts(state.language).no_result}</p>}
      </main>
      {opened !== undefined && <OpenedOrder {...props} id={opened} words={words} onClose={close} />}
    </>
  );
}

function partFor(data: Data) {
  if (Array.isArray(data["changes"])) return ChangeList;
  if (isData(data["counts"])) return Counts;
  return Array.isArray(data["orders"]) ? OrderList : undefined;
}

function Head({ data, state, host, words }: ViewProps & { words: Words }) {
  const isFeed = Array.isArray(data["changes"]);
  const { texts } = words;
  const asOf = textOf(data, "as_of");
  const question = words.question(state.input);
  // Without the question there is nothing to ask again; a feed has an answer to no question at all.
  const canRefresh = isFeed || textOf(state.input, "status") !== undefined;
  return (
    <header>
      <div>
        <h1>{isFeed ? texts.changes_title : texts.title}</h1>
        {question && <p>{question}</p>}
        {asOf && <p class="soft">{filled(texts.as_of, { moment: shownMoment(asOf, state.language) })}</p>}
      </div>
      <div class="buttons">
        {canRefresh && (
          <RefreshButton tool={isFeed ? "list_order_changes" : "list_meter_orders_by_status"} input={state.input} host={host} />
        )}
        <FullscreenButton host={host} />
      </div>
    </header>
  );
}
