/** What changed in orders, by day, newest first. */

import { useMemo, useState } from "preact/hooks";

import { cut, textOf, type Data } from "../shared/answer";
import { filled } from "../shared/texts";
import type { PartProps } from "./board";
import { changeOf, stateText, whenText, type Change } from "./change";
import { usePages } from "./pages";
import { NotComplete, Paging } from "./paging";
import { berlinDay, MAX_SENTENCE, type Words } from "./words";

/** So many lines at first, and with each press of the button. */
const STEP = 40;

export function ChangeList(props: PartProps) {
  const { data, words, onOpen } = props;
  const { texts } = words;
  const pages = usePages(props, "list_order_changes");
  const [room, setRoom] = useState(STEP);
  const year = berlinDay(textOf(data, "as_of") ?? "").slice(0, 4);
  const lines = useMemo(() => pages.all.flatMap(linesOf), [data, pages.added]);
  const days = useMemo(() => byDay(lines.slice(0, room), year), [lines, room, year]);
  const counted = words.changes(lines.length);
  const hasMore = pages.last["has_more"] === true;
  const isPart = pages.last["complete"] !== true;
  const rest = lines.length - room;
  return (
    <>
      <p class="counted" role="status">
        <strong>{hasMore ? filled(texts.so_far, { counted }) : isPart ? filled(texts.part, { counted }) : counted}</strong>
      </p>
      <NotComplete pages={pages} words={words} />
      {lines.length === 0 && <p class="notice">{hasMore ? texts.empty_part : texts.no_changes}</p>}
      {days.map(({ day, changes }, index) => (
        <section key={index} class="day">
          <h2>{day ? words.day(day) : texts.day_not_known}</h2>
          <ul>
            {changes.map((change, index) => (
              <Line key={index} change={change} words={words} year={year} onOpen={onOpen} />
            ))}
          </ul>
        </section>
      ))}
      <footer>
        {rest > 0 && (
          <button type="button" onClick={() => setRoom(room + STEP)}>
            {filled(texts.show_more, { count: words.number(Math.min(rest, STEP)) })}
          </button>
        )}
        {lines.length > 0 && (
          <p class="soft">
            {texts.days_note} {texts.turn_note_changes}
          </p>
        )}
        {textOf(data, "note") && (
          <p class="soft" lang="en">
            {textOf(data, "note")}
          </p>
        )}
        <Paging pages={pages} words={words} counted={counted} host={props.host} />
      </footer>
    </>
  );
}

function Line({ change, words, year, onOpen }: { change: Change; words: Words; year: string; onOpen(id: string): void }) {
  const { texts } = words;
  const { order, customer, before, after, turn, confidence } = change;
  if (!order) {
    return (
      <li class="change" lang="en">
        {cut(change.line, MAX_SENTENCE)}
      </li>
    );
  }
  const confidences = confidence ? ` (${words.confidence(confidence)})` : "";
  return (
    <li class="change">
      <p>
        {before && <span class="soft">{stateText(before, words)} → </span>}
        <strong>{after === "created" && !before ? texts.created : stateText(after, words)}</strong>
      </p>
      <p class="soft">
        {whenText(change, words, year)} · {filled(texts.turn, { party: words.party(turn) })}
        {confidences}
      </p>
      <p class="ids">
        <button type="button" class="open" onClick={() => onOpen(order)} aria-label={filled(texts.open_order, { id: cut(order) })}>
          {cut(order)}
        </button>
        {customer && <span class="soft">{cut(customer)}</span>}
      </p>
    </li>
  );
}

function linesOf(page: Data): string[] {
  const changes = page["changes"];
  return Array.isArray(changes) ? changes.filter((each): each is string => typeof each === "string") : [];
}

/** The changes of each day, in the order of the feed; lines that cannot be read keep their place. */
function byDay(lines: string[], year: string): { day: string; changes: Change[] }[] {
  const days: { day: string; changes: Change[] }[] = [];
  for (const line of lines) {
    const read = changeOf(line, year);
    const change = read ?? { line, order: "", customer: "", before: "", after: "", when: "", turn: "", confidence: "", day: undefined };
    const day = change.day ?? days.at(-1)?.day ?? "";
    const last = days.at(-1);
    if (last?.day === day) last.changes.push(change);
    else days.push({ day, changes: [change] });
  }
  return days;
}
