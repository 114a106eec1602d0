import { HelperError } from '../model/error.ts';
import { type GitOid, type ObjectReader, parseGitOid, type TreeEntry } from '../model/git.ts';
import { type Environment, type RunningProcess, runGit, startGit } from './process.ts';

export interface Commit {
  readonly tree: GitOid;
  readonly parents: readonly GitOid[];
  /** Seconds since 1970 that its committer's clock said; undefined when the commit does not tell. */
  readonly committed: number | undefined;
}

/** Read-only view of this repository's objects. Git itself reads them: see docs/decisions on isomorphic-git. */
export interface Repository extends ObjectReader {
  /** The commit that a revision names, tags peeled; undefined when it names none or something else. */
  resolve(revision: string): Promise<GitOid | undefined>;
  /** Throws `missing` when it is not there. */
  commit(oid: GitOid): Promise<Commit>;
  /**
   * Commits reachable from `tips` and from none of `known`, with their parents as rev-list sees them (none beyond a
   * shallow boundary). IDs of `known` that are not here are no help and no error.
   */
  newCommits(
    tips: readonly GitOid[],
    known: readonly GitOid[],
  ): Promise<ReadonlyMap<GitOid, { readonly parents: readonly GitOid[] }>>;
  /** Ends the Git processes behind this. Safe to call twice. */
  close(): Promise<void>;
}

export interface RepositoryOptions {
  readonly cwd: string;
  readonly env: Environment;
  readonly signal: AbortSignal;
}

interface Answer {
  readonly oid: string;
  readonly type: string;
  readonly bytes: Buffer;
}

/** A blob bigger than this is no metafile of DVC; reading it whole would only cost memory. */
const largestBlob = 64 * 1024 * 1024;
const keptTrees = 50_000;
/** An answer repeats the question when there is no such object, and a question is part of one line of Git's: 1 MiB. */
const longestHeader = 2 * 1024 * 1024;

export function openRepository(options: RepositoryOptions): Repository {
  let batch: Batch | undefined;
  const ask = (name: string): Promise<Answer | undefined> => {
    batch ??= openBatch(options);
    return batch.ask(name);
  };
  const require = async (name: string, type: string): Promise<Answer> => {
    const answer = await ask(name);
    if (answer?.type === type) return answer;
    throw new HelperError('missing', `Git object ${name} is not in this repository`, {
      hints: ['a shallow or partial clone may lack it: git fetch --unshallow'],
    });
  };
  const trees = new Map<GitOid, Promise<readonly TreeEntry[]>>();
  return {
    async resolve(revision) {
      if (/[\s\0]/.test(revision)) return undefined;
      const answer = await ask(`${revision}^{commit}`);
      return answer?.type === 'commit' ? parseGitOid(answer.oid) : undefined;
    },
    async commit(oid) {
      return parseCommit((await require(oid, 'commit')).bytes, oid);
    },
    tree(oid) {
      const known = trees.get(oid);
      if (known !== undefined) return known;
      if (trees.size > keptTrees) trees.clear();
      const entries = require(oid, 'tree').then((answer) => parseTree(answer.bytes, oid.length / 2));
      trees.set(oid, entries);
      return entries;
    },
    async blob(oid) {
      return (await require(oid, 'blob')).bytes;
    },
    async newCommits(tips, known) {
      if (tips.length === 0) return new Map();
      // `^` and not `--not`, which Git before 2.42 does not take from stdin.
      const input = [...tips, ...known.map((oid) => `^${oid}`), ''].join('\n');
      const args = ['rev-list', '--parents', '--ignore-missing', '--stdin'];
      const { stdout } = await runGit(args, { ...options, input, maxBytes: 512 * 1024 * 1024 });
      const commits = new Map<GitOid, { readonly parents: readonly GitOid[] }>();
      for (const line of stdout.toString('latin1').split('\n')) {
        const [commit, ...parents] = line.split(' ').map(parseGitOid);
        if (commit !== undefined) commits.set(commit, { parents: parents.filter((oid) => oid !== undefined) });
      }
      return commits;
    },
    async close() {
      trees.clear();
      await batch?.close();
      batch = undefined;
    },
  };
}

function parseCommit(bytes: Buffer, oid: string): Commit {
  const parents: GitOid[] = [];
  let tree: GitOid | undefined;
  let committed: number | undefined;
  for (const line of bytes.toString('latin1').split('\n')) {
    if (line === '') break;
    if (line.startsWith('tree ')) tree = parseGitOid(line.slice(5));
    const parent = line.startsWith('parent ') ? parseGitOid(line.slice(7)) : undefined;
    if (parent !== undefined) parents.push(parent);
    const [, seconds] = /^committer .*> (\d{1,12}) [-+]\d{4}$/.exec(line) ?? [];
    if (seconds !== undefined) committed = Number(seconds);
  }
  if (tree === undefined) throw new HelperError('corrupt', `commit ${oid} has no tree`);
  return { tree, parents, committed };
}

/** @param width bytes of an object ID: 20 for SHA-1, 32 for SHA-256 */
function parseTree(bytes: Buffer, width: number): readonly TreeEntry[] {
  const entries: TreeEntry[] = [];
  for (let at = 0; at < bytes.length; ) {
    const blank = bytes.indexOf(0x20, at);
    const end = bytes.indexOf(0, blank);
    if (blank < 0 || end < 0 || end + 1 + width > bytes.length)
      throw new HelperError('corrupt', 'a tree object is malformed');
    const mode = bytes.toString('latin1', at, blank);
    const oid = bytes.toString('hex', end + 1, end + 1 + width) as GitOid;
    entries.push({ name: bytes.toString('utf8', blank + 1, end), kind: kindOf(mode), oid });
    at = end + 1 + width;
  }
  return entries;
}

function kindOf(mode: string): TreeEntry['kind'] {
  if (mode === '40000') return 'directory';
  if (mode === '120000') return 'symlink';
  if (mode === '160000') return 'submodule';
  return 'file';
}

interface Batch {
  /** undefined: Git has no such object. */
  ask(name: string): Promise<Answer | undefined>;
  close(): Promise<void>;
}

interface Question {
  readonly name: string;
  resolve(answer: Answer | undefined): void;
  reject(error: unknown): void;
}

/** One `git cat-file --batch`, asked without waiting for the answers before (git-cat-file(1), BATCH OUTPUT). */
function openBatch(options: RepositoryOptions): Batch {
  const child: RunningProcess = startGit(['cat-file', '--batch'], { ...options, stderr: 'collect' });
  const waiting: Question[] = [];
  let broken: unknown;
  let unsent = '';
  // What is asked in one turn goes in one write: thousands of questions cost more than their answers otherwise.
  const send = (): void => {
    const questions = unsent;
    unsent = '';
    if (questions !== '') child.stdin.write(questions);
  };
  const give = (error: unknown): void => {
    broken = error;
    for (const question of waiting.splice(0)) question.reject(error);
  };
  readAnswers(child, waiting).then(
    () => give(new HelperError('io', "'git cat-file' ended early")),
    (error: unknown) => give(error),
  );
  return {
    ask: (name) =>
      new Promise((resolve, reject) => {
        if (broken !== undefined) return reject(broken);
        waiting.push({ name, resolve, reject });
        if (unsent === '') setImmediate(send);
        unsent += `${name}\n`;
      }),
    async close() {
      send();
      child.stdin.end();
      await child.stop();
    },
  };
}

async function readAnswers(child: RunningProcess, waiting: Question[]): Promise<void> {
  let held: Buffer[] = [];
  let size = 0;
  let need = 0;
  for await (const chunk of child.stdout as AsyncIterable<Buffer>) {
    held.push(chunk);
    size += chunk.length;
    if (size < need) continue;
    let buffer = held.length === 1 ? chunk : Buffer.concat(held);
    need = 0;
    for (;;) {
      const end = buffer.indexOf(10);
      if (end < 0 && buffer.length > longestHeader) {
        throw new HelperError('corrupt', "'git cat-file' sent a line of more than 2 MiB");
      }
      if (end < 0) break;
      const header = buffer.toString('utf8', 0, end);
      const match = /^([0-9a-f]+) (\w+) ([0-9]+)$/.exec(header);
      const bytes = match === null ? 0 : Number(match[3]);
      if (bytes > largestBlob)
        throw new HelperError('unsupported', `Git object ${match?.[1]} is too large (${bytes} bytes)`);
      const whole = match === null ? end + 1 : end + 1 + bytes + 1;
      if (buffer.length < whole) {
        need = whole;
        break;
      }
      // Answers come in the order of the questions; anything but an object line ("missing", "ambiguous") means none.
      const question = waiting.shift();
      if (match === null) question?.resolve(undefined);
      else
        question?.resolve({
          oid: match[1] ?? '',
          type: match[2] ?? '',
          bytes: Buffer.from(buffer.subarray(end + 1, end + 1 + bytes)),
        });
      buffer = buffer.subarray(whole);
    }
    held = buffer.length === 0 ? [] : [buffer];
    size = buffer.length;
  }
}
