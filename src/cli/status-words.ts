import { shortId } from '../experiments/experiment.ts';
import type { GitOid, RefName } from '../model/git.ts';
import type { Paint } from '../report/color.ts';
import { printable } from '../report/printable.ts';
import { countOf, formatBytes } from '../report/progress.ts';
import type { DataState, Lack } from '../transfer/inspect.ts';
import { type Amount, balanceOf, dataToJson } from './data-words.ts';
import type { Target } from './target.ts';

/** What is known of one commit. */
export interface CommitStatus {
  /** As it was asked for. */
  readonly name: string;
  readonly id: GitOid;
  readonly ref: RefName | undefined;
  readonly data: DataState;
  /** `there`, or in words what the Git remote has instead; undefined: it was not asked. */
  readonly published: string | undefined;
}

const fewLines = 10;

/** All its data is in storage, and where the Git remote was asked it has the commit. */
export function isShared({ data, published = 'there' }: CommitStatus): boolean {
  const { lacks, unknown, problems } = data;
  return published === 'there' && unknown.length === 0 && problems.length === 0 && lacks.every(isThere);
}

function isThere({ asked, there }: Lack): boolean {
  return asked && there !== undefined;
}

interface StatusStyle {
  /** Every object that is missing somewhere, not only some. */
  readonly all: boolean;
  readonly paint: Paint;
  readonly target: Target | undefined;
}

/** A line for each commit, below it what is missing where; at the end what a push or fetch of all would move. */
export function* statusLines(statuses: readonly CommitStatus[], style: StatusStyle): Generator<string> {
  for (const status of statuses) yield* linesOf(status, style);
  if (statuses.length < 2) return;
  const { toPush, toFetch } = balanceOf(lacksOfAll(statuses), true);
  for (const line of moves(toPush, toFetch)) yield `in all, ${line}`;
}

function* linesOf(status: CommitStatus, { all, paint, target }: StatusStyle): Generator<string> {
  const { name, id, data, published } = status;
  const { objects, lacks, unknown, problems } = data;
  const { missingHere, missingThere = 0, toPush, toFetch, lost } = balanceOf(lacks, true);
  const shared = isShared(status);
  const verdict = shared ? 'shared' : problems.length > 0 ? 'not known to be shared' : 'not shared';
  const where = [
    ...(missingThere > 0 ? [`${missingThere} not in storage`] : []),
    ...(missingHere > 0 ? [`${missingHere} not in the cache`] : []),
    ...(lost > 0 ? [`${lost} of them nowhere`] : []),
  ];
  const counts = objects === 0 ? 'no data' : countOf(objects, 'object');
  const head = `${printable(name)} (${paint('id', shortId(id))}): ${paint(shared ? 'good' : 'bad', verdict)}`;
  yield `${head}; ${[counts, ...where].join(', ')}`;
  if (published !== undefined && published !== 'there') yield `    on ${target?.shown}: ${published}`;
  for (const problem of problems) yield `    ${printable(problem)}`;
  for (const path of unknown) yield `    files of '${printable(path)}' are unknown: its listing is nowhere at hand`;
  for (const line of moves(toPush, toFetch)) yield `    ${line}`;
  const shown = all ? lacks : lacks.slice(0, fewLines);
  for (const lack of shown) yield `        ${lineOf(lack)}`;
  if (shown.length < lacks.length) yield `        ... and ${lacks.length - shown.length} more (-v shows all)`;
}

function moves(toPush: Amount, toFetch: Amount): readonly string[] {
  const amount = ({ objects, bytes }: Amount): string => `${countOf(objects, 'object')}, ${formatBytes(bytes)}`;
  return [
    ...(toPush.objects > 0 ? [`a push would send ${amount(toPush)}`] : []),
    ...(toFetch.objects > 0 ? [`a fetch would bring ${amount(toFetch)}`] : []),
  ];
}

function lineOf({ path, key, here, there, asked }: Lack): string {
  const stored = asked && there === undefined;
  const what = here === undefined ? (stored ? 'nowhere' : 'not in cache') : 'not in storage';
  const size = here ?? there;
  const bytes = size === undefined ? '' : `, ${formatBytes(size)}`;
  return `${what.padEnd(14)}  ${printable(path)} (${key}${bytes})`;
}

/** The same object may be missing for several commits, and moves once. */
function lacksOfAll(statuses: readonly CommitStatus[]): readonly Lack[] {
  return [...new Map(statuses.flatMap(({ data }) => data.lacks.map((lack) => [lack.key, lack]))).values()];
}

/** As git-dvcexp(1) describes it under JSON. */
export function statusToJson(statuses: readonly CommitStatus[], gitRemote: string | undefined): unknown {
  const { toPush, toFetch } = balanceOf(lacksOfAll(statuses), true);
  return {
    gitRemote: gitRemote ?? null,
    shared: statuses.every(isShared),
    toPush,
    toFetch,
    commits: statuses.map((status) => ({
      name: status.name,
      id: status.id,
      ref: status.ref ?? null,
      shared: isShared(status),
      onGitRemote: status.published === undefined ? null : status.published === 'there',
      data: dataToJson(status.data),
      missing: status.data.lacks.map(({ path, key, here, there, asked, storage }) => ({
        path,
        object: key,
        inCache: here !== undefined,
        inStorage: asked ? there !== undefined : null,
        bytes: here ?? there ?? null,
        storage,
      })),
    })),
  };
}
