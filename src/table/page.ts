import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { shortId } from '../experiments/experiment.ts';
import { HelperError } from '../model/error.ts';
import { printable } from '../report/printable.ts';
import { numberOf } from './columns.ts';
import { isChanged, isoTime, nameOfBaseline, textIn } from './format.ts';
import type { PageData, PageRow } from './page-data.ts';
import { type Column, type Row, rowsOf, type Table, valueIn } from './rows.ts';

/** What a page runs and looks like. */
export interface PageAssets {
  readonly script: string;
  readonly style: string;
}

/** Reads both from the folder where they were built. Throws `config` when the installation lacks them. */
export async function readPageAssets(folder: string | undefined): Promise<PageAssets> {
  try {
    const [script, style] = await Promise.all(
      ['show.js', 'show.css'].map((name) => readFile(join(folder ?? '', name), 'utf8')),
    );
    return { script: script ?? '', style: style ?? '' };
  } catch (error) {
    throw new HelperError('config', 'this installation lacks what pages are made of', {
      hints: ['install git-remote-dvcexp again'],
      cause: error,
    });
  }
}

/** The table as the program of a page takes it. */
export function pageDataOf(
  table: Table,
  columns: readonly Column[],
  { title, made, precision }: Pick<PageData, 'title' | 'precision'> & { readonly made: Date },
): PageData {
  const rows = [...rowsOf(table)];
  return {
    title: printable(title),
    made: made.toISOString(),
    precision,
    columns: columns.map((column) => ({
      label: printable(column.label),
      kind: column.kind,
      numeric: rows.every(([row]) => isFiniteOrNothing(row, column)),
    })),
    rows: rows.map(([row, from]) => rowOf(row, from, columns)),
  };
}

function rowOf(row: Row, from: Row | undefined, columns: readonly Column[]): PageRow {
  const kind = row.id === undefined ? 'workspace' : row.ref === undefined ? 'baseline' : 'experiment';
  const group = kind === 'experiment' ? from : row;
  return {
    kind,
    name: printable(kind === 'workspace' ? kind : kind === 'baseline' ? nameOfBaseline(row) : (row.name ?? '')),
    id: row.id === undefined ? '' : shortId(row.id),
    group: group === undefined || group.id === undefined ? '' : printable(nameOfBaseline(group)),
    created: isoTime(row.created) ?? '',
    cells: columns.map((column) => printable(textIn(row, column, { precision: undefined, empty: '' })) || null),
    changed: columns.flatMap((column, index) => (isChanged(row, from, column) ? [index] : [])),
  };
}

function isFiniteOrNothing(row: Row, column: Column): boolean {
  const value = valueIn(row, column);
  return value === undefined || value === null || numberOf(value) !== undefined;
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (mark) => entities[mark] ?? '');
}

/** JSON that nothing in an HTML document can take for its own: no mark of it is left. */
function embeddable(data: PageData): string {
  return JSON.stringify(data).replace(
    /[<>&\u2028\u2029]/g,
    (mark) => `\\u${mark.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/**
 * One file with all it needs. What strangers named is in a block of JSON alone and in the title; the page's policy lets
 * nothing run but our own script, and nothing be loaded (CSP 3, hash sources; Trusted Types).
 */
export function pageOf(data: PageData, { script, style }: PageAssets): string {
  if (/<\/(?:script|style)/i.test(script + style)) throw new HelperError('config', 'what pages are made of is damaged');
  const hash = (text: string): string => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
  const policy = [
    "default-src 'none'",
    `script-src ${hash(script)}`,
    `style-src ${hash(style)}`,
    "base-uri 'none'",
    "form-action 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ].join('; ');
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="referrer" content="no-referrer">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${escapeHtml(data.title)}</title>
<style>${style}</style>
</head>
<body>
<noscript>This page draws its table with a script.</noscript>
<script type="application/json" id="data">${embeddable(data)}</script>
<script>${script}</script>
</body>
</html>
`;
}
