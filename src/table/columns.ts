import { formatNumber, isYamlList, isYamlMap, type Yaml } from '../dvc/yaml-value.ts';
import { nearest } from '../experiments/nearest.ts';
import { HelperError } from '../model/error.ts';
import { printable } from '../report/printable.ts';
import { type Column, type Row, rowsOf, type Table, valueIn } from './rows.ts';

/** Headings that every table has, in DVC's words. */
export const fixedHeadings: readonly string[] = ['Experiment', 'rev', 'typ', 'Created', 'parent'];

/** Metrics, then parameters, in the order in which the rows bring them. Labelled as DVC does. */
export function columnsOf(table: Table): readonly Column[] {
  const found = { metrics: new Map<string, Set<string>>(), params: new Map<string, Set<string>>() };
  for (const [row] of rowsOf(table)) {
    for (const kind of ['metrics', 'params'] as const) {
      for (const { path, values } of row[kind].values()) {
        if (values.size === 0) continue;
        const keys = found[kind].get(path) ?? new Set<string>();
        found[kind].set(path, keys);
        for (const key of values.keys()) keys.add(key);
      }
    }
  }
  const times = new Map(fixedHeadings.concat('State', 'Executor').map((heading) => [heading, 1]));
  const count = (key: string): void => void times.set(key, (times.get(key) ?? 0) + 1);
  for (const keys of [...found.metrics.values(), ...found.params.values()]) for (const key of keys) count(key);
  return (['metrics', 'params'] as const).flatMap((kind) =>
    [...found[kind]].flatMap(([path, keys]) =>
      [...keys].map((key) => ({ kind, path, key, label: labelOf(path, key, times.get(key) ?? 0) })),
    ),
  );
}

function labelOf(path: string, key: string, times: number): string {
  if (key === '') return path;
  return times === 1 ? key : `${path}:${key}`;
}

export interface ColumnChoice {
  /** Only columns whose values differ somewhere. */
  readonly onlyChanged: boolean;
  /** Regular expressions that match the beginning of a label. */
  readonly drop: readonly string[];
  readonly keep: readonly string[];
}

/** The columns to show. `keep` wins over what the others leave out, as with DVC. Throws `usage` for a bad expression. */
export function chooseColumns(
  columns: readonly Column[],
  table: Table,
  { onlyChanged, drop, keep }: ColumnChoice,
): readonly Column[] {
  const kept = matcher('--keep', keep);
  const dropped = matcher('--drop', drop);
  const rows = [...rowsOf(table)].map(([row]) => row);
  return columns.filter((column) => {
    if (kept(column.label)) return true;
    return !dropped(column.label) && !(onlyChanged && isConstant(column, rows));
  });
}

function matcher(option: string, patterns: readonly string[]): (label: string) => boolean {
  const expressions = patterns.map((pattern) => {
    try {
      return new RegExp(`^(?:${pattern})`, 'u');
    } catch {
      throw new HelperError('usage', `'${option} ${printable(pattern)}' is no regular expression`);
    }
  });
  return (label) => expressions.some((expression) => expression.test(label));
}

function isConstant(column: Column, rows: readonly Row[]): boolean {
  const [first, ...others] = rows.map((row) => valueIn(row, column));
  return others.every((value) => sameValue(first, value));
}

/** 1 and 1.0 are the same. */
export function sameValue(one: Yaml | undefined, other: Yaml | undefined): boolean {
  if (one === other) return true;
  if (one === undefined || other === undefined) return false;
  const [a, b] = [numberOf(one), numberOf(other)];
  if (a !== undefined && b !== undefined && Number.isFinite(a) && Number.isFinite(b)) return a === b;
  return fingerprint(one) === fingerprint(other);
}

function fingerprint(value: Yaml): string {
  return JSON.stringify(value, (_key, each: unknown) => (each instanceof Map ? [...each] : each));
}

/** The number that a value is; undefined for all else. */
export function numberOf(value: Yaml | undefined): number | undefined {
  if (value === null || typeof value !== 'object' || isYamlMap(value) || isYamlList(value)) return undefined;
  const text = formatNumber(value);
  if (/^-?inf$/.test(text)) return text === 'inf' ? Infinity : -Infinity;
  return text === 'nan' ? Number.NaN : Number(text);
}

/** The column that a word names: a label, a key, `<file>:<key>` or `:<key>`. Throws `usage` for none and for several. */
export function findColumn(word: string, columns: readonly Column[]): Column {
  const key = word.startsWith(':') ? word.slice(1) : word;
  const full = columns.filter((each) => `${each.path}:${each.key}` === word || each.label === word);
  const matches = full.length > 0 ? full : columns.filter((each) => each.key === key);
  const [first, ...more] = matches;
  if (first !== undefined && more.length === 0) return first;
  if (first === undefined) {
    const labels = columns.map(({ label }) => label);
    const [similar] = nearest(word, labels);
    throw new HelperError('usage', `there is no column '${printable(word)}' to sort by`, {
      hints: similar === undefined ? [] : [`did you mean '${printable(similar)}'?`],
    });
  }
  throw new HelperError('usage', `'${printable(word)}' is in ${matches.length} columns`, {
    hints: ['name one of them:', ...matches.map(({ path, key: each }) => `    ${printable(`${path}:${each}`)}`)],
  });
}

/** The experiments of each baseline by a column; those without a value last, equal ones in the order they had. */
export function sortTable(table: Table, column: Column, descending: boolean): Table {
  const order = (one: Row, other: Row): number =>
    compareValues(valueIn(one, column), valueIn(other, column), descending ? -1 : 1);
  return {
    ...table,
    groups: table.groups.map(({ baseline, experiments }) => ({
      baseline,
      experiments: [...experiments].sort(order),
    })),
  };
}

/** Numbers before text. */
function compareValues(one: Yaml | undefined, other: Yaml | undefined, direction: 1 | -1): number {
  const empty = (value: Yaml | undefined): boolean => value === undefined || value === null;
  if (empty(one) || empty(other)) return Number(empty(one)) - Number(empty(other));
  const [a, b] = [numberOf(one), numberOf(other)];
  const isNumber = (value: number | undefined): value is number => value !== undefined && !Number.isNaN(value);
  if (isNumber(a) && isNumber(b)) return (a - b) * direction || 0;
  if (isNumber(a) || isNumber(b)) return isNumber(a) ? -1 : 1;
  const [x, y] = [fingerprint(one ?? null), fingerprint(other ?? null)];
  return x === y ? 0 : (x < y ? -1 : 1) * direction;
}
