/** How long ago an order was placed, beside the published target. The target is a mark: nothing says when a meter comes. */

import { dataOf, textOf, type Data } from "../shared/answer";
import { dayNumber, shownDay, timeOf } from "../shared/dates";
import { filled, type Language } from "../shared/texts";
import texts from "../texts/timeline.json";
import { TARGET_DAYS, targetIn } from "./status-words";
import "./target-mark.css";

interface Props {
  data: Data;
  language: Language;
  spoken: Language;
}

/** Nothing where the result names no target: whether it applies is the server's to say. */
export function TargetMark({ data, language, spoken }: Props) {
  const created = textOf(dataOf(data, "order"), "created_at") ?? "";
  const timing = textOf(dataOf(data, "explanation"), "timing") ?? "";
  const target = targetIn(timing, spoken);
  const ordered = timeOf(created);
  if (!target || !ordered) return null;
  const said = texts[language];
  const days = Math.max(0, dayNumber(new Date()) - dayNumber(ordered));
  const width = 1.12 * Math.max(days, TARGET_DAYS);
  const at = (day: number) => `inset-inline-start: ${((100 * day) / width).toFixed(2)}%`;
  return (
    <figure class={`target ${target}`}>
      <div class="scale drawn" role="img" aria-label={filled(said.target_label, { days })}>
        <div class="passed" style={`inline-size: ${((100 * days) / width).toFixed(2)}%`} />
        <div class="mark" style={at(TARGET_DAYS)} />
        <div class="today" style={at(days)} />
      </div>
      <figcaption>
        <span>
          {said.ordered_on} {shownDay(created, language)}
        </span>
        <span class="key-today drawn">{said.today}</span>
        <span class="key-mark drawn">
          {said.target}: {said.target_mark}
        </span>
      </figcaption>
      <p class="soft note">{said.target_means}</p>
    </figure>
  );
}
