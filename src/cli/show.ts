import { writeFile } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import { readLocalRefs } from '../experiments/local-refs.ts';
import { HelperError } from '../model/error.ts';
import type { Operation } from '../model/operation.ts';
import { plainPaint } from '../report/color.ts';
import { printable } from '../report/printable.ts';
import { chooseColumns, columnsOf, findColumn, sortTable } from '../table/columns.ts';
import { csvLines } from '../table/csv.ts';
import type { Looks } from '../table/format.ts';
import { tableToJson } from '../table/json.ts';
import { type Column, rowsOf, type Table } from '../table/rows.ts';
import { cutLine, markdownLines, textLines, widestOf } from '../table/text.ts';
import { word } from './commands.ts';
import type { CommandContext } from './context.ts';
import { refuseBoth } from './options.ts';
import { openOutput } from './output.ts';
import { type CommandRepository, requireRepository } from './repository.ts';
import { type GroupOptions, wantedGroups } from './show-groups.ts';
import { readTable } from './show-table.ts';

export interface ShowOptions extends GroupOptions {
  readonly 'hide-workspace': boolean;
  readonly 'param-deps': boolean;
  readonly 'only-changed': boolean;
  readonly drop: readonly string[];
  readonly keep: readonly string[];
  readonly 'sort-by': string | undefined;
  readonly 'sort-order': 'asc' | 'desc';
  readonly precision: number | undefined;
  readonly md: boolean;
  readonly csv: boolean;
  readonly json: boolean;
  readonly html: string | undefined;
  readonly 'no-pager': boolean;
  /** Nothing is told but errors. */
  readonly quiet: boolean;
  /** All that could not be read is told. */
  readonly verbose: boolean;
}

/** Significant digits of a table, as DVC has them. */
const usualPrecision = 5;

/** `git dvcexp show [<experiment>...]`. Exit code 0, also when there is nothing to show. */
export async function showCommand(
  options: ShowOptions,
  outside: CommandContext,
  operation: Operation,
): Promise<number> {
  const { md, csv, json, html } = options;
  refuseBoth({ '--md': md, '--csv': csv, '--json': json, '--html': html !== undefined });
  if (json) refuseForJson(options);
  const env = options['no-pager'] ? { ...outside.env, GIT_PAGER: 'cat' } : outside.env;
  const context = { ...outside, env };
  const repository = await requireRepository(context, operation);
  const refs = await readLocalRefs(repository.git);
  const wanted = await wantedGroups(options, refs, repository.git);
  const withWorkspace = !options['hide-workspace'] && options.experiment.length === 0;
  const read = await readTable(
    wanted,
    refs.head,
    withWorkspace,
    { stagesOnly: options['param-deps'], quiet: options.quiet },
    repository,
    context,
    operation,
  );
  const all = columnsOf(read);
  const columns = chooseColumns(all, read, { ...options, onlyChanged: options['only-changed'] });
  const sorting = options['sort-by'];
  const table =
    sorting === undefined ? read : sortTable(read, findColumn(sorting, all), options['sort-order'] === 'desc');
  if (!options.quiet) tellProblems(table, options.verbose ? Number.POSITIVE_INFINITY : mostTold, context);
  const precision = options.precision ?? (csv ? undefined : usualPrecision);
  const looks: Looks = { precision, empty: csv ? '' : '-' };
  if (html !== undefined) {
    await writePage(html, table, columns, precision ?? usualPrecision, repository, context);
    return 0;
  }
  if (json) {
    context.stdout(`${tableToJson(table)}\n`);
    return 0;
  }
  if (csv || md) {
    const lines = csv ? csvLines(table, columns, looks) : markdownLines(table, columns, looks);
    context.stdout(`${lines.join(csv ? '\r\n' : '\n')}${csv ? '\r\n' : '\n'}`);
    return 0;
  }
  await writeText(table, columns, looks, repository, context, operation);
  return 0;
}

async function writeText(
  table: Table,
  columns: readonly Column[],
  looks: Looks,
  repository: CommandRepository,
  context: CommandContext,
  operation: Operation,
): Promise<void> {
  if (table.workspace === undefined && table.groups.length === 0) return;
  const width = context.stdoutTerminal ? context.columns : undefined;
  const wide = width !== undefined && widestOf(textLines(table, columns, looks, plainPaint)) > width;
  const output = await openOutput(repository, context, operation, wide);
  try {
    for (const line of textLines(table, columns, looks, output.paint))
      output.line(width === undefined || output.paged ? line : cutLine(line, width));
  } finally {
    await output.close();
  }
}

/** Options that choose columns or round numbers, which JSON has not. */
function refuseForJson({ drop, keep, precision, 'only-changed': onlyChanged }: ShowOptions): void {
  if (drop.length === 0 && keep.length === 0 && !onlyChanged && precision === undefined) return;
  throw new HelperError('usage', "'--json' is the whole of the files: no columns are left out, no numbers rounded", {
    hints: ['choose by what reads it, such as jq'],
  });
}

const mostTold = 10;

/** What could not be read, and what the cache lacks, on stderr. */
function tellProblems(table: Table, most: number, { stderr }: CommandContext): void {
  const told = new Set<string>();
  const uncached = new Set<string>();
  for (const [row] of rowsOf(table)) {
    const title = row.name ?? row.id?.slice(0, 7) ?? 'workspace';
    for (const problem of row.problems) told.add(`warning: ${printable(title)}: ${printable(problem)}\n`);
    const lacks = [...row.metrics.values(), ...row.params.values()];
    if (row.id !== undefined && lacks.some(({ lack }) => lack?.kind === 'uncached')) uncached.add(row.ref ?? row.id);
  }
  for (const line of [...told].slice(0, most)) stderr(line);
  if (told.size > most) stderr(`warning: and ${told.size - most} more (-v tells all)\n`);
  if (uncached.size === 0) return;
  const few = uncached.size <= 3 ? [...uncached].map(word).join(' ') : '<revision>...';
  stderr(`hint: the cache lacks files of ${uncached.size} of these commits; to bring them: git dvcexp fetch ${few}\n`);
}

async function writePage(
  file: string,
  table: Table,
  columns: readonly Column[],
  precision: number,
  { location }: CommandRepository,
  context: CommandContext,
): Promise<void> {
  const { pageDataOf, pageOf, readPageAssets } = await import('../table/page.ts');
  const assets = await readPageAssets(context.pageAssets);
  const title = basename(location.workTree ?? location.gitDirectory);
  const page = pageOf(pageDataOf(table, columns, { title, made: new Date(), precision }), assets);
  if (file === '-') {
    context.stdout(page);
    return;
  }
  try {
    await writeFile(resolve(context.cwd, file), page);
  } catch (error) {
    const { code = 'unknown error' } = error as NodeJS.ErrnoException;
    throw new HelperError('io', `cannot write '${printable(file)}': ${code}`, { cause: error });
  }
}
