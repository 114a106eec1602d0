import { createHash } from 'node:crypto';
import { chmodSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

/** test/fixtures/demo, made by scripts/make-fixture.ts. */
const fixture = fileURLToPath(new URL('../../test/fixtures/demo', import.meta.url));

/** What DVC said of one ref when the project was recorded. */
interface RefContents {
  /** Path in the work tree → path of its object below the cache. */
  readonly files: Readonly<Record<string, string>>;
  /** Paths of the directory listings below the cache. */
  readonly listings: readonly string[];
}

export interface Recorded {
  readonly bundle: string;
  /** `cnn-32` → `refs/exps/…/cnn-32`. */
  experiment(name: string): string;
  files(ref: string): Readonly<Record<string, string>>;
  /** Every object that these refs name, sorted. */
  objects(...refs: readonly string[]): readonly string[];
  /** Makes a DVC cache with all recorded objects. */
  fillCache(directory: string): void;
  /** Puts the files of a ref into a work tree, as `dvc checkout` does. */
  checkOut(ref: string, workTree: string): void;
}

export function readRecorded(): Recorded {
  const contents = JSON.parse(readFileSync(join(fixture, 'contents.json'), 'utf8')) as Record<string, RefContents>;
  const of = (ref: string): RefContents => {
    const found = contents[ref];
    if (found === undefined) throw new Error(`the fixture has no ref '${ref}'`);
    return found;
  };
  return {
    bundle: join(fixture, 'project.bundle'),
    experiment: (name) => Object.keys(contents).find((ref) => ref.endsWith(`/${name}`)) ?? name,
    files: (ref) => of(ref).files,
    objects: (...refs) =>
      [...new Set(refs.flatMap((ref) => [...Object.values(of(ref).files), ...of(ref).listings]))].sort(),
    fillCache(directory) {
      cpSync(join(fixture, 'cache'), directory, { recursive: true });
      // DVC trusts an object for being read-only; Git does not keep that mode for the fixture.
      for (const path of filesBelow(directory)) chmodSync(join(directory, path), 0o444);
    },
    checkOut(ref, workTree) {
      for (const [path, object] of Object.entries(of(ref).files)) {
        mkdirSync(dirname(join(workTree, path)), { recursive: true });
        cpSync(join(fixture, 'cache', object), join(workTree, path));
      }
    },
  };
}

/** Paths of all files below a directory, with `/` between their parts, sorted. Empty when it does not exist. */
export function filesBelow(directory: string): readonly string[] {
  if (!existsSync(directory)) return [];
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) =>
      join(entry.parentPath, entry.name)
        .slice(directory.length + 1)
        .split(sep)
        .join('/'),
    )
    .sort();
}

/** The objects below a directory whose bytes are not what their name says. */
export function damaged(directory: string): readonly string[] {
  return filesBelow(directory).filter((path) => {
    const name = path
      .replace(/^files\/md5\//, '')
      .replace('/', '')
      .replace(/\.dir$/, '');
    return (
      createHash('md5')
        .update(readFileSync(join(directory, path)))
        .digest('hex') !== name
    );
  });
}
