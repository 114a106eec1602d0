import type { CommitValues, ValuesReader } from '../dvc/commit-values.ts';
import type { FileValues } from '../dvc/file-values.ts';
import type { Yaml } from '../dvc/yaml-value.ts';
import type { Experiment } from '../experiments/experiment.ts';
import type { Repository } from '../git/repository.ts';
import { HelperError } from '../model/error.ts';
import type { GitOid } from '../model/git.ts';

/** One line of the table: a commit, or the work tree. */
export interface Row {
  /** undefined: the work tree. */
  readonly id: GitOid | undefined;
  /** Of an experiment its name, of a baseline that of its branch or tag; undefined where there is none. */
  readonly name: string | undefined;
  /** Of an experiment; undefined otherwise. */
  readonly ref: string | undefined;
  /** Seconds since 1970; undefined for the work tree, and where the commit is not here. */
  readonly created: number | undefined;
  readonly metrics: ReadonlyMap<string, FileValues>;
  readonly params: ReadonlyMap<string, FileValues>;
  /** False: the commit is not here, or cannot be read. */
  readonly known: boolean;
  /** What could not be read, one line each. */
  readonly problems: readonly string[];
}

/** A baseline with the experiments that were made from it, newest first. */
export interface Group {
  readonly baseline: Row;
  readonly experiments: readonly Row[];
}

export interface Table {
  readonly workspace: Row | undefined;
  /** The commit that is checked out; undefined before the first one. */
  readonly head: GitOid | undefined;
  readonly groups: readonly Group[];
}

export interface WantedGroup {
  readonly baseline: GitOid;
  readonly name: string | undefined;
  readonly experiments: readonly Experiment[];
}

const readAtOnce = 64;
/** Values that are held at once, about a hundred bytes each; those that commits share count once. */
const mostValues = 3_000_000;

/**
 * Reads the commits of all groups, each once. A commit that is not here becomes a row without values. Throws `unsupported`
 * for more values than fit into memory.
 */
export async function readGroups(
  wanted: readonly WantedGroup[],
  repository: Repository,
  values: ValuesReader,
  onRow: () => void,
): Promise<readonly Group[]> {
  const asked = wanted.flatMap(({ baseline, name, experiments }) => [
    { id: baseline, name, ref: undefined },
    ...experiments.map((each) => ({ id: each.id, name: each.name, ref: each.ref as string })),
  ]);
  const rows: Row[] = [];
  const counted = new Set<FileValues>();
  let count = 0;
  for (let at = 0; at < asked.length; at += readAtOnce) {
    const read = asked.slice(at, at + readAtOnce).map(async (each) => {
      const row = await readCommit(each, repository, values);
      onRow();
      return row;
    });
    for (const row of await Promise.all(read)) {
      rows.push(row);
      for (const file of [...row.metrics.values(), ...row.params.values()]) {
        if (counted.has(file)) continue;
        counted.add(file);
        count += file.values.size;
      }
    }
    if (count > mostValues) {
      throw new HelperError('unsupported', `these commits have more than ${mostValues} different values`, {
        hints: ['name fewer experiments, or fewer commits with --rev'],
      });
    }
  }
  let next = 0;
  return wanted.map(({ experiments }) => {
    const [baseline, ...made] = rows.slice(next, next + 1 + experiments.length);
    next += 1 + experiments.length;
    return { baseline: baseline as Row, experiments: made.sort(newestFirst) };
  });
}

/** As DVC orders them: by date, then by ID. */
function newestFirst(one: Row, other: Row): number {
  return (other.created ?? 0) - (one.created ?? 0) || ((one.id ?? '') < (other.id ?? '') ? 1 : -1);
}

async function readCommit(
  { id, name, ref }: { readonly id: GitOid; readonly name: string | undefined; readonly ref: string | undefined },
  repository: Repository,
  reader: ValuesReader,
): Promise<Row> {
  let created: number | undefined;
  try {
    const { tree, committed } = await repository.commit(id);
    created = committed;
    return { id, name, ref, created, known: true, ...byPath(await reader.read(tree)) };
  } catch (error) {
    if (!(error instanceof HelperError) || (error.code !== 'missing' && error.code !== 'corrupt')) throw error;
    const nothing = { metrics: new Map(), params: new Map(), problems: [error.message] };
    return { id, name, ref, created, known: false, ...nothing };
  }
}

/** @param root ID of the work tree's root, as the reader knows it */
export async function readWorkspace(root: GitOid, reader: ValuesReader): Promise<Row> {
  const read = byPath(await reader.read(root));
  return { id: undefined, name: undefined, ref: undefined, created: undefined, known: true, ...read };
}

function byPath({ metrics, params, problems }: CommitValues): Pick<Row, 'metrics' | 'params' | 'problems'> {
  const broken = [...metrics, ...params].flatMap(({ path, lack }) =>
    lack?.kind === 'broken' ? [`'${path}': ${lack.message}`] : [],
  );
  return {
    metrics: new Map(metrics.map((each) => [each.path, each])),
    params: new Map(params.map((each) => [each.path, each])),
    problems: [...problems.map(({ path, message }) => `'${path}': ${message}`), ...broken],
  };
}

/** Every row with the one that its changed cells are told from; undefined: none. */
export function* rowsOf({ workspace, head, groups }: Table): Iterable<readonly [Row, Row | undefined]> {
  if (workspace !== undefined)
    yield [workspace, groups.find(({ baseline }) => baseline.id === head && head !== undefined)?.baseline];
  for (const { baseline, experiments } of groups) {
    yield [baseline, undefined];
    for (const experiment of experiments) yield [experiment, baseline];
  }
}

/** A parameter or metric, which is a column of the table. */
export interface Column {
  readonly kind: 'metrics' | 'params';
  readonly path: string;
  /** Dotted; '' for a file that holds one value alone. */
  readonly key: string;
  /** The key, with the file before it where the key alone would be ambiguous. */
  readonly label: string;
}

export function valueIn(row: Row, { kind, path, key }: Column): Yaml | undefined {
  return row[kind].get(path)?.values.get(key);
}

/** True where a file could not be understood that might have had the value. */
export function isBroken(row: Row, { kind, path }: Column): boolean {
  return row[kind].get(path)?.lack?.kind === 'broken';
}
