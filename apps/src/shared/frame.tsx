/** What stands around every app: its states while there is nothing to show, and errors. */

import { render, type ComponentType } from "preact";
import { useLayoutEffect, useState } from "preact/hooks";

import type { Data } from "./answer";
import { HostConnection, type Host, type HostState } from "./host-connection";
import { sharedTexts } from "./texts";
import "./theme.css";

export interface ViewProps {
  /** The structured content of the tool's result. */
  data: Data;
  state: HostState;
  host: Host;
}

/** Connect to the host and show each result in `View`. */
export function start(name: string, View: ComponentType<ViewProps>): void {
  const host = new HostConnection(name);
  document.documentElement.lang = host.state.language;
  const root = document.getElementById("root");
  if (root) render(<Frame host={host} View={View} />, root);
  void host.connect();
}

function Frame({ host, View }: { host: HostConnection; View: ComponentType<ViewProps> }) {
  const [state, setState] = useState(host.state);
  useLayoutEffect(() => {
    setState(host.state);
    return host.subscribe(() => setState(host.state));
  }, [host]);
  const texts = sharedTexts(state.language);
  const { answer, phase } = state;
  if (phase !== "answered" || !answer) {
    return (
      <main class="notice">
        <p role="status">{texts[phase === "answered" ? "waiting" : phase]}</p>
      </main>
    );
  }
  if (!answer.ok) {
    return (
      <main class="notice">
        <div role="alert">
          <h1>{texts.failed}</h1>
          <p class="said" lang={answer.message ? "en" : undefined}>
            {answer.message || texts.no_result}
          </p>
        </div>
      </main>
    );
  }
  return <View data={answer.data} state={state} host={host} />;
}
