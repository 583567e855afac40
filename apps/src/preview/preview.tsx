/** The app of one order to be: what would be ordered, or what came of it. It orders nothing and holds no call that could. */

import { dataOf, isData, own, textOf, type Data } from "../shared/answer";
import type { ViewProps } from "../shared/frame";
import { filled, sharedTexts, type Language } from "../shared/texts";
import preview from "../texts/preview.json";
import vocabulary from "../texts/vocabulary.json";
import "./preview.css";

type PreviewTexts = typeof preview.en;
/** Outcomes, and how each looks. The words for them have the same names in the texts. */
const OUTCOMES = {
  confirmation_required: "info",
  ordered: "success",
  already_ordered: "info",
  declined: "neutral",
  refused: "danger",
  outcome_unknown: "warning",
} as const;

export function Preview({ data: result, state }: ViewProps) {
  const texts = preview[state.language];
  // The code is a yes. It is for the assistant that asks a person, so nothing here shows it, in no field.
  const data = withoutCode(result, textOf(result, "confirmation_code")) as Data;
  const outcome = textOf(data, "outcome") ?? "";
  const known = Object.hasOwn(OUTCOMES, outcome) ? (outcome as keyof typeof OUTCOMES) : undefined;
  const said = (name: string): string => textOf(data, name) ?? "";
  const asked = dataOf(data, "preview");
  // Nomos may answer with an interest only, which is no order.
  const interest = outcome === "ordered" ? interestIn(data, state.language) : undefined;
  const changed = textOf(data, "reason") === "changed";
  if (!outcome) {
    return (
      <main class="notice">
        <h1>{texts.title}</h1>
        <p role="alert">{sharedTexts(state.language).no_result}</p>
      </main>
    );
  }
  return (
    <main class="preview">
      <header>
        <h1>{texts.title}</h1>
        <p class={`outcome ${interest || !known ? "warning" : OUTCOMES[known]}`} role="status">
          {interest ?? (known ? texts[known] : filled(texts.other, { outcome }))}
        </p>
      </header>
      <p>{known && !interest && (changed ? texts.changed_text : texts[`${known}_text`])}</p>
      {asked && <Asked asked={asked} texts={texts} unknown={sharedTexts(state.language).not_known} />}
      <Order data={data} texts={texts} language={state.language} />
      {known !== "confirmation_required" && (
        <section>
          <h2>{texts.details}</h2>
          <p lang="en">{said("message")}</p>
          {said("next") && <p lang="en">{said("next")}</p>}
        </section>
      )}
      {textOf(data, "made_by") === "unknown" && <p>{texts.lost_answer}</p>}
      <Facts
        rows={[
          [texts.reason, changed ? "" : said("reason")],
          [texts.request_id, said("request_id")],
        ]}
      />
    </main>
  );
}

interface AskedProps {
  asked: Data;
  texts: PreviewTexts;
  unknown: string;
}

function Asked({ asked, texts, unknown }: AskedProps) {
  const said = (name: string): string => textOf(asked, name) ?? "";
  const word = (name: string, prefix: string): string => {
    const key = `${prefix}_${said(name)}`;
    return Object.hasOwn(texts, key) ? texts[key as keyof PreviewTexts] : unknown;
  };
  return (
    <>
      <section>
        <h2>{texts.what}</h2>
        <Facts
          rows={[
            [texts.product, said("product") === "smart meter" ? texts.smart_meter : said("product")],
            [texts.plan, said("plan"), true],
            [texts.meter_type, word("meter_type", "meter")],
          ]}
        />
      </section>
      <section>
        <h2>{texts.for_whom}</h2>
        <Facts
          rows={[
            [texts.subscription, said("subscription"), true],
            [texts.subscription_status, word("subscription_status", "status")],
            [texts.customer, said("customer"), true],
            [texts.host, said("host"), true],
          ]}
        />
      </section>
      <section class="warning">
        <h2>{texts.warning}</h2>
        <ul>
          <li>{texts.physical}</li>
          <li>{texts.once}</li>
          {said("warning") && <li lang="en">{said("warning")}</li>}
          {said("plan_note") && (
            <li>
              {texts.plan_note}: <span lang="en">{said("plan_note")}</span>
            </li>
          )}
        </ul>
      </section>
    </>
  );
}

/** The order that exists: which one, and where it stands. */
function Order({ data, texts, language }: { data: Data; texts: PreviewTexts; language: Language }) {
  const order = dataOf(data, "order");
  if (!order) return null;
  const { status, label } = statusIn(data, language);
  return (
    <section>
      <h2>{texts.order}</h2>
      <Facts
        rows={[
          [texts.order, textOf(order, "id") ?? "", true],
          [texts.status, label ?? status],
          [texts.subscription, textOf(order, "subscription") ?? "", true],
          [texts.customer, textOf(order, "customer") ?? "", true],
        ]}
      />
      <p lang="en">{textOf(dataOf(data, "explanation"), "meaning")}</p>
    </section>
  );
}

interface Status {
  status: string;
  label: string | undefined;
  phase: string | undefined;
}

function statusIn(data: Data, language: Language): Status {
  const status = textOf(dataOf(data, "order"), "status") ?? "";
  const version = textOf(data, "api_version") ?? "";
  const labels: Record<string, Record<string, string>> = vocabulary[language].labels;
  const versions: Record<string, { statuses: Record<string, { phase: string }> }> = vocabulary.versions;
  return { status, label: own(own(labels, version), status), phase: own(own(versions, version)?.statuses, status)?.phase };
}

function interestIn(data: Data, language: Language): string | undefined {
  const { label, phase } = statusIn(data, language);
  return phase === "before_order" ? label : undefined;
}

function Facts({ rows }: { rows: [name: string, value: string, isId?: boolean][] }) {
  const told = rows.filter(([, value]) => value);
  if (told.length === 0) return null;
  return (
    <dl>
      {told.map(([name, value, isId]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd class={isId ? "id" : undefined}>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

function withoutCode(value: unknown, code: string | undefined): unknown {
  if (!code) return value;
  if (typeof value === "string") return value.replaceAll(code, "…");
  if (!isData(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, withoutCode(each, code)]));
}
