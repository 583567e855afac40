// Builds each app into one self-contained HTML file in nomos_mcp/apps. The same sources give the same bytes.
import { mkdir, readFile, readdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

import * as esbuild from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const out = join(here, "..", "nomos_mcp", "apps");
const MAX_BYTES = 150_000;

// ext-apps takes its JSON-RPC from the MCP client package and its checks from zod: together 600 KB, of which an app uses a
// few functions and which no bundler can shake off. The apps get those few functions from src/slim; the host page, which
// is only for looking at the apps, has the real packages.
const SLIM = {
  "@modelcontextprotocol/client": join(here, "src/slim/protocol.ts"),
  "@modelcontextprotocol/core": join(here, "src/slim/messages.ts"),
  "zod/v4": join(here, "src/slim/schema.ts"),
};
// An app reaches nothing, whatever its host allows.
const APP_CSP = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:";
const PAGES = {
  timeline: { title: "Smart meter order", alias: SLIM, csp: APP_CSP, maxBytes: MAX_BYTES },
  board: { title: "Smart meter orders", alias: SLIM, csp: APP_CSP, maxBytes: MAX_BYTES },
  preview: { title: "Smart meter order to confirm", alias: SLIM, csp: APP_CSP, maxBytes: MAX_BYTES },
  host: { title: "nomos-mcp demo", alias: {} },
};

// zod's entry names the messages of 50 languages, none of which is ever shown.
const oneLocale = {
  name: "one-locale",
  setup(build) {
    const contents = 'export { default as en } from "./en.js";';
    build.onLoad({ filter: /zod\/v4\/locales\/index\.js$/ }, ({ path }) => ({ contents, resolveDir: dirname(path) }));
  },
};

async function build(name, page) {
  const result = await esbuild.build({
    absWorkingDir: here,
    entryPoints: [`src/${name}/main.tsx`],
    outdir: "unused",
    bundle: true,
    minify: true,
    write: false,
    metafile: true,
    format: "esm",
    target: "es2022",
    charset: "utf8",
    pure: ["console.debug"], // the transport writes each message to the console, and results with it
    legalComments: "none", // THIRD_PARTY_LICENSES.txt has them
    jsx: "automatic",
    jsxImportSource: "preact",
    alias: page.alias,
    plugins: [oneLocale],
    logLevel: "warning",
  });
  const text = (end) => result.outputFiles.find((file) => file.path.endsWith(end))?.text.trim() ?? "";
  const csp = page.csp ? `<meta http-equiv="Content-Security-Policy" content="${page.csp}">` : "";
  const html = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">${csp || '<link rel="icon" href="data:,">'}
<title>${page.title}</title>
<style>${text(".css")}</style>
</head>
<body>
<div id="root"></div>
<script type="module">${text(".js")}</script>
</body>
</html>
`;
  const bytes = Buffer.byteLength(html);
  if (page.maxBytes && bytes > page.maxBytes) throw new Error(`${name}.html has ${bytes} bytes, over ${page.maxBytes}`);
  await writeFile(join(out, `${name}.html`), html);
  console.log(`${name}.html: ${bytes} bytes`);
  return Object.keys(result.metafile.inputs);
}

/** The package that a bundled file belongs to, if it is not ours. */
function packageOf(path) {
  return /^node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1];
}

async function licenseOf(name) {
  const folder = join(here, "node_modules", name);
  const { version, license } = JSON.parse(await readFile(join(folder, "package.json"), "utf8"));
  const file = (await readdir(folder)).find((each) => /^licen[cs]e/i.test(each));
  const text = file ? await readFile(join(folder, file), "utf8") : "";
  return `${name} ${version} (${license})\n\n${text.trim()}\n`;
}

await mkdir(out, { recursive: true });
const inputs = (await Promise.all(Object.entries(PAGES).map(([name, page]) => build(name, page)))).flat();
const packages = [...new Set(inputs.map(packageOf).filter(Boolean))].sort();
const licenses = await Promise.all(packages.map(licenseOf));
await writeFile(join(out, "THIRD_PARTY_LICENSES.txt"), licenses.join(`\n${"-".repeat(80)}\n\n`));
