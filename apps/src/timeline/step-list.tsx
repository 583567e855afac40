/** The steps of an order as a list, with what holds it up on top of the step that it is in. */

import type { ComponentChildren } from "preact";

import { cut, dataOf, textOf, type Data } from "../shared/answer";
import { isTime, shownDay } from "../shared/dates";
import { filled, type Language } from "../shared/texts";
import texts from "../texts/timeline.json";
import { statusOf, type Step, type StepDate } from "./order-steps";
import { labelOf, turnText } from "./status-words";
import "./step-list.css";

interface Shown {
  data: Data;
  language: Language;
  /** The language of the result's sentences. */
  spoken: Language;
}

export function StepList({ steps, ...shown }: Shown & { steps: Step[] }) {
  const { data, language } = shown;
  const said = texts[language];
  const isOrder = dataOf(data, "order") !== undefined;
  const hold = holdOf(data);
  const outcome = textOf(dataOf(data, "explanation"), "outcome") ?? "open";
  return (
    <section class="steps" aria-labelledby="steps">
      <h2 id="steps">{isOrder ? said.steps : said.path}</h2>
      {statusOf(data) === undefined && <p class="soft note">{said.no_status}</p>}
      <ol>
        {steps.map(({ status, place, beside, placedByDate, date }) => {
          const present = place === "present";
          return (
            <li key={status} class={present ? `present ${hold ? "held" : outcome}` : place} aria-current={present && "step"}>
              <p class="step">
                {labelOf(textOf(data, "api_version"), status, language) ?? cut(status)}
                {place && <span class="visually-hidden"> ({present && !isOrder ? said.asked : said[place]})</span>}
              </p>
              {date && <DateText date={date} {...shown} />}
              {beside && <p class="soft note">{placedByDate ? said.place_not_known : said.beside_path}</p>}
              {present && hold && <Hold hold={hold} {...shown} />}
            </li>
          );
        })}
      </ol>
    </section>
  );
}

/** What holds an order up: the result's words, and the order's own fields beside them. */
export function holdOf(data: Data): Data | undefined {
  const { blocked_reason: reason, blocked_at: since } = dataOf(data, "order") ?? {};
  const explanation = dataOf(data, "explanation");
  const explained = dataOf(explanation, "blocked");
  if (explained) return { reason, since, ...explained };
  return !explanation && (reason || since) ? { reason, since } : undefined; // explained without a block, it has none
}

/** `alone` where no step is there to lie on. */
export function Hold({ hold, alone, data, language, spoken }: Shown & { hold: Data; alone?: boolean }) {
  const Title = alone ? "h2" : "h3";
  const said = texts[language];
  const reason = textOf(hold, "reason");
  const since = textOf(hold, "since");
  const turn = textOf(dataOf(data, "explanation"), "waiting_on");
  return (
    <div class="hold">
      <Title>{said.on_hold}</Title>
      <p lang={spoken}>{textOf(hold, "meaning")}</p>
      <dl>
        {reason && reason !== statusOf(data) && (
          <Fact name={said.reason}>
            <code>{cut(reason)}</code>
          </Fact>
        )}
        {since && (
          <Fact name={said.since}>
            <span lang={spoken}>{cut(shownDay(since, language))}</span>
          </Fact>
        )}
        {turn && (
          <Fact name={said.whose_turn}>
            <span class="first">{cut(turnText(turn, language))}</span>
          </Fact>
        )}
      </dl>
    </div>
  );
}

function Fact({ name, children }: { name: string; children: ComponentChildren }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

/** A date that is known, or the two looks between which something was observed. */
export function DateText({ date, language }: { date: StepDate; language: Language }) {
  const said = texts[language];
  const { time, when, after, by, observed } = date;
  const words = when ?? (after ? filled(said.between, { after, by: by ?? "…" }) : by && filled(said.until, { by }));
  return (
    <p class="date">
      {cut((time ? shownDay(time, language) : words) ?? "")}
      {observed && ` (${said.observed})`}
      {time && !isTime(time) && " "}
      {time && !isTime(time) && <span class="tag odd">{said.unreadable}</span>}
    </p>
  );
}
