import { existsSync, lstatSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { runGit } from '../git/process.ts';
import { parseGitOid } from '../model/git.ts';
import { printable } from '../report/printable.ts';
import { countOf } from '../report/progress.ts';
import { word } from './commands.ts';
import { type Finding, warn } from './finding.ts';
import { remoteNames } from './remote.ts';
import { type CommandRepository, firstLine } from './repository.ts';
import { allRecords } from './setup-record.ts';

/** What earlier runs, hooks and crashes left in the repository. */
export async function* checkState(repository: CommandRepository): AsyncGenerator<Finding> {
  yield* checkHook(repository);
  yield* checkPending(repository);
  yield* checkLocks(repository);
  yield* checkRecords(repository);
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}

/** `dvc install` writes a pre-push hook that runs `dvc push`, by itself or by way of pre-commit. */
async function* checkHook({ git, location }: CommandRepository): AsyncGenerator<Finding> {
  const { stdout } = await runGit(['rev-parse', '--git-path', 'hooks/pre-push'], git);
  const top = location.workTree ?? location.gitDirectory;
  const path = resolve(top, firstLine(stdout));
  const hook = textOf(path);
  const byTool = /pre-commit/.test(hook) && /dvc-pre-push/.test(textOf(join(top, '.pre-commit-config.yaml')));
  if (!/\bdvc\b.*\bpre-push\b/.test(hook) && !byTool) return;
  yield warn(
    `DVC's pre-push hook runs 'dvc push' before every git push: it uploads first, and all of the work tree's data`,
    byTool ? "take 'dvc-pre-push' out of .pre-commit-config.yaml" : `rm ${word(path)}`,
  );
}

async function* checkPending({ location }: CommandRepository): AsyncGenerator<Finding> {
  const oids = namesIn(join(location.commonDirectory, 'dvcexp', 'pending')).filter(
    (name) => parseGitOid(name) !== undefined,
  );
  if (oids.length === 0) return;
  const some = oids.slice(0, 3).join(' ');
  yield warn(
    `the data of ${countOf(oids.length, 'commit')} did not come with an earlier fetch`,
    `the same git fetch again brings it, or: git dvcexp fetch ${some}${oids.length > 3 ? ' ...' : ''}`,
  );
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/** Git holds these for moments. */
const locks = ['config.lock', 'packed-refs.lock', 'shallow.lock', 'index.lock', 'HEAD.lock'];
const staleMs = 10 * 60 * 1000;

async function* checkLocks({ location }: CommandRepository): AsyncGenerator<Finding> {
  const folders = new Set([location.gitDirectory, location.commonDirectory]);
  const paths = [...folders].flatMap((folder) => locks.map((name) => join(folder, name)));
  for (const path of paths.filter(existsSync)) {
    const minutes = Math.floor((Date.now() - lstatSync(path).mtimeMs) / 60_000);
    if (minutes * 60_000 < staleMs) continue;
    yield warn(
      `'${printable(path)}' is ${minutes} minutes old: a Git that was killed has left it, and others stop at it`,
      `when no git is running: rm ${word(path)}`,
    );
  }
}

async function* checkRecords(repository: CommandRepository): AsyncGenerator<Finding> {
  const names = await remoteNames(repository);
  for (const { remote } of allRecords(repository.location)) {
    if (names.includes(remote)) continue;
    yield warn(
      `setup once wrote for Git remote '${printable(remote)}', which is no more`,
      `to forget it: git dvcexp setup ${word(remote)} --undo`,
    );
  }
}
