import { shortId } from '../experiments/experiment.ts';
import { cellText } from './cell-text.ts';
import { sameValue } from './columns.ts';
import { type Column, isBroken, type Row, valueIn } from './rows.ts';

/** How values become text. */
export interface Looks {
  /** Significant digits of floating-point numbers; undefined: all. */
  readonly precision: number | undefined;
  /** Stands where there is no value. */
  readonly empty: string;
}

/** Stands where a file could not be understood. */
const brokenMark = '!';

/** The text of a cell, not yet safe to print. */
export function textIn(row: Row, column: Column, { precision, empty }: Looks): string {
  const value = valueIn(row, column);
  if (value !== undefined && value !== null) return cellText(value, precision);
  return isBroken(row, column) ? brokenMark : empty;
}

/** True for a value that the row to compare with has not; false when there is none to compare with. */
export function isChanged(row: Row, from: Row | undefined, column: Column): boolean {
  if (from === undefined || !from.known || !row.known) return false;
  if (isBroken(row, column) || isBroken(from, column)) return false;
  return !sameValue(valueIn(row, column) ?? null, valueIn(from, column) ?? null);
}

/** What a baseline is called: its branch or tag, else the beginning of its ID. */
export function nameOfBaseline({ id, name }: Row): string {
  return name ?? shortId(id ?? '');
}

const two = (number: number): string => String(number).padStart(2, '0');

/** `2024-01-31 23:59`, by the clock of this machine. */
export function localTime(seconds: number | undefined, empty: string): string {
  if (seconds === undefined) return empty;
  const date = new Date(seconds * 1000);
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}`;
}

/** `2024-01-31T23:59:59Z`; undefined where there is no time. */
export function isoTime(seconds: number | undefined): string | undefined {
  return seconds === undefined ? undefined : new Date(seconds * 1000).toISOString().replace('.000Z', 'Z');
}
