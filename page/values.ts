import type { PageColumn, PageData, PageRow } from '../src/table/page-data.ts';

/** Number of a cell; undefined where there is none, or not a finite one. */
export function numberIn(row: PageRow, column: number): number | undefined {
  const text = row.cells[column] ?? null;
  if (text === null) return undefined;
  const number = Number(text);
  return Number.isFinite(number) ? number : undefined;
}

/** What a cell shows: fractions rounded, all else as it is. */
export function shownIn(row: PageRow, column: number, { columns, precision }: PageData): string {
  const text = row.cells[column] ?? '';
  const number = columns[column]?.numeric === true ? Number(text) : Number.NaN;
  if (text === '' || !Number.isFinite(number) || /^-?\d+$/.test(text)) return text;
  return shorten(number, precision);
}

export function shorten(number: number, precision: number): string {
  return String(Number(number.toPrecision(precision)));
}

/** Where values stand on an axis, from 0 to 1. */
export interface Scale {
  /** undefined: no value there. */
  place(row: PageRow): number | undefined;
  readonly ticks: readonly { readonly at: number; readonly text: string }[];
  /** Steps are factors and not differences. */
  readonly log: boolean;
}

/** Values that differ a thousandfold show nothing on a scale of equal steps. */
const logFrom = 1000;
const mostNames = 12;

export function scaleOf(column: number, rows: readonly PageRow[], { columns }: PageData): Scale {
  return columns[column]?.numeric === true ? numberScale(column, rows) : nameScale(column, rows);
}

function numberScale(column: number, rows: readonly PageRow[]): Scale {
  const numbers = rows.flatMap((row) => numberIn(row, column) ?? []);
  const [least, most] = numbers.reduce(
    ([low, high], each) => [Math.min(low, each), Math.max(high, each)],
    [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY],
  );
  if (numbers.length === 0) return { place: () => undefined, ticks: [], log: false };
  const log = least > 0 && most / least >= logFrom;
  const turn = (number: number): number => (log ? Math.log10(number) : number);
  const [low, high] = [turn(least), turn(most)];
  const at = (number: number): number => (high === low ? 0.5 : (turn(number) - low) / (high - low));
  const steps = least === most ? [least] : ticksBetween(low, high, log);
  return {
    place(row) {
      const number = numberIn(row, column);
      return number === undefined ? undefined : at(number);
    },
    ticks: steps.map((step) => ({ at: at(step), text: shorten(step, 4) })),
    log,
  };
}

/** Round numbers, about five, and the ends where they are none. */
function ticksBetween(low: number, high: number, log: boolean): readonly number[] {
  if (log) {
    const powers: number[] = [];
    const step = Math.max(1, Math.ceil((high - low) / 6));
    for (let power = Math.ceil(low - 1e-9); power <= high + 1e-9; power += step) powers.push(10 ** power);
    return powers.length > 1 ? powers : [10 ** low, 10 ** high];
  }
  const rough = (high - low) / 5;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((each) => each >= rough) ?? rough;
  const ticks: number[] = [];
  for (let index = Math.ceil(low / step - 1e-9); index * step <= high + step * 1e-9 && ticks.length < 20; index += 1)
    ticks.push(index * step);
  return ticks;
}

function nameScale(column: number, rows: readonly PageRow[]): Scale {
  const names = [...new Set(rows.flatMap((row) => row.cells[column] ?? []))].sort(byName);
  const places = new Map(names.map((name, index) => [name, names.length === 1 ? 0.5 : index / (names.length - 1)]));
  const every = Math.ceil(names.length / mostNames);
  return {
    place: (row) => places.get(row.cells[column] ?? ''),
    ticks: names
      .filter((_name, index) => index % every === 0)
      .map((name) => ({ at: places.get(name) ?? 0, text: name })),
    log: false,
  };
}

export function byName(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0;
}

/** Columns that tell rows apart. */
export function varyingColumns({ columns, rows }: PageData): readonly number[] {
  return columns.flatMap((_column, index) => (new Set(rows.map((row) => row.cells[index])).size > 1 ? [index] : []));
}

type Test = (row: PageRow) => boolean;

/**
 * What a line of filter lets through: words that a row has somewhere, and `column>1`, `column<=2`, `column=adam`, `column!=x`.
 * All of them must hold.
 */
export function filterOf(text: string, { columns }: PageData): Test {
  const tests = text
    .trim()
    .split(/\s+/)
    .filter((word) => word !== '')
    .map((word) => termOf(word, columns));
  return (row) => tests.every((test) => test(row));
}

function termOf(word: string, columns: readonly PageColumn[]): Test {
  const [, label = '', sign = '', wanted = ''] = /^(.*?)(<=|>=|!=|=|<|>)(.*)$/.exec(word) ?? [];
  const column = columns.findIndex((each) => each.label === label);
  if (sign !== '' && column >= 0 && wanted !== '') return comparison(column, sign, wanted);
  const part = word.toLowerCase();
  return ({ name, id, group, cells }) =>
    [name, id, group, ...cells].some((each) => each?.toLowerCase().includes(part) === true);
}

function comparison(column: number, sign: string, wanted: string): Test {
  const limit = Number(wanted);
  const equal: Test = (row) => row.cells[column] === wanted || numberIn(row, column) === limit;
  if (sign === '=') return equal;
  if (sign === '!=') return (row) => !equal(row);
  return (row) => {
    const number = numberIn(row, column);
    if (number === undefined || Number.isNaN(limit)) return false;
    if (sign === '<') return number < limit;
    if (sign === '<=') return number <= limit;
    return sign === '>' ? number > limit : number >= limit;
  };
}
