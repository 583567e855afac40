/** What stands beside the steps: who does what, what comes next, the appointment, the time that has passed. */

import type { ComponentChildren } from "preact";

import { cut, dataOf, textOf, type Data } from "../shared/answer";
import { dayNumber, isTime, shownMoment, timeOf } from "../shared/dates";
import { filled, type Language } from "../shared/texts";
import texts from "../texts/timeline.json";
import { statusOf } from "./order-steps";
import { confidenceText, factsOf, labelOf, versionOf } from "./status-words";
import { TargetMark } from "./target-mark";

interface Props {
  data: Data;
  language: Language;
  spoken: Language;
}

const SENTENCES = ["customer_action", "operator_action", "next", "escalation"] as const;

export function OrderDetails({ data, language, spoken }: Props) {
  const said = texts[language];
  const explanation = dataOf(data, "explanation");
  const certainty = dataOf(explanation, "confidence_of");
  const timing = textOf(explanation, "timing");
  const sections = SENTENCES.map((name) => {
    const text = textOf(explanation, name);
    const known = textOf(certainty, name);
    return (
      text && (
        <Detail key={name} title={said[name]} tag={known && confidenceText(known, language)}>
          <p lang={spoken}>{text}</p>
        </Detail>
      )
    );
  });
  const [customer, operator, next, escalation] = sections;
  const phase = factsOf(textOf(data, "api_version"), statusOf(data))?.phase;
  const kept = phase === "after_installation" || phase === "over"; // then the appointment is no longer news
  const appointment = <Appointment data={data} language={language} />;
  return (
    <div class="details">
      {!kept && appointment}
      {customer}
      {operator}
      {next}
      {timing && (
        <Detail title={said.time} tag={textOf(certainty, "timing") === "observed" ? said.observed_too : undefined}>
          <p lang={spoken}>{timing}</p>
          <TargetMark data={data} language={language} spoken={spoken} />
        </Detail>
      )}
      {kept && appointment}
      {escalation}
      {!dataOf(data, "order") && <Nearest data={data} language={language} />}
    </div>
  );
}

export function Detail({ title, tag, children }: { title: string; tag?: string | undefined; children: ComponentChildren }) {
  return (
    <section>
      <h2>
        {title} {tag && <span class="tag">{tag}</span>}
      </h2>
      {children}
    </section>
  );
}

function Appointment({ data, language }: Omit<Props, "spoken">) {
  const appointment = textOf(dataOf(data, "order"), "appointment_at");
  if (!appointment) return null;
  const said = texts[language];
  const tag = !isTime(appointment) ? said.unreadable : hasPassed(appointment, new Date()) ? said.passed : undefined;
  return (
    <Detail title={said.appointment} tag={tag}>
      <p class="appointment">{cut(shownMoment(appointment, language))}</p>
    </Detail>
  );
}

/** A day passes when it ends, a time at once. */
function hasPassed(appointment: string, now: Date): boolean {
  const time = timeOf(appointment);
  if (!time) return false;
  return appointment.includes("T") ? time < now : dayNumber(time) < dayNumber(now);
}

/** The nearest statuses of the other API version. The two do not map one to one. */
function Nearest({ data, language }: { data: Data; language: Language }) {
  const name = textOf(data, "api_version");
  const status = statusOf(data);
  const facts = factsOf(name, status);
  const other = versionOf(name).other;
  if (!facts || !status || !other) return null;
  const said = texts[language];
  const same = factsOf(other, status) && facts.nearest.length === 0 ? [status] : facts.nearest;
  return (
    <Detail title={filled(said.nearest, { version: other })} tag={confidenceText("inferred", language)}>
      {same.length === 0 && <p>{said.nearest_none}</p>}
      {same.map((each) => (
        <p key={each}>
          {labelOf(other, each, language)} <code>{each}</code>
        </p>
      ))}
    </Detail>
  );
}
