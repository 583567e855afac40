/** The result as it is shown: all of it, in the language of the host, as soon as the host hands that on. */

import { useEffect, useMemo, useState } from "preact/hooks";

import { dataOf, textOf, type Data } from "../shared/answer";
import type { Host, HostState } from "../shared/host-connection";
import type { Language } from "../shared/texts";

export interface Call {
  tool: string;
  input: Data;
}

export interface Shown {
  data: Data;
  /** The language of its sentences. */
  language: Language;
  received: Date;
  /** The call that asks for it again; none if it cannot be told what was asked. */
  call: Call | undefined;
  /** Whether the rest of it is on its way. */
  busy: boolean;
}

const OF_A_STATUS = ["status", "blocked_reason", "cancelled_reason", "api_version", "customer_says"] as const;

/** Show a result, and ask once for what it left out: the short one has no dates that its sentences tell. */
export function useFullerResult(data: Data, state: HostState, host: Host): Shown {
  const [fuller, setFuller] = useState<{ of: Data; data: Data; language: Language }>();
  const [busy, setBusy] = useState(false);
  const call = useMemo(() => callOf(data, state.input), [data, state.input]);
  const asked = languageIn(state.input);
  const wanted = state.language;
  const enough = asked === wanted && (!dataOf(data, "order") || textOf(dataOf(data, "explanation"), "label") !== undefined);
  useEffect(() => {
    if (!call || !state.canCall || enough) return;
    let current = true;
    setBusy(true);
    void host.call(call.tool, { ...call.input, language: wanted, detail: "full" }).then((answer) => {
      if (!current) return;
      if (answer.ok) setFuller({ of: data, data: answer.data, language: wanted });
      setBusy(false);
    });
    return () => {
      current = false;
      setBusy(false);
    };
  }, [call, data, enough, host, state.canCall, wanted]);
  const used = fuller?.of === data && !enough ? fuller : { data, language: asked };
  const received = useMemo(() => new Date(), [used.data]);
  return { data: used.data, language: used.language, received, call, busy };
}

/** The call that this result answers. A host that did not tell the arguments is asked for what a customer may read. */
function callOf(data: Data, input: Data): Call | undefined {
  const told = Object.keys(input).length > 0;
  const audience = textOf(input, "audience") ?? (told ? "agent" : "customer");
  const order = textOf(dataOf(data, "order"), "id") ?? textOf(input, "order_id");
  const says = textOf(input, "customer_says");
  if (order && !says) return { tool: "get_meter_order", input: { order_id: order, audience } };
  if (order) return { tool: "explain_status", input: { order_id: order, customer_says: says, audience } };
  const explanation = dataOf(data, "explanation");
  const same = told ? input : { status: textOf(explanation, "status"), api_version: textOf(data, "api_version") };
  const given = OF_A_STATUS.map((name) => [name, textOf(same, name)] as const).filter(([, value]) => value);
  return given.length > 0 ? { tool: "explain_status", input: { ...Object.fromEntries(given), audience } } : undefined;
}

function languageIn(input: Data): Language {
  return textOf(input, "language") === "de" ? "de" : "en";
}
