/** What became of an order, as its operator's own history tells it. */

import { cut, dataOf, listOf, textOf, type Data } from "../shared/answer";
import type { Language } from "../shared/texts";
import texts from "../texts/timeline.json";
import { dateOf, outcomeOf } from "./order-steps";
import { labelOf, versionOf } from "./status-words";
import { DateText } from "./step-list";
import "./order-history.css";

const MOST = 50; // lines; the server sends ten
const MOST_ODD = 20; // the server has thirteen kinds

interface Props {
  data: Data;
  language: Language;
  spoken: Language;
}

export function OrderHistory({ data, language, spoken }: Props) {
  const said = texts[language];
  const entries = listOf(data, "history").slice(0, MOST);
  const missing = textOf(data, "history_missing");
  if (entries.length === 0 && !missing) return null;
  const observed = entries.some((entry) => textOf(entry, "source") === "observed");
  return (
    <section class="history">
      {missing && (
        <p class="soft" lang={spoken}>
          {missing}
        </p>
      )}
      {entries.length > 0 && (
        <details>
          <summary>
            <h2>{said.history}</h2> <span class="soft">({entries.length})</span>
          </summary>
          <ol>
            {entries.map((entry, index) => (
              <li key={index}>
                <What entry={entry} version={textOf(data, "api_version")} language={language} spoken={spoken} />
                <DateText date={dateOf(entry)} language={language} />
              </li>
            ))}
          </ol>
          {observed && <p class="soft note">{said.observed_means}</p>}
        </details>
      )}
    </section>
  );
}

interface WhatProps {
  entry: Data;
  version: string | undefined;
  language: Language;
  spoken: Language;
}

/** A line in words for people, with the API's own beside it. Customers' lines are in such words already. */
function What({ entry, version, language, spoken }: WhatProps) {
  const said = texts[language];
  const outcome = outcomeOf(entry);
  const [status, reason] = outcome.split(": ");
  const first = versionOf(version).path[0];
  const isHold = status === "blocked" && reason !== undefined;
  const label = isHold
    ? said.on_hold
    : outcome === "unblocked"
      ? said.off_hold
      : labelOf(version, status === "created" ? first : status, language);
  if (label) {
    return (
      <p class="step">
        {label} <code>{cut(isHold ? reason : outcome)}</code>
      </p>
    );
  }
  const appointment = /^appointment (.*\d.*)$/.exec(outcome)?.[1];
  return (
    <p class="step" lang={appointment ? undefined : spoken}>
      {cut(appointment ? `${said.appointment}: ${appointment}` : outcome)}
    </p>
  );
}

export function Anomalies({ data, language, spoken }: { data: Data; language: Language; spoken: Language }) {
  const all = dataOf(data, "explanation")?.["anomalies"];
  const odd = Array.isArray(all) ? all.filter((each) => typeof each === "string").slice(0, MOST_ODD) : [];
  if (odd.length === 0) return null;
  return (
    <section class="anomalies">
      <h2>{texts[language].anomalies}</h2>
      <ul lang={spoken}>
        {odd.map((each, index) => (
          <li key={index}>{cut(each, 300)}</li>
        ))}
      </ul>
    </section>
  );
}
