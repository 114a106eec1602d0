import { shortId } from '../experiments/experiment.ts';
import { fixedHeadings } from './columns.ts';
import { isoTime, type Looks, nameOfBaseline, textIn } from './format.ts';
import { type Column, rowsOf, type Table } from './rows.ts';

/**
 * The table as lines of CSV (RFC 4180), with DVC's first columns; `parent` is the `rev` of the baseline. Values are those of
 * strangers: a program that takes cells for formulas has to be told not to.
 */
export function csvLines(table: Table, columns: readonly Column[], looks: Looks): readonly string[] {
  const lastOnes = new Set(table.groups.map(({ experiments }) => experiments.at(-1)));
  const lines = [[...fixedHeadings, ...columns.map(({ label }) => label)]];
  for (const [row, from] of rowsOf(table)) {
    const isExperiment = row.ref !== undefined;
    const rev = row.id === undefined ? 'workspace' : isExperiment ? shortId(row.id) : nameOfBaseline(row);
    const type = isExperiment ? (lastOnes.has(row) ? 'branch_base' : 'branch_commit') : 'baseline';
    const parent = isExperiment && from !== undefined ? nameOfBaseline(from) : '';
    const fixed = [isExperiment ? (row.name ?? '') : '', rev, type, isoTime(row.created) ?? '', parent];
    lines.push([...fixed, ...columns.map((column) => textIn(row, column, looks))]);
  }
  return lines.map((cells) => cells.map(quote).join(','));
}

function quote(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
