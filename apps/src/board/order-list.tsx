/** The orders of a list in columns by whose turn it is. */

import { useMemo, useState } from "preact/hooks";

import { textOf } from "../shared/answer";
import { filled } from "../shared/texts";
import type { PartProps } from "./board";
import { Column } from "./column";
import { Filters, matches, NO_FILTERS } from "./filters";
import { NotComplete, Paging } from "./paging";
import { ordersOf, type Order } from "./order";
import { usePages } from "./pages";
import { berlinDay, PARTIES } from "./words";

export function OrderList(props: PartProps) {
  const { words, data, onOpen } = props;
  const { texts, version } = words;
  const pages = usePages(props, "list_meter_orders_by_status");
  const [filters, setFilters] = useState(NO_FILTERS);
  const orders = useMemo(() => ordersOf(pages.all, version), [data, pages.added, version]);
  const shown = useMemo(() => orders.filter((order) => matches(order, filters)), [orders, filters]);
  const columns = useMemo(() => inColumns(shown), [shown]);
  const empty = PARTIES.filter((party) => !columns.has(party));
  const today = berlinDay(textOf(data, "as_of") ?? "");
  const counted = words.orders(orders.length);
  const hasMore = pages.last["has_more"] === true;
  const isPart = pages.last["complete"] !== true;
  return (
    <>
      <p class="counted" role="status">
        <strong>{hasMore ? filled(texts.so_far, { counted }) : isPart ? filled(texts.part, { counted }) : counted}</strong>
        {shown.length < orders.length && (
          <span> · {filled(texts.of_all, { shown: words.number(shown.length), counted })}</span>
        )}
      </p>
      {orders.length > 0 && <Filters orders={orders} filters={filters} onChange={setFilters} words={words} />}
      <NotComplete pages={pages} words={words} />
      {orders.length === 0 && <p class="notice">{hasMore ? texts.empty_part : texts.no_orders}</p>}
      {orders.length > 0 && shown.length === 0 && <p class="notice">{texts.none_match}</p>}
      <div class="board-columns">
        {[...columns].map(([party, cards]) => (
          <Column
            key={party}
            party={party}
            orders={cards}
            folded={party === "nobody" && columns.size > 1}
            words={words}
            today={today}
            onOpen={onOpen}
          />
        ))}
      </div>
      <footer>
        {shown.length > 0 && empty.length > 0 && (
          <p class="soft">{filled(texts.no_turn, { parties: empty.map((party) => words.party(party)).join(", ") })}</p>
        )}
        {shown.length > 0 && <p class="soft">{texts.turn_note}</p>}
        <Paging pages={pages} words={words} counted={counted} host={props.host} needs="status" />
      </footer>
    </>
  );
}

/** Those in whose column there is an order; a turn that is new to us has a column of its own, the last. */
function inColumns(orders: Order[]): Map<string, Order[]> {
  const columns = new Map(PARTIES.map((party): [string, Order[]] => [party, []]));
  for (const order of orders) {
    const column = columns.get(order.turn);
    if (column) column.push(order);
    else columns.set(order.turn, [order]);
  }
  return new Map([...columns].filter(([, found]) => found.length > 0));
}
