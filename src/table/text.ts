import { shortId } from '../experiments/experiment.ts';
import type { Paint } from '../report/color.ts';
import { printable } from '../report/printable.ts';
import { numberOf } from './columns.ts';
import { isChanged, type Looks, localTime, nameOfBaseline, textIn } from './format.ts';
import { type Column, type Row, rowsOf, type Table, valueIn } from './rows.ts';

/** Characters of a value that a terminal shows. */
const longestCell = 40;
const gap = '  ';

interface Cell {
  readonly text: string;
  readonly changed: boolean;
}

interface Line {
  readonly title: string;
  /** Of an experiment its ID; '' for all else. */
  readonly id: string;
  readonly created: string;
  readonly cells: readonly Cell[];
}

/**
 * The table as lines for a terminal, as long as they are. A changed cell has a `*` behind it.
 *
 * @param columns to show
 */
export function textLines(table: Table, columns: readonly Column[], looks: Looks, paint: Paint): readonly string[] {
  const lines = linesOf(table, columns, looks);
  const rows = [...rowsOf(table)].map(([row]) => row);
  const heads = ['Experiment', 'Created', ...columns.map(({ label }) => printable(label))];
  const right = columns.map((column) => rows.every((row) => isNumberOrNothing(row, column)));
  const widths = heads.map((head, index) =>
    lines.reduce((most, line) => Math.max(most, widthOf(shownIn(line, index))), widthOf(head)),
  );
  const pad = (text: string, index: number, shown: string, marks: boolean): string => {
    const blanks = ' '.repeat(Math.max(0, (widths[index] ?? 0) - widthOf(text)));
    // The mark of a change stands in a column of its own, so that digits stay below each other.
    if (right[index - 2] === true) return `${blanks}${shown}${marks ? '' : ' '}`;
    return `${shown}${marks ? '' : ' '}${blanks}`;
  };
  const header = heads.map((head, index) => pad(head, index, paint('heading', head), index < 2)).join(gap);
  return [
    header.trimEnd(),
    ...lines.map((line) => {
      const title = pad(line.title, 0, paintTitle(line, paint), true);
      const created = pad(line.created, 1, paint('dim', line.created), true);
      const cells = line.cells.map(({ text, changed }, index) => {
        const shown = changed ? paint('changed', `${text}*`) : text;
        return pad(text, index + 2, shown, changed);
      });
      return [title, created, ...cells].join(gap).trimEnd();
    }),
  ];
}

/** The table as GitHub's Markdown. */
export function markdownLines(table: Table, columns: readonly Column[], looks: Looks): readonly string[] {
  const lines = linesOf(table, columns, looks);
  const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  const rows = [...rowsOf(table)].map(([each]) => each);
  const rules = columns.map((column) => (rows.every((each) => isNumberOrNothing(each, column)) ? '--:' : '---'));
  return [
    row(['Experiment', 'Created', ...columns.map(({ label }) => escapeMarkdown(printable(label)))]),
    `|${['---', '---', ...rules].join('|')}|`,
    ...lines.map(({ title, created, cells }) => {
      const shown = cells.map(({ text, changed }) => (changed ? `**${escapeMarkdown(text)}**` : escapeMarkdown(text)));
      return row([escapeMarkdown(title), created, ...shown]);
    }),
  ];
}

function escapeMarkdown(text: string): string {
  return text.replace(/[\\`*_{}[\]<>#|~&]/g, (mark) => (mark === '&' ? '&amp;' : mark === '<' ? '&lt;' : `\\${mark}`));
}

function linesOf(table: Table, columns: readonly Column[], looks: Looks): readonly Line[] {
  const lastOnes = new Set(table.groups.map(({ experiments }) => experiments.at(-1)));
  return [...rowsOf(table)].map(([row, from]) => {
    const id = row.ref === undefined ? '' : shortId(row.id ?? '');
    const title = printable(titleOf(row));
    const branch = row.ref === undefined ? '' : lastOnes.has(row) ? '└── ' : '├── ';
    return {
      title: id === '' ? title : `${branch}${id} [${title}]`,
      id,
      created: localTime(row.created, looks.empty),
      cells: columns.map((column) => ({
        text: shorten(printable(textIn(row, column, looks))),
        changed: isChanged(row, from, column),
      })),
    };
  });
}

function titleOf(row: Row): string {
  if (row.id === undefined) return 'workspace';
  return row.ref === undefined ? nameOfBaseline(row) : (row.name ?? '');
}

function paintTitle({ title, id }: Line, paint: Paint): string {
  if (id === '') return paint('heading', title);
  const at = title.indexOf(id);
  return `${title.slice(0, at)}${paint('id', id)}${title.slice(at + id.length)}`;
}

function shownIn(line: Line, index: number): string {
  if (index === 0) return line.title;
  return index === 1 ? line.created : (line.cells[index - 2]?.text ?? '');
}

function isNumberOrNothing(row: Row, column: Column): boolean {
  const value = valueIn(row, column);
  return value === undefined || value === null || numberOf(value) !== undefined;
}

function shorten(text: string): string {
  const letters = [...text];
  return letters.length <= longestCell ? text : `${letters.slice(0, longestCell - 1).join('')}…`;
}

const noWidth = /^[\p{Mn}\p{Me}\p{Cf}]$/u;
const doubleWidth =
  /^[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]$/u;

/** Columns of a terminal that a text takes. */
export function widthOf(text: string): number {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: printable ASCII is what this looks for
  if (/^[\u0000-\u007f]*$/.test(text)) return text.length;
  let width = 0;
  for (const letter of text) width += noWidth.test(letter) ? 0 : doubleWidth.test(letter) ? 2 : 1;
  return width;
}

/** A line that is too wide for the terminal, cut at its edge. Colours are told from text, and end with it. */
export function cutLine(line: string, columns: number): string {
  if (widthOf(withoutColors(line)) <= columns) return line;
  let width = 0;
  let cut = '';
  for (const part of line.split(colorCode)) {
    if (colorCode.test(part)) {
      cut += part;
      continue;
    }
    for (const letter of part) {
      width += widthOf(letter);
      if (width >= columns) return `${cut}${colorCode.test(cut) ? colorEnd : ''}…`;
      cut += letter;
    }
  }
  return cut;
}

const colorEnd = '\u001b[m';
// biome-ignore lint/suspicious/noControlCharactersInRegex: colours begin with one
const colorCode = /(\u001b\[[\d;]*m)/;

function withoutColors(line: string): string {
  return line
    .split(colorCode)
    .filter((part) => !colorCode.test(part))
    .join('');
}

/** The widest line, colours not counted. */
export function widestOf(table: readonly string[]): number {
  return table.reduce((most, line) => Math.max(most, widthOf(withoutColors(line))), 0);
}
