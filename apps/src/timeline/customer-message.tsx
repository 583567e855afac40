/** The message that is ready for the customer, in either language, to copy. */

import { useEffect, useRef, useState } from "preact/hooks";

import { dataOf, textOf } from "../shared/answer";
import { Announcement, CopyButton } from "../shared/controls";
import type { Host } from "../shared/host-connection";
import type { Language } from "../shared/texts";
import texts from "../texts/timeline.json";
import type { Shown } from "./fuller-result";
import "./customer-message.css";

const LANGUAGES: readonly [Language, string][] = [
  ["en", "English"],
  ["de", "Deutsch"],
];

interface Props {
  shown: Shown;
  /** The language that the assistant asked for, if it did. */
  asked: string | undefined;
  host: Host;
}

export function CustomerMessage({ shown, asked, host }: Props) {
  const { call, language } = shown;
  const message = textOf(dataOf(shown.data, "explanation"), "customer_message");
  const [wanted, setWanted] = useState(LANGUAGES.find(([each]) => each === asked)?.[0]);
  const [other, setOther] = useState<{ beside: string; language: Language; text: string }>();
  const [told, setTold] = useState("");
  const latest = useRef(message);
  latest.current = message;
  const area = useRef<HTMLQuoteElement | null>(null);
  const said = texts[host.state.language];

  const choose = async (chosen: Language): Promise<void> => {
    setTold("");
    if (message === undefined || chosen === language || (other?.beside === message && other.language === chosen)) {
      setWanted(chosen);
      return;
    }
    setTold(said.message_loading);
    const answer = call
      ? await host.call(call.tool, { ...call.input, audience: "customer", language: chosen })
      : ({ ok: false, message: "" } as const);
    if (latest.current !== message) return; // refreshed meanwhile
    const text = answer.ok ? textOf(dataOf(answer.data, "explanation"), "customer_message") : undefined;
    setTold(text === undefined ? said.message_failed + (answer.ok ? "" : ` ${answer.message}`) : "");
    if (text === undefined) return;
    setOther({ beside: message, language: chosen, text });
    setWanted(chosen);
  };
  useEffect(() => {
    if (wanted && wanted !== language && host.state.canCall) void choose(wanted);
  }, [message, language, host.state.canCall]);

  if (message === undefined) return null;
  const inOther = wanted && wanted !== language && other?.beside === message && other.language === wanted ? other : undefined;
  const present = inOther?.language ?? language;
  const text = inOther?.text ?? message;
  return (
    <section class="message" aria-labelledby="message">
      <div class="bar">
        <h2 id="message">{said.customer_message}</h2>
        <div class="choice" role="group" aria-label={said.message_language}>
          {LANGUAGES.map(([each, name]) => (
            <button key={each} type="button" lang={each} aria-pressed={each === present} onClick={() => choose(each)}>
              {name}
            </button>
          ))}
        </div>
      </div>
      <blockquote ref={area} lang={present} class="said">
        {text}
      </blockquote>
      <div class="bar">
        <CopyButton key={text} host={host} text={text} label={said.copy_message} source={area} />
        <Announcement>{told}</Announcement>
      </div>
    </section>
  );
}
