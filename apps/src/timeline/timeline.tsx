/** One order, or one status: its steps, what holds it up, whose turn it is and what to say. */

import "./timeline.css"; // first, so that the parts' own styles come after it
import { cut, dataOf, textOf, type Data } from "../shared/answer";
import { FullscreenButton, RefreshButton } from "../shared/controls";
import { shownMoment } from "../shared/dates";
import type { ViewProps } from "../shared/frame";
import type { Host } from "../shared/host-connection";
import { filled, sharedTexts, type Language } from "../shared/texts";
import texts from "../texts/timeline.json";
import { CustomerMessage } from "./customer-message";
import { useFullerResult, type Shown } from "./fuller-result";
import { OrderDetails } from "./order-details";
import { Anomalies, OrderHistory } from "./order-history";
import { statusOf, stepsOf } from "./order-steps";
import { PlainMarkdown } from "./plain-markdown";
import { confidenceText, labelOf, turnText } from "./status-words";
import { Hold, holdOf, StepList } from "./step-list";

/** Characters; three times what the glossary has. */
const MAX_GLOSSARY = 10_000;

export function Timeline({ data: result, state, host }: ViewProps) {
  const shown = useFullerResult(result, state, host);
  const { data, language: spoken } = shown;
  const { language } = state;
  const text = textOf(data, "text", MAX_GLOSSARY);
  if (text !== undefined) {
    return (
      <main class="timeline plain" lang={spoken} aria-busy={shown.busy}>
        <PlainMarkdown text={text} />
      </main>
    );
  }
  if (!dataOf(data, "order") && !dataOf(data, "explanation")) {
    return (
      <main class="notice">
        <p role="alert">{sharedTexts(language).no_result}</p>
      </main>
    );
  }
  const steps = stepsOf(data, spoken);
  const hold = holdOf(data);
  const view = { data, language, spoken };
  return (
    <main class="timeline" aria-busy={shown.busy}>
      <Head shown={shown} host={host} />
      <Anomalies {...view} />
      <div class="columns">
        <div class="column">
          {hold && !steps.some(({ place }) => place === "present") && <Hold alone hold={hold} {...view} />}
          {steps.length > 0 && <StepList steps={steps} {...view} />}
        </div>
        <OrderDetails {...view} />
      </div>
      <CustomerMessage shown={shown} asked={textOf(state.input, "language")} host={host} />
      <OrderHistory {...view} />
    </main>
  );
}

function Head({ shown, host }: { shown: Shown; host: Host }) {
  const { data, language: spoken, call, received } = shown;
  const { language } = host.state;
  const said = texts[language];
  const order = dataOf(data, "order");
  const explanation = dataOf(data, "explanation");
  const status = statusOf(data);
  const known = labelOf(textOf(data, "api_version"), status, language);
  const label = known ?? (order || !holdOf(data) ? status : said.on_hold);
  const id = textOf(order, "id");
  return (
    <header>
      <p class="over">
        {order ? said.title : said.status_title}
        <code>{cut((order ? id : status) ?? "")}</code>
      </p>
      <h1>{cut(label ?? said.title)}</h1>
      <Turn data={data} language={language} />
      <p class="meaning" lang={spoken}>
        {textOf(explanation, "meaning")}
      </p>
      <div class="bar received">
        {order && <span class="soft">{filled(said.received, { moment: shownMoment(received.toISOString(), language) })}</span>}
        {order && call && (
          <RefreshButton host={host} tool={call.tool} input={{ ...call.input, language, detail: "full" }} />
        )}
        <FullscreenButton host={host} />
      </div>
    </header>
  );
}

function Turn({ data, language }: { data: Data; language: Language }) {
  const said = texts[language];
  const explanation = dataOf(data, "explanation");
  const waitingOn = textOf(explanation, "waiting_on");
  const confidence = textOf(explanation, "confidence");
  const reason = textOf(dataOf(data, "order"), "cancelled_reason");
  const acts = waitingOn !== undefined && waitingOn !== "nobody";
  return (
    <p class="chips">
      {holdOf(data) && <span class="chip held">{said.on_hold}</span>}
      {acts && (
        <span class="chip turn">
          <span class="visually-hidden">{said.whose_turn}: </span>
          <span class="first">{cut(turnText(waitingOn, language))}</span>
        </span>
      )}
      {acts && confidence === "inferred" && <span class="tag">{confidenceText(confidence, language)}</span>}
      {reason && (
        <span class="chip">
          {said.reason}: <code>{cut(reason)}</code>
        </span>
      )}
    </p>
  );
}
