/** One column: the orders that wait for the same party. It shows a few cards, and more when asked. */

import { memo } from "preact/compat";
import { useRef, useState } from "preact/hooks";

import { cut } from "../shared/answer";
import { filled, sharedTexts } from "../shared/texts";
import type { Order } from "./order";
import type { Words } from "./words";

/** So many cards at first, and with each press of the button: a list of thousands makes a page of dozens. */
const FIRST = 6;
const STEP = 24;

interface ColumnProps {
  party: string;
  orders: Order[];
  words: Words;
  /** The day on which the list was read, from which ages are counted. */
  today: string;
  onOpen(id: string): void;
}

/** `folded` shows no card before it is asked to. */
export function Column({ party, orders, words, today, onOpen, folded }: ColumnProps & { folded: boolean }) {
  const [asked, setAsked] = useState(0);
  const room = asked || (folded ? 0 : FIRST);
  const list = useRef<HTMLUListElement>(null);
  const heading = `column-${party}`;
  const rest = orders.length - room;
  const step = Math.min(rest, STEP);
  const showMore = (): void => {
    setAsked(room + STEP);
    // The last press takes the button away, and focus must not be lost with it.
    if (rest <= STEP) requestAnimationFrame(() => list.current?.children[room]?.querySelector("button")?.focus());
  };
  return (
    <section class="board-column" aria-labelledby={heading}>
      <h2 id={heading}>
        {words.party(party)} <span class="number">{words.number(orders.length)}</span>
      </h2>
      <ul ref={list}>
        {orders.slice(0, room).map((order, index) => (
          <Card key={order.id || index} order={order} words={words} today={today} onOpen={onOpen} />
        ))}
      </ul>
      {rest > 0 && (
        <button type="button" class="more" onClick={showMore} aria-describedby={heading}>
          {filled(room ? words.texts.show_more : words.texts.show_some, { count: words.number(step) })}
        </button>
      )}
    </section>
  );
}

const Card = memo(function Card({ order, words, today, onOpen }: Omit<ColumnProps, "party" | "orders"> & { order: Order }) {
  const { texts } = words;
  const { id, status, created, summary, confidence } = order;
  const isHeld = order.hold !== undefined;
  const isMarked = confidence && confidence !== "unknown"; // the column says that much
  const since = summary?.kind === "on_hold" && summary.date;
  return (
    <li class={isHeld ? "card on-hold" : "card"}>
      <p class="status">{status ? words.status(status) : sharedTexts(words.state.language).not_known}</p>
      {summary ? (
        <p class={isHeld ? "hold-reason" : undefined} lang={summary.kind === "other" ? "en" : undefined}>
          {words.summary(order, today)}
        </p>
      ) : (
        isHeld && <p class="hold-reason">{texts.on_hold}</p>
      )}
      {since && <Since text={filled(texts.since, { date: words.shortDay(since, today) })} age={words.age(since, today)} />}
      {created ? <Since text={filled(texts.ordered, { date: words.shortDay(created, today) })} age={words.age(created, today)} /> : <p class="soft">{texts.no_date}</p>}
      {(order.overdue || order.anomalies.length > 0 || isMarked) && (
        <ul class="marks">
          {order.overdue && <li class="card-mark late">{texts.past_target}</li>}
          {order.anomalies.map((each) => (
            <li key={each} class="card-mark anomaly">
              {words.anomaly(each)}
            </li>
          ))}
          {isMarked && <li class="card-mark">{words.confidence(confidence)}</li>}
        </ul>
      )}
      {id ? (
        <button type="button" class="open" onClick={() => onOpen(id)} aria-label={filled(texts.open_order, { id: cut(id) })}>
          {cut(id)}
        </button>
      ) : (
        <p class="soft">{texts.no_id}</p>
      )}
    </li>
  );
});

function Since({ text, age }: { text: string; age: string }) {
  return (
    <p class="soft since">
      <span>{text}</span> <span>{age}</span>
    </p>
  );
}
