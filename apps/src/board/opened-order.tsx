/** One order of the board: its timeline, loaded through the host, and the way back. */

import { useEffect, useMemo, useRef, useState } from "preact/hooks";

import { cut, type Answer, type Data } from "../shared/answer";
import type { ViewProps } from "../shared/frame";
import type { Host } from "../shared/host-connection";
import { filled, sharedTexts } from "../shared/texts";
import { Timeline } from "../timeline/timeline";
import type { Words } from "./words";

interface OpenedOrderProps extends ViewProps {
  id: string;
  words: Words;
  onClose(): void;
}

export function OpenedOrder({ id, state, host, words, onClose }: OpenedOrderProps) {
  const { texts } = words;
  const [loaded, setLoaded] = useState<{ answer: Answer; input: Data }>();
  const answer = loaded?.answer;
  const back = useRef<HTMLButtonElement>(null);
  useEffect(() => back.current?.focus(), [id]);
  useEffect(() => {
    if (!state.canCall) return;
    let left = false;
    // All of it, in the host's language: the timeline would ask for that next.
    const input = { order_id: id, language: state.language, detail: "full" };
    void host.call("get_meter_order", input).then((answer) => !left && setLoaded({ answer, input }));
    return () => {
      left = true;
    };
  }, [id, state.canCall]);
  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      if (event.key === "Escape") onClose();
    };
    document.addEventListener("keydown", onKey);
    return () => document.removeEventListener("keydown", onKey);
  });
  const own = useMemo(() => ({ ...state, input: loaded?.input ?? {} }), [state, loaded]);
  // What the timeline refreshes is shown here, and leaves the board as it is.
  const inside: Host = {
    state: own,
    call: (tool, arguments_) => host.call(tool, arguments_),
    show: (answer, input) => setLoaded({ answer, input }),
    setFullscreen: (wanted) => host.setFullscreen(wanted),
  };
  return (
    <>
      <nav class="back">
        <button type="button" ref={back} onClick={onClose}>
          <span aria-hidden="true">← </span>
          {texts.back}
        </button>
      </nav>
      {answer?.ok ? (
        <Timeline data={answer.data} state={own} host={inside} />
      ) : (
        <main class="notice">
          <h1>{cut(id)}</h1>
          {!state.canCall ? (
            <p role="status">{filled(texts.ask_for, { id: cut(id) })}</p>
          ) : !answer ? (
            <p role="status">{texts.opening}</p>
          ) : (
            <div role="alert">
              <p>{texts.not_opened}</p>
              <p class="said">{answer.message || sharedTexts(state.language).no_result}</p>
            </div>
          )}
        </main>
      )}
    </>
  );
}
