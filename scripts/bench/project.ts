import { linkSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Machine } from './machine.ts';
import { openObjectWriter } from './objects.ts';
import type { Content, Workload } from './workloads.ts';

/** A DVC project whose work tree is on the baseline, with all objects in its cache and no storage to go to yet. */
export interface Project {
  readonly directory: string;
  readonly cache: string;
  readonly content: Content;
  /** `git for-each-ref refs/exps`: what every copy must show in the end. */
  readonly experimentRefs: string;
}

const committedConfiguration = `[core]
    remote = storage
    check_update = false
    analytics = false
['remote "storage"']
    url = s3://unset/dvc
`;

export async function makeProject(machine: Machine, workload: Workload): Promise<Project> {
  const directory = machine.scratch(`${workload.name}-project`);
  const cache = join(directory, '.dvc', 'cache');
  const content = workload.make(openObjectWriter(cache, workload.name));
  const git = (...args: readonly string[]): Promise<string> => runGit(machine, directory, ...args);
  await git('init', '--quiet', '--initial-branch=main');
  const files = new Map([
    ['.dvc/config', committedConfiguration],
    ['.dvc/.gitignore', '/config.local\n/tmp\n/cache\n'],
    ['.dvcignore', ''],
    ['.gitignore', '/data\n/model.bin\n'],
    ['train.py', 'print("trained")\n'],
    ...content.baseline,
  ]);
  await importCommits(machine, directory, commit('refs/heads/main', 'Start', files));
  const baseline = (await git('rev-parse', 'main')).trim();
  const experiments = [...content.experiments].map(([name, changes]) => {
    const ref = `refs/exps/${baseline.slice(0, 2)}/${baseline.slice(2)}/${name}`;
    const message = `dvc: commit experiment ${name.padStart(64, '0')}`;
    return commit(ref, message, changes, baseline);
  });
  await importCommits(machine, directory, experiments.join(''));
  await git('reset', '--quiet', '--hard', 'main');
  return { directory, cache, content, experimentRefs: await readExperimentRefs(machine, directory) };
}

export function runGit(machine: Machine, cwd: string, ...args: readonly string[]): Promise<string> {
  return machine.run({ cwd, program: machine.programs.git, args });
}

export function readExperimentRefs(machine: Machine, repository: string): Promise<string> {
  return runGit(machine, repository, 'for-each-ref', 'refs/exps');
}

/** Where a copy of the project keeps its data; stays in that copy, as in real life the access key does. */
export function configureStorage(directory: string, options: Readonly<Record<string, string>>): void {
  const lines = ['[\'remote "storage"\']', ...Object.entries(options).map(([key, value]) => `    ${key} = ${value}`)];
  writeFileSync(join(directory, '.dvc', 'config.local'), `${lines.join('\n')}\n`);
}

/** Makes a repository of its own in an empty directory, with the same refs, work tree and objects, and no remote. */
export async function copyProject(machine: Machine, project: Project, directory: string): Promise<void> {
  const refs = ['refs/heads/main:refs/remotes/project/main', 'refs/exps/*:refs/exps/*'];
  await runGit(machine, directory, 'init', '--quiet', '--initial-branch=main');
  await runGit(machine, directory, 'fetch', '--quiet', '--no-write-fetch-head', project.directory, ...refs);
  await runGit(machine, directory, 'reset', '--quiet', '--hard', 'refs/remotes/project/main');
  await runGit(machine, directory, 'update-ref', '-d', 'refs/remotes/project/main');
  linkObjects(project.cache, join(directory, '.dvc', 'cache'));
}

/** The bytes are not copied: they are as warm in memory for the last contestant as for the first. */
function linkObjects(from: string, to: string): void {
  for (const folder of readdirSync(join(from, 'files', 'md5'))) {
    const target = join(to, 'files', 'md5', folder);
    mkdirSync(target, { recursive: true });
    for (const name of readdirSync(join(from, 'files', 'md5', folder))) {
      linkSync(join(from, 'files', 'md5', folder, name), join(target, name));
    }
  }
}

/** One command of git-fast-import(1). */
function commit(ref: string, message: string, files: ReadonlyMap<string, string>, from?: string): string {
  const data = (text: string): string => `data ${Buffer.byteLength(text)}\n${text}\n`;
  const changes = [...files].map(([path, text]) => `M 100644 inline ${path}\n${data(text)}`);
  const parent = from === undefined ? '' : `from ${from}\n`;
  const who = 'committer Bench <bench@example.com> 1700000000 +0000\n';
  return `commit ${ref}\n${who}${data(message)}${parent}${changes.join('')}`;
}

async function importCommits(machine: Machine, directory: string, stream: string): Promise<void> {
  await machine.run({ cwd: directory, program: machine.programs.git, args: ['fast-import', '--quiet'] }, stream);
}
