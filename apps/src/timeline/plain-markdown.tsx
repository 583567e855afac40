/** The little Markdown of an explained word or error code, as elements: headings, lists, tables, bold and code. */

import { Fragment, type ComponentChildren } from "preact";

const INLINE = /\*\*(.+?)\*\*|`([^`]+)`/g;

export function PlainMarkdown({ text }: { text: string }) {
  return <>{text.trim().split(/\n{2,}|(?<=^#.*)\n/m).map((block, index) => <Fragment key={index}>{shown(block)}</Fragment>)}</>;
}

function shown(block: string): ComponentChildren {
  const lines = block.split("\n").filter(Boolean);
  if (block.startsWith("#")) return <h1>{inline(block.replace(/^#+\s*/, ""))}</h1>;
  if (lines.every((line) => line.startsWith("- "))) {
    return (
      <ul>
        {lines.map((line, index) => (
          <li key={index}>{inline(line.slice(2))}</li>
        ))}
      </ul>
    );
  }
  if (lines.length > 2 && lines.every((line) => line.startsWith("|"))) return table(lines);
  return <p class="said">{inline(block)}</p>;
}

/** A table as a list of its rows: a table does not fit into 320 pixels. */
function table(lines: string[]): ComponentChildren {
  const [, , ...rows] = lines.map((line) => line.split("|").slice(1, -1).map((cell) => cell.trim()));
  return (
    <dl class="words">
      {rows.map(([name, ...cells], index) => (
        <div key={index}>
          <dt>{inline(name ?? "")}</dt>
          {cells.filter(Boolean).map((cell, place) => (
            <dd key={place}>{inline(cell)}</dd>
          ))}
        </div>
      ))}
    </dl>
  );
}

function inline(text: string): ComponentChildren[] {
  const parts: ComponentChildren[] = [];
  let from = 0;
  for (const match of text.matchAll(INLINE)) {
    parts.push(text.slice(from, match.index), match[1] ? <strong>{match[1]}</strong> : <code>{match[2]}</code>);
    from = match.index + match[0].length;
  }
  return [...parts, text.slice(from)];
}
