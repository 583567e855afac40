/** How many orders there are, where a list was only counted. */

import { dataOf, type Data } from "../shared/answer";
import { filled } from "../shared/texts";
import type { PartProps } from "./board";
import { NotComplete } from "./paging";
import { usePages } from "./pages";
import type { Words } from "./words";

export function Counts(props: PartProps) {
  const { data, words } = props;
  const { texts } = words;
  const pages = usePages(props, "list_meter_orders_by_status");
  const counts = dataOf(data, "counts");
  const crossed = dataOf(counts, "by_block_reason_and_status");
  const total = numberOf(counts, "total");
  const counted = total === undefined ? "" : words.orders(total);
  const anomalies = numbersOf(counts, "anomalies").map(([name, count]): Row => [words.anomaly(name), count, []]);
  const passed = numberOf(counts, "appointments_passed");
  const late: Row[] = [
    ...rowOf(texts.past_target, numberOf(counts, "overdue")),
    ...rowOf(texts.overdue_not_known, numberOf(counts, "overdue_not_known")),
  ];
  const reasons = numbersOf(counts, "by_block_reason").map(
    ([reason, count]): Row => [words.reason(reason), count, numbersOf(crossed, reason).map(([status, each]) => `${words.status(status)}: ${words.number(each)}`)],
  );
  return (
    <>
      <p class="counted" role="status">
        <strong>{data["has_more"] === true ? filled(texts.so_far, { counted }) : data["complete"] === true ? counted : filled(texts.part, { counted })}</strong>
      </p>
      <NotComplete pages={pages} words={words} />
      <div class="board-columns">
        <Table title={texts.by_turn} rows={numbersOf(counts, "by_waiting_on").map(([turn, count]) => [words.party(turn), count, []])} words={words} />
        <Table title={texts.by_status} rows={numbersOf(counts, "by_status").map(([status, count]) => [words.status(status), count, []])} words={words} />
        <Table title={texts.by_reason} rows={reasons} words={words} />
        <Table title={texts.by_anomaly} rows={[...late, ...rowOf(texts.appointments_passed, passed), ...anomalies]} words={words} />
      </div>
    </>
  );
}

type Row = [name: string, count: number, parts: string[]];

function Table({ title, rows, words }: { title: string; rows: Row[]; words: Words }) {
  if (rows.length === 0) return null;
  const most = Math.max(...rows.map(([, count]) => count));
  return (
    <section class="board-column">
      <h2>{title}</h2>
      <ul class="bars">
        {rows.map(([name, count, parts]) => (
          <li key={name}>
            <span>{name}</span>
            <strong>{words.number(count)}</strong>
            <span class="count-bar drawn" style={{ inlineSize: `${most ? (100 * count) / most : 0}%` }} />
            {parts.length > 0 && <span class="soft parts">{parts.join(" · ")}</span>}
          </li>
        ))}
      </ul>
    </section>
  );
}

function numberOf(data: Data | undefined, name: string): number | undefined {
  const value = data?.[name];
  return typeof value === "number" ? value : undefined;
}

function rowOf(name: string, count: number | undefined): Row[] {
  return count ? [[name, count, []]] : [];
}

function numbersOf(data: Data | undefined, name: string): [string, number][] {
  return Object.entries(dataOf(data, name) ?? {}).filter((each): each is [string, number] => typeof each[1] === "number");
}
