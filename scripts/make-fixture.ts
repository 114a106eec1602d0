// Records the small project that the demo and its test play with, using the real DVC: a baseline with a tagged
// release, a second branch, and two experiments. Everything DVC made is kept as it was; only what is needed later
// is taken along, so that neither DVC nor Python has to be there when the fixture is used.
//
//   DVCEXP_TEST_DVC=/path/to/dvc npx tsx scripts/make-fixture.ts [folder]
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const target = process.argv[2] ?? fileURLToPath(new URL('../test/fixtures/demo', import.meta.url));
const dvc = process.env.DVCEXP_TEST_DVC ?? 'dvc';
const scratch = mkdtempSync(join(tmpdir(), 'dvcexp-fixture-'));
const project = join(scratch, 'shapes');
const experiments = ['quare-zips', 'cnn-32'] as const;

// DVC takes dates in Git's raw form only, and gives its experiment commits the time of recording all the same.
let clock = Date.UTC(2024, 4, 6, 9) / 1000;
const environment = (): NodeJS.ProcessEnv => ({
  PATH: process.env.PATH,
  HOME: scratch,
  LC_ALL: 'C',
  TZ: 'UTC',
  DVC_NO_ANALYTICS: '1',
  DVC_SITE_CACHE_DIR: join(scratch, 'site'),
  PYTHONDONTWRITEBYTECODE: '1',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_AUTHOR_NAME: 'Alice',
  GIT_AUTHOR_EMAIL: 'alice@example.com',
  GIT_COMMITTER_NAME: 'Alice',
  GIT_COMMITTER_EMAIL: 'alice@example.com',
  GIT_AUTHOR_DATE: `${clock} +0000`,
  GIT_COMMITTER_DATE: `${clock} +0000`,
});

function run(program: string, ...args: string[]): string {
  process.stderr.write(`$ ${program === dvc ? 'dvc' : program} ${args.join(' ')}\n`);
  return execFileSync(program, args, { cwd: project, env: environment(), encoding: 'utf8', maxBuffer: 2 ** 24 });
}

function commit(message: string): void {
  clock += 3600;
  run('git', 'add', '--all');
  run('git', 'commit', '--quiet', '--message', message);
}

const shapes: Record<string, (x: number, y: number) => boolean> = {
  bar: (x) => x === 3 || x === 4,
  cross: (x, y) => x === y || x === 7 - y,
  ring: (x, y) => Math.abs(Math.hypot(x - 3.5, y - 3.5) - 2.8) < 0.7,
};

/** Pictures with noise from a fixed series, so that every recording draws the same ones. */
function draw(from: number, until: number): readonly string[] {
  let state = 17 + from;
  const noise = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state >>> 16) % 160;
  };
  const names: string[] = [];
  for (const [label, inside] of Object.entries(shapes)) {
    for (let number = from; number < until; number++) {
      const rows = Array.from({ length: 8 }, (_, y) =>
        Array.from({ length: 8 }, (_, x) => Math.min(255, (inside(x, y) ? 95 : 0) + noise())).join(' '),
      );
      const name = `${label}-${String(number).padStart(2, '0')}`;
      writeFileSync(join(project, 'data/images', `${name}.pgm`), `P2\n8 8\n255\n${rows.join('\n')}\n`);
      names.push(`${name},${label}`);
    }
  }
  return names;
}

function label(names: readonly string[]): void {
  writeFileSync(join(project, 'data/labels.csv'), `${[...names].sort().join('\n')}\n`);
  run(dvc, 'add', '--quiet', 'data/images', 'data/labels.csv');
}

/** What DVC itself says a commit is made of: its tracked files, and the listings of its directories. */
function contents(ref: string): { files: Record<string, string>; listings: string[] } {
  const key = (id: string): string => `files/md5/${id.slice(0, 2)}/${id.slice(2)}`;
  const listed = JSON.parse(run(dvc, 'list', '.', '--recursive', '--dvc-only', '--rev', ref, '--json')) as {
    path: string;
    md5: string | null;
  }[];
  const files = listed.flatMap(({ path, md5 }) => (md5 === null ? [] : [[path, key(md5)] as const]));
  const words = run('git', 'grep', '-h', '-o', '-E', '[0-9a-f]{32}\\.dir', ref);
  return {
    files: Object.fromEntries(files.sort()),
    listings: [...new Set(words.trim().split('\n').map(key))].sort(),
  };
}

function record(): void {
  mkdirSync(project);
  run('git', 'init', '--quiet', '--initial-branch=main');
  run(dvc, 'init', '--quiet');
  // Relative, so that the project works wherever its folder and the storage beside it are put.
  run(dvc, 'remote', 'add', '--quiet', '--default', 'team', '../storage');
  mkdirSync(join(project, 'data/images'), { recursive: true });
  const names = draw(0, 12);
  label(names);
  cpSync(fileURLToPath(new URL('fixture/project/README.md', import.meta.url)), join(project, 'README.md'));
  commit('Add the pictures and their labels');

  cpSync(fileURLToPath(new URL('fixture/project', import.meta.url)), project, { recursive: true });
  run(dvc, 'repro', '--quiet');
  commit('Add the pipeline');
  run('git', 'tag', '--annotate', 'v1.0', '--message', 'First model that works');

  run(dvc, 'exp', 'run', '--quiet', '--name', 'quare-zips', '--set-param', 'train.epochs=30');
  run('git', 'reset', '--quiet', '--hard');
  run(dvc, 'checkout', '--quiet', '--force');
  run(dvc, 'exp', 'run', '--quiet', '--name', 'cnn-32', '--set-param', 'model.filters=32');
  run('git', 'reset', '--quiet', '--hard');
  run(dvc, 'checkout', '--quiet', '--force');

  run('git', 'switch', '--quiet', '--create', 'more-pictures');
  label([...names, ...draw(12, 16)]);
  run(dvc, 'repro', '--quiet');
  commit('Add four more pictures of each shape');
}

function keep(): void {
  const known = run('git', 'for-each-ref', '--format=%(refname)', 'refs/heads', 'refs/tags', 'refs/exps').split('\n');
  const refs = known.filter(
    (ref) => /^refs\/(heads|tags)\//.test(ref) || experiments.some((name) => ref.endsWith(name)),
  );
  if (refs.length !== 3 + experiments.length) throw new Error(`unexpected refs: ${known.join(' ')}`);
  rmSync(target, { recursive: true, force: true });
  mkdirSync(target, { recursive: true });
  run('git', 'bundle', 'create', '--quiet', join(target, 'project.bundle'), ...refs);
  const manifest = Object.fromEntries(refs.map((ref) => [ref, contents(ref)]));
  writeFileSync(join(target, 'contents.json'), `${JSON.stringify(manifest, null, 1)}\n`);
  const keys = new Set(
    Object.values(manifest).flatMap(({ files, listings }) => [...Object.values(files), ...listings]),
  );
  for (const key of keys) cpSync(join(project, '.dvc/cache', key), join(target, 'cache', key));
  writeFileSync(join(target, '.gitattributes'), '* -text\n');
  writeFileSync(join(target, 'README.md'), readme(run(dvc, '--version').trim(), keys.size));
}

function readme(version: string, count: number): string {
  return `# A project recorded by DVC

Made by \`scripts/make-fixture.ts\` with DVC ${version}. Do not edit by hand; make it anew.

- \`project.bundle\`: branches \`main\` and \`more-pictures\`, tag \`v1.0\`, experiments \`${experiments.join('` and `')}\`
- \`cache/\`: the ${count} objects of DVC's cache that these name. DVC keeps them in mode 0444, which Git does not
  store: whoever unpacks them sets it
- \`contents.json\`: for every ref, what DVC says its files are (\`dvc list --recursive --dvc-only\`), and the listings
  of its directories

Objects and the two branches come out the same on every recording. The commits of the experiments carry the time of
recording, since DVC sets it.
`;
}

try {
  record();
  keep();
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
