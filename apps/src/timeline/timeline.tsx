import { dataOf, textOf } from "../shared/answer";
import { CopyButton, RefreshButton } from "../shared/controls";
import type { ViewProps } from "../shared/frame";
import { sharedTexts } from "../shared/texts";
import texts from "../texts/timeline.json";
import vocabulary from "../texts/vocabulary.json";
import "./timeline.css";

type Version = keyof typeof vocabulary.versions;

export function Timeline({ data, state, host }: ViewProps) {
  const said = texts[state.language];
  const words = vocabulary[state.language];
  const order = dataOf(data, "order");
  const explanation = dataOf(data, "explanation");
  const status = textOf(order, "status") ?? textOf(explanation, "status") ?? "";
  const version = textOf(data, "api_version") as Version;
  const path = vocabulary.versions[version]?.path ?? [];
  const labels: Record<string, string> = words.labels[version] ?? {};
  const turn = textOf(explanation, "waiting_on") ?? "unknown";
  const message = textOf(explanation, "customer_message");
  const id = textOf(order, "id");
  return (
    <main class="timeline">
      <header>
        <h1>{said.title}</h1>
        {id && <p class="soft">{id}</p>}
      </header>
      <p class="turn">
        {said.whose_turn}: {(words.waiting_on as Record<string, string>)[turn] ?? turn}
      </p>
      <p lang={textOf(state.input, "language") ?? "en"}>{textOf(explanation, "meaning")}</p>
      <ol aria-label={said.steps}>
        {path.map((step) => (
          <li key={step} aria-current={step === status ? "step" : undefined}>
            {labels[step] ?? step}
          </li>
        ))}
      </ol>
      {!path.includes(status) && <p>{labels[status] ?? status}</p>}
      <footer>
        {message && <CopyButton host={host} text={message} label={sharedTexts(state.language).copy} />}
        {id && <RefreshButton host={host} tool="get_meter_order" input={{ ...state.input, order_id: id }} />}
      </footer>
    </main>
  );
}
