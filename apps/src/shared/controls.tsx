/** Buttons that every app has. What they did is announced to screen readers. */

import type { ComponentChildren, RefObject } from "preact";
import { useRef, useState } from "preact/hooks";

import type { Answer, Data } from "./answer";
import type { Host } from "./host-connection";
import { sharedTexts } from "./texts";

/** Says what a button did; a screen reader reads it out. */
export function Announcement({ children }: { children?: ComponentChildren }) {
  return (
    <p class="announcement" role="status" aria-live="polite">
      {children}
    </p>
  );
}

interface CopyProps {
  text: string;
  label: string;
  host: Host;
  /** Where the text is shown: it is selected there if the frame may not copy it. */
  source: RefObject<HTMLElement | null>;
}

/** Copies a text, and selects nothing that the reader had not selected, unless copying is not allowed. */
export function CopyButton({ text, label, host, source }: CopyProps) {
  const [said, setSaid] = useState("");
  const texts = sharedTexts(host.state.language);
  const copy = async (): Promise<void> => {
    const done = await copied(text);
    if (!done && source.current) getSelection()?.selectAllChildren(source.current);
    setSaid(done ? texts.copied : texts.copy_failed);
  };
  return (
    <span class="control">
      <button type="button" onClick={copy}>
        {label}
      </button>
      <Announcement>{said}</Announcement>
    </span>
  );
}

/** Calls a tool again and shows its answer; an error is told beside the button, and what was shown stays. */
export function RefreshButton({ tool, input, host }: { tool: string; input: Data; host: Host }) {
  const [said, setSaid] = useState("");
  const busy = useRef(false);
  const texts = sharedTexts(host.state.language);
  const refresh = async (): Promise<void> => {
    if (busy.current) return;
    busy.current = true;
    setSaid(texts.refreshing);
    const shown = host.state.answer;
    const answer: Answer = await host.call(tool, input);
    busy.current = false;
    if (host.state.answer !== shown) return setSaid(""); // the assistant has sent something newer
    if (answer.ok) host.show(answer, input);
    setSaid(answer.ok ? texts.refreshed : answer.message || texts.no_result);
  };
  return (
    <span class="control">
      <button type="button" onClick={refresh} aria-disabled={!host.state.canCall} title={host.state.canCall ? undefined : texts.cannot_call}>
        {texts.refresh}
      </button>
      <Announcement>{said}</Announcement>
    </span>
  );
}

export function FullscreenButton({ host }: { host: Host }) {
  const { canFullscreen, fullscreen, language } = host.state;
  if (!canFullscreen) return null;
  const texts = sharedTexts(language);
  return (
    <button type="button" onClick={() => host.setFullscreen(!fullscreen)}>
      {fullscreen ? texts.inline : texts.fullscreen}
    </button>
  );
}

async function copied(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copiedByCommand(text); // a sandboxed frame may have no permission for the clipboard
  }
}

function copiedByCommand(text: string): boolean {
  const focused = document.activeElement;
  const area = document.createElement("textarea");
  area.value = text;
  area.setAttribute("aria-hidden", "true");
  area.className = "off-screen";
  document.body.append(area);
  area.select();
  try {
    return document.execCommand("copy");
  } catch {
    return false;
  } finally {
    area.remove();
    if (focused instanceof HTMLElement) focused.focus();
  }
}
