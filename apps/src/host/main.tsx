/** The page of `nomos-mcp demo --browser`: choose a question, a language and a theme, and see the app. */

import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { RESOURCE_MIME_TYPE } from "@modelcontextprotocol/ext-apps/app-bridge";
import { render } from "preact";

import { languageOf } from "../shared/texts";
import { AppFrame } from "./app-frame";
import { HostPage, type Question } from "./host-page";

async function main(root: HTMLElement): Promise<void> {
  const client = new Client(
    { name: "nomos-mcp demo", version: "1" },
    {
      capabilities: { extensions: { "io.modelcontextprotocol/ui": { mimeTypes: [RESOURCE_MIME_TYPE] } } },
      versionNegotiation: { mode: "auto" },
    },
  );
  await client.connect(new StreamableHTTPClientTransport(new URL("/mcp", location.href)));
  const { tools } = await client.listTools();
  const questions = (await (await fetch("/questions")).json()) as Question[];
  const place = document.createElement("div");
  place.className = "place";
  const language = languageOf(navigator.language);
  const theme = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  const frame = new AppFrame(client, tools, place, {});
  render(<HostPage frame={frame} place={place} questions={questions} language={language} theme={theme} />, root);
}

const root = document.getElementById("root");
if (root) main(root).catch((error: unknown) => (root.textContent = `This page could not start: ${String(error)}`));
