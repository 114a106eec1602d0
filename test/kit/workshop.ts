import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type Collector, createCollector } from '../../src/dvc/collector.ts';
import { parseListingIds } from '../../src/dvc/listing.ts';
import type { Project } from '../../src/dvc/outputs.ts';
import { parseAnyYaml } from '../../src/dvc/yaml.ts';
import { parseBlockYaml } from '../../src/dvc/yaml-block.ts';
import { type DvcObject, isListing, keyOf } from '../../src/model/object.ts';
import { type Dvc, listFiles } from './dvc.ts';
import { readRepository } from './object-reader.ts';

/** A repository that is made by the real DVC, step by step. */
export interface Workshop {
  readonly top: string;
  write(files: Readonly<Record<string, string | Uint8Array>>): void;
  dvc(...args: string[]): Promise<string>;
  dvcIn(folder: string, ...args: string[]): Promise<string>;
  git(...args: string[]): string;
  /** Commits everything, ignored files left out. Returns the commit. */
  commit(message: string): string;
}

export async function openWorkshop(dvc: Dvc, name: string): Promise<Workshop> {
  const top = join(dvc.directory, name);
  mkdirSync(top);
  const git = (...args: string[]): string => dvc.git(top, ...args);
  const workshop: Workshop = {
    top,
    write(files) {
      for (const [path, content] of Object.entries(files)) {
        mkdirSync(dirname(join(top, path)), { recursive: true });
        writeFileSync(join(top, path), content);
      }
    },
    dvc: (...args) => dvc.run(top, ...args),
    dvcIn: (folder, ...args) => dvc.run(join(top, folder), ...args),
    git,
    commit(message) {
      git('add', '--all');
      git('commit', '--quiet', '--allow-empty', '--message', message);
      return git('rev-parse', 'HEAD');
    },
  };
  git('init', '--quiet');
  await workshop.dvc('init', '--quiet');
  return workshop;
}

/** The keys we would push from a project, by storage remote; listings read from the project's cache. */
function keysOf(project: Project, top: string): Map<string, string[]> {
  const keys = new Map<string, Set<string>>();
  const cacheFile = (object: DvcObject): string => join(top, project.root, '.dvc/cache', keyOf(object));
  for (const { object, cache, push, remote, imported } of project.outputs) {
    if (object === undefined || !cache || !push || imported === 'repo') continue;
    const name = remote ?? 'referee';
    const found = keys.get(name) ?? new Set<string>();
    keys.set(name, found.add(keyOf(object)));
    if (!isListing(object.id)) continue;
    const ids = parseListingIds(readFileSync(cacheFile(object)), object.id);
    for (const id of ids) found.add(keyOf({ kind: object.kind, id }));
  }
  return new Map([...keys].map(([name, found]) => [name, [...found].sort()]));
}

/** The fast way through the files DVC wrote has to be taken, and to lead where the slow one leads. */
function compareParsers(top: string): void {
  const written = listFiles(top).filter((path) => !path.includes('.dvc/') && /\.dvc$|dvc\.lock$/.test(path));
  for (const path of written) {
    const text = readFileSync(join(top, path), 'utf8');
    assert.deepEqual(parseBlockYaml(text), parseAnyYaml(text), path);
  }
}

/** Compares every project of a commit with what DVC pushes for it, and fails on a difference. Returns the projects. */
export async function compareWithDvc(
  dvc: Dvc,
  top: string,
  commit: string,
  collector?: Collector,
): Promise<readonly Project[]> {
  const reader = readRepository(top);
  compareParsers(top);
  const projects = await (collector ?? createCollector(reader)).projects(await reader.root(commit));
  for (const project of projects) {
    assert.deepEqual(project.problems, [], `problems in '${project.root}' of ${commit}`);
    const pushed = await dvc.push(join(top, project.root), commit, ['other']);
    const expected = new Map(
      [...pushed].filter(([, keys]) => keys.length > 0).map(([name, keys]) => [name, [...keys]]),
    );
    assert.deepEqual(keysOf(project, top), expected, `objects of '${project.root}' in ${commit}`);
  }
  return projects;
}

export function outputOf(projects: readonly Project[], path: string): Project['outputs'][number] {
  const found = projects.flatMap(({ outputs }) => outputs).find((output) => output.path === path);
  assert.ok(found, `no output ${path} among ${projects.flatMap(({ outputs }) => outputs.map((each) => each.path))}`);
  return found;
}
