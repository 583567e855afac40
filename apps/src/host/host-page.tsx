import type { McpUiHostContext } from "@modelcontextprotocol/ext-apps/app-bridge";
import { useEffect, useRef, useState } from "preact/hooks";

import type { Language } from "../shared/texts";
import texts from "../texts/host.json";
import type { AppFrame, Input } from "./app-frame";
import "../shared/theme.css";
import "./host-page.css";

type Theme = "light" | "dark";
type Named = Exclude<keyof typeof texts.en, "title" | "demo" | "example" | "orders" | "language" | "theme" | Theme>;

export interface Question {
  /** Names its text; a question without a name is about the order that it `shows`. */
  name?: Named;
  shows?: string;
  tool: string;
  arguments: Input;
}

interface Props {
  frame: AppFrame;
  place: HTMLElement;
  questions: Question[];
  language: Language;
  theme: Theme;
}

export function HostPage({ frame, place, questions, ...initial }: Props) {
  const [chosen, setChosen] = useState(0);
  const [language, setLanguage] = useState(initial.language);
  const [theme, setTheme] = useState(initial.theme);
  const [problem, setProblem] = useState("");
  const holder = useRef<HTMLDivElement>(null);
  const said = texts[language];
  const question = questions[chosen];
  const input = question && inLanguage(question, frame, language);

  useEffect(() => holder.current?.replaceChildren(place), [place]);
  useEffect(() => {
    document.documentElement.lang = language;
    document.documentElement.style.colorScheme = theme;
    frame.setContext(contextOf(language, theme));
  }, [frame, language, theme]);
  useEffect(() => {
    setProblem("");
    if (question && input) frame.ask(question.tool, input).catch((error: unknown) => setProblem(String(error)));
    Object.assign(window, { nomosHost: frame }); // for tests, which ask after the page has asked
  }, [frame, question, language]);

  const option = (each: Question, index: number) => (
    <option key={index} value={index}>
      {each.name ? said[each.name] : each.shows}
    </option>
  );
  return (
    <main class="host">
      <h1>{said.title}</h1>
      <p class="invented">{said.demo}</p>
      <div class="choices">
        <label>
          {said.example}
          <select value={chosen} onChange={(event) => setChosen(Number(event.currentTarget.value))}>
            {questions.map((each, index) => each.name && option(each, index))}
            <optgroup label={said.orders}>{questions.map((each, index) => !each.name && option(each, index))}</optgroup>
          </select>
        </label>
        <label>
          {said.language}
          <select value={language} onChange={(event) => setLanguage(event.currentTarget.value as Language)}>
            <option value="en">English</option>
            <option value="de">Deutsch</option>
          </select>
        </label>
        <label>
          {said.theme}
          <select value={theme} onChange={(event) => setTheme(event.currentTarget.value as Theme)}>
            <option value="light">{said.light}</option>
            <option value="dark">{said.dark}</option>
          </select>
        </label>
      </div>
      <p class="call">
        <code>{question && `${question.tool}(${JSON.stringify(input)})`}</code>
      </p>
      {problem && <p role="alert">{problem}</p>}
      <div ref={holder} />
    </main>
  );
}

/** The arguments of a question, with the language where the tool takes one. */
function inLanguage(question: Question, frame: AppFrame, language: Language): Input {
  const takes = frame.tool(question.tool).inputSchema.properties ?? {};
  return "language" in takes ? { ...question.arguments, language } : question.arguments;
}

function contextOf(language: Language, theme: Theme): McpUiHostContext {
  return {
    theme,
    locale: language === "de" ? "de-DE" : "en-GB",
    timeZone: "Europe/Berlin",
    platform: "web",
    availableDisplayModes: ["inline", "fullscreen"],
  };
}
