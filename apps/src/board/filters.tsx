/** Which of the loaded orders are shown. */

import { filled } from "../shared/texts";
import type { Order } from "./order";
import type { Words } from "./words";

export interface Filter {
  status: string;
  reason: string;
  overdue: boolean;
  odd: boolean;
}

export const NO_FILTERS: Filter = { status: "", reason: "", overdue: false, odd: false };

export function matches(order: Order, { status, reason, overdue, odd }: Filter): boolean {
  return (
    (!status || order.status === status) &&
    (!reason || order.hold === reason) &&
    (!overdue || order.overdue) &&
    (!odd || order.anomalies.length > 0)
  );
}

interface FiltersProps {
  orders: Order[];
  filters: Filter;
  onChange(filters: Filter): void;
  words: Words;
}

export function Filters({ orders, filters, onChange, words }: FiltersProps) {
  const { texts } = words;
  const overdue = orders.filter((order) => order.overdue).length;
  const odd = orders.filter((order) => order.anomalies.length > 0).length;
  const isSet = Object.values(filters).some(Boolean);
  return (
    <div class="filters" role="group" aria-label={texts.filters}>
      <Choice
        label={texts.status}
        value={filters.status}
        found={counted(orders, ({ status }) => status)}
        name={(status) => words.status(status)}
        onChange={(status) => onChange({ ...filters, status })}
        words={words}
      />
      <Choice
        label={texts.reason}
        value={filters.reason}
        found={counted(orders, ({ hold }) => hold)}
        name={(reason) => words.reason(reason)}
        onChange={(reason) => onChange({ ...filters, reason })}
        words={words}
      />
      <Toggle label={texts.past_target} count={overdue} on={filters.overdue} onChange={(on) => onChange({ ...filters, overdue: on })} words={words} />
      <Toggle label={texts.odd} count={odd} on={filters.odd} onChange={(on) => onChange({ ...filters, odd: on })} words={words} />
      <button type="button" class="show-all" aria-disabled={!isSet} onClick={() => onChange(NO_FILTERS)}>
        {texts.show_all}
      </button>
    </div>
  );
}

interface ChoiceProps {
  label: string;
  value: string;
  found: Map<string, number>;
  name(value: string): string;
  onChange(value: string): void;
  words: Words;
}

function Choice({ label, value, found, name, onChange, words }: ChoiceProps) {
  if (found.size === 0) return null;
  return (
    <label>
      <span>{label}</span>
      <select value={value} onChange={(event) => onChange(event.currentTarget.value)}>
        <option value="">{words.texts.any}</option>
        {[...found].map(([each, count]) => (
          <option key={each} value={each}>
            {`${name(each)} (${words.number(count)})`}
          </option>
        ))}
      </select>
    </label>
  );
}

function Toggle({ label, count, on, onChange, words }: { label: string; count: number; on: boolean; onChange(on: boolean): void; words: Words }) {
  if (count === 0) return null;
  return (
    <button type="button" class="toggle" aria-pressed={on} onClick={() => onChange(!on)}>
      {filled("{count} {label}", { count: words.number(count), label })}
    </button>
  );
}

/** How many orders have each value, the most frequent first. */
function counted(orders: Order[], of: (order: Order) => string | undefined): Map<string, number> {
  const found = new Map<string, number>();
  for (const order of orders) {
    const value = of(order);
    if (value) found.set(value, (found.get(value) ?? 0) + 1);
  }
  return new Map([...found].sort(([, one], [, other]) => other - one));
}
