/**
 * Stands in for `zod/v4` in the apps' bundles (see build.mjs): the part of its interface that ext-apps uses to check what
 * a host sends. A value is returned as it came, with fields that the schema does not name.
 */

type Check = (value: unknown, path: string) => string | undefined;
type Parsed = { success: true; data: unknown } | { success: false; error: Error };

export class Schema {
  constructor(
    /** Returns the first flaw, or nothing. */
    readonly check: Check,
    readonly shape: Record<string, Schema> = {},
    /** Of a literal. */
    readonly value?: unknown,
  ) {}

  describe(_text: string): this {
    return this;
  }

  passthrough(): this {
    return this;
  }

  optional(): Schema {
    return new Schema((value, path) => (value === undefined ? undefined : this.check(value, path)), this.shape);
  }

  and(other: Schema): Schema {
    return new Schema((value, path) => this.check(value, path) ?? other.check(value, path));
  }

  safeParse(value: unknown): Parsed {
    const flaw = this.check(value, "");
    return flaw === undefined ? { success: true, data: value } : { success: false, error: new Error(flaw) };
  }

  parse(value: unknown): unknown {
    const parsed = this.safeParse(value);
    if (!parsed.success) throw parsed.error;
    return parsed.data;
  }
}

const flaw = (path: string, expected: string): string => `${path || "the value"} is not ${expected}`;
const ofType = (type: string): Schema =>
  new Schema((value, path) => (typeof value === type ? undefined : flaw(path, `a ${type}`)));

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function first<T>(items: Iterable<T>, check: (item: T) => string | undefined): string | undefined {
  for (const item of items) {
    const found = check(item);
    if (found !== undefined) return found;
  }
  return undefined;
}

export const z = {
  any: () => new Schema(() => undefined),
  unknown: () => new Schema(() => undefined),
  never: () => new Schema((_, path) => flaw(path, "expected")),
  undefined: () => ofType("undefined"),
  string: () => ofType("string"),
  number: () => ofType("number"),
  boolean: () => ofType("boolean"),
  literal: (wanted: unknown) =>
    new Schema((value, path) => (value === wanted ? undefined : flaw(path, JSON.stringify(wanted))), {}, wanted),
  array: (item: Schema) =>
    new Schema((value, path) =>
      Array.isArray(value)
        ? first(value.entries(), ([index, each]) => item.check(each, `${path}[${index}]`))
        : flaw(path, "a list"),
    ),
  // Keys are not checked: a host may have a style variable that this version of the protocol does not name.
  record: (_key: Schema, item: Schema) =>
    new Schema((value, path) =>
      isRecord(value)
        ? first(Object.entries(value), ([key, each]) => item.check(each, `${path}.${key}`))
        : flaw(path, "an object"),
    ),
  object: (shape: Record<string, Schema>) =>
    new Schema(
      (value, path) =>
        isRecord(value)
          ? first(Object.entries(shape), ([key, each]) => each.check(value[key], path ? `${path}.${key}` : key))
          : flaw(path, "an object"),
      shape,
    ),
  union: (choices: Schema[]) =>
    new Schema((value, path) =>
      choices.some((choice) => choice.check(value, path) === undefined) ? undefined : flaw(path, "any of the known kinds"),
    ),
  config: (_options: unknown): void => undefined,
};
