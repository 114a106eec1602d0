// The table of scenarios and transports, for people: one file of counts for each transport, from which the last one that
// ends makes a page.
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Transport, transports } from './scenario.ts';

interface Cell {
  scenarios: number;
  runs: number;
  equal: number;
  accepted: number;
  /** Scenarios that did not come to a good end. */
  failed: number;
}

type Row = Record<string, Cell>;

const folder = join(import.meta.dirname, '..', '..', '.cache');
const emptyCell = (): Cell => ({ scenarios: 0, runs: 0, equal: 0, accepted: 0, failed: 0 });

function sum(cells: readonly Cell[]): Cell {
  const total = emptyCell();
  for (const cell of cells) {
    for (const key of Object.keys(total) as (keyof Cell)[]) total[key] += cell[key];
  }
  return total;
}

function shown({ scenarios, runs, equal, accepted, failed }: Cell): string {
  if (scenarios === 0) return '';
  const compared = `${scenarios}: ${equal} of ${runs} equal`;
  return [
    compared,
    ...(accepted > 0 ? [`${accepted} accepted`] : []),
    ...(failed > 0 ? [`**${failed} failed**`] : []),
  ].join(', ');
}

function page(rows: ReadonlyMap<string, Row>): string {
  const names = transports.filter((transport) => rows.has(transport));
  const themes = [...new Set(names.flatMap((name) => Object.keys(rows.get(name) ?? {})))];
  const cellsOf = (theme: string): readonly Cell[] => names.map((name) => rows.get(name)?.[theme] ?? emptyCell());
  const line = (first: string, cells: readonly Cell[]): string =>
    `| ${[first, ...cells.map(shown), shown(sum(cells))].join(' | ')} |`;
  const totals = names.map((name) => sum(Object.values(rows.get(name) ?? {})));
  return [
    `| | ${[...names, 'all'].join(' | ')} |`,
    `|${' --- |'.repeat(names.length + 2)}`,
    ...themes.map((theme) => line(theme, cellsOf(theme))),
    line('all', totals),
    '',
  ].join('\n');
}

export interface Table {
  began(theme: string): void;
  /** What came of it. Runs that are compared with nothing are not counted. */
  ended(theme: string, played: { readonly runs: number; readonly accepted: number }): void;
  /** Writes the counts of this transport, and the page of all whose counts are there. */
  close(): void;
}

export function openTable(transport: Transport): Table {
  const row: Row = {};
  const cellOf = (theme: string): Cell => {
    row[theme] ??= emptyCell();
    return row[theme];
  };
  return {
    began: (theme) => {
      const cell = cellOf(theme);
      cell.scenarios += 1;
      cell.failed += 1;
    },
    ended: (theme, { runs, accepted }) => {
      const cell = cellOf(theme);
      cell.failed -= 1;
      cell.runs += runs;
      cell.equal += runs - accepted;
      cell.accepted += accepted;
    },
    close: () => {
      const counts = join(folder, 'differential');
      mkdirSync(counts, { recursive: true });
      writeFileSync(join(counts, `${transport}.json`), JSON.stringify(row));
      const rows = readdirSync(counts).map((name): [string, Row] => [
        name.replace('.json', ''),
        JSON.parse(readFileSync(join(counts, name), 'utf8')) as Row,
      ]);
      const text = page(new Map(rows));
      writeFileSync(join(folder, 'differential.md'), text);
      const total = sum(Object.values(row));
      console.log(`# ${transport}: ${shown(total)}`);
    },
  };
}
