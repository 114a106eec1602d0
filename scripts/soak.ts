// The hard end of fetch, again and again: at the moment a ref moves its data has to be in the cache, whole. A
// reference-transaction hook in the client looks, over every transport and protocol version, with pack files kept and
// unpacked, in clones that know nothing and in one that knows much, on an idle machine and a busy one.
//
//   npm run soak -- [--fetches=40] [--transports=file,ssh,git,http] [--by=connect|fetch]
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type GitServer, startGitDaemon, startHttpServer, startSshd, writeHook } from '../test/kit/git-servers.ts';
import { openWorld, track, type World } from '../test/kit/world.ts';

const { values } = parseArgs({
  options: {
    fetches: { type: 'string', default: '40' },
    transports: { type: 'string', default: 'file,ssh,git,http' },
    by: { type: 'string', default: 'connect' },
  },
});
const fetches = Number(values.fetches);
const hangMs = 60_000;

const md5 = (content: string): string => createHash('md5').update(content).digest('hex');

interface Experiment {
  readonly ref: string;
  readonly commit: string;
}

/** A project of so many experiments, each with data of its own: refs and commits in `served/team.git`, data in `storage`. */
function prepare(world: World, count: number): readonly Experiment[] {
  const [author, bare] = [world.path('author'), world.path('served', 'team.git')];
  for (const folder of ['served', 'manifests', 'clients']) mkdirSync(world.path(folder));
  world.git(world.directory, 'init', '-q', '--bare', bare);
  world.git(world.directory, 'init', '-q', author);
  mkdirSync(join(author, '.dvc'));
  const storage = world.path('storage');
  writeFileSync(join(author, '.dvc', 'config'), `[core]\n    remote = s\n['remote "s"']\n    url = ${storage}\n`);
  writeFileSync(join(author, '.gitignore'), '/.dvc/cache\n/.dvc/tmp\n/model\n/data\n');
  world.git(author, 'add', '-A');
  world.git(author, 'commit', '-qm', 'start');
  const baseline = world.git(author, 'rev-parse', 'HEAD');
  const experiments = Array.from({ length: count }, (_, number): Experiment => {
    // Of some the pack is small, of others it is not.
    const notes = `${number}\n${'what was tried, and why '.repeat((number % 7) * 400)}`;
    writeFileSync(join(author, 'notes'), notes);
    const model = `model ${number} `.repeat(2_000);
    const data = { 'a.txt': `a ${number}`, 'sub/b.txt': `b ${number} `.repeat(500) };
    track(author, 'model', model);
    const listing = track(author, 'data', data);
    const names = [...[model, ...Object.values(data)].map(md5), listing];
    world.git(author, 'add', '-A');
    world.git(author, 'commit', '-qm', `experiment ${number}`);
    const commit = world.git(author, 'rev-parse', 'HEAD');
    const ref = `refs/exps/${baseline.slice(0, 2)}/${baseline.slice(2)}/exp-${number}`;
    world.git(author, 'update-ref', ref, commit);
    world.git(author, 'reset', '-q', '--hard', baseline);
    const lines = names.map((name) => `${name.slice(0, 32)}  files/md5/${name.slice(0, 2)}/${name.slice(2)}\n`);
    writeFileSync(world.path('manifests', commit), lines.join(''));
    return { ref, commit };
  });
  cpSync(join(author, '.dvc', 'cache'), storage, { recursive: true });
  world.git(author, 'push', '-q', bare, 'main', 'refs/exps/*:refs/exps/*');
  return experiments;
}

/** A clone without any data, with the hook that looks. */
function prepareClient(world: World): string {
  const template = world.path('clients', 'template');
  world.git(world.directory, 'clone', '-q', '--no-local', world.path('served', 'team.git'), template);
  world.git(template, 'config', 'remote.origin.vcs', 'dvcexp');
  writeHook(
    join(template, '.git'),
    'reference-transaction',
    `test "$1" = prepared || exit 0
while read -r old new ref; do
  test -f "$SOAK_MANIFESTS/$new" || continue
  if (cd "$SOAK_CACHE" && md5sum --check --status "$SOAK_MANIFESTS/$new"); then echo "whole $new"; else echo "torn $new"; fi >>"$SOAK_LOG"
done`,
  );
  return template;
}

interface Counts {
  whole: number;
  torn: number;
  failed: number;
  hung: number;
  readonly times: number[];
}

/** Answers the exit code, undefined when it did not end in time. */
async function fetchOnce(client: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<number | undefined> {
  const child = spawn('git', args, { cwd: client, env, stdio: ['ignore', 'ignore', 'pipe'], detached: true });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
  const ended = new Promise<number>((resolve) => child.once('exit', (code) => resolve(code ?? 128)));
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), hangMs);
  });
  const code = await Promise.race([ended, late]);
  clearTimeout(timer);
  if (code === undefined) process.kill(-(child.pid ?? 0), 'SIGKILL');
  if (code !== 0) console.error(`git ${args.join(' ')}: ${code ?? 'no end'}\n${said}`);
  return code;
}

/** Two processes that do nothing but take the machine's time, when they may. */
function openLoad(): { set(on: boolean): void; stop(): void } {
  const spin = (): ChildProcess => spawn(process.execPath, ['-e', 'for (;;);'], { stdio: 'ignore' });
  const children = [spin(), spin()];
  const all = (signal: NodeJS.Signals): void => {
    for (const child of children) child.kill(signal);
  };
  all('SIGSTOP');
  return { set: (on) => all(on ? 'SIGCONT' : 'SIGSTOP'), stop: () => all('SIGKILL') };
}

interface Ground {
  readonly world: World;
  readonly experiments: readonly Experiment[];
  readonly template: string;
  readonly load: ReturnType<typeof openLoad>;
}

async function soak(transport: string, url: string, extra: NodeJS.ProcessEnv, ground: Ground): Promise<Counts> {
  const { world, experiments, template, load } = ground;
  const counts: Counts = { whole: 0, torn: 0, failed: 0, hung: 0, times: [] };
  const warm = world.path('clients', `${transport}-warm`);
  cpSync(template, warm, { recursive: true });
  for (const [number, { ref, commit }] of experiments.entries()) {
    const cold = number % 2 === 1;
    load.set(number % 4 >= 2);
    const client = cold ? world.path('clients', 'cold') : warm;
    if (cold) {
      rmSync(client, { recursive: true, force: true });
      cpSync(template, client, { recursive: true });
    }
    const log = world.path('log');
    rmSync(log, { force: true });
    const version = `protocol.version=${number % 3}`;
    // Kept as a pack, or unpacked: two programs, two ends of the pipe.
    const limit = `fetch.unpackLimit=${Math.floor(number / 2) % 2 === 0 ? 1 : 1_000}`;
    const args = [
      '-c',
      `remote.origin.url=${url}`,
      '-c',
      version,
      '-c',
      limit,
      '-c',
      'gc.auto=0',
      'fetch',
      '-q',
      'origin',
    ];
    const began = performance.now();
    const code = await fetchOnce(client, [...args, `${ref}:${ref}`], {
      ...{ ...world.env, ...extra, DVCEXP_FETCH_BY: values.by, SOAK_LOG: log },
      ...{ SOAK_MANIFESTS: world.path('manifests'), SOAK_CACHE: join(client, '.dvc', 'cache') },
    });
    counts.times.push(performance.now() - began);
    const seen = existsSync(log) ? readFileSync(log, 'utf8') : '';
    if (code === undefined) counts.hung += 1;
    else if (seen.includes('torn')) counts.torn += 1;
    else if (code !== 0 || seen !== `whole ${commit}\n`) counts.failed += 1;
    else counts.whole += 1;
    if ((number + 1) % 50 === 0)
      console.log(`${transport}: ${number + 1} fetches, ${JSON.stringify({ ...counts, times: undefined })}`);
  }
  return counts;
}

function row(transport: string, { whole, torn, failed, hung, times }: Counts): string {
  const sorted = [...times].sort((a, b) => a - b);
  const at = (part: number): string => String(Math.round(sorted[Math.floor((sorted.length - 1) * part)] ?? 0));
  return [transport, times.length, whole, torn, failed, hung, at(0.5), at(1)]
    .map((cell) => String(cell).padStart(9))
    .join('');
}

const world = openWorld();
const load = openLoad();
process.once('exit', load.stop);
for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => process.exit(130));
const servers = new Map<string, GitServer>();
const starts: Readonly<Record<string, () => Promise<GitServer>>> = {
  ssh: () => startSshd(world.path('served'), world.path('ssh')),
  git: () => startGitDaemon(world.path('served')),
  http: () => startHttpServer(world.path('served')),
};
const rows: string[] = [];
try {
  console.log(`preparing ${fetches} experiments`);
  const ground: Ground = { world, load, experiments: prepare(world, fetches), template: prepareClient(world) };
  for (const transport of values.transports.split(',')) {
    const server = await starts[transport]?.();
    if (server !== undefined) servers.set(transport, server);
    const url = server?.url('team.git') ?? `file://${world.path('served', 'team.git')}`;
    const counts = await soak(transport, url, server?.env ?? {}, ground);
    rows.push(row(transport, counts));
    if (counts.whole !== counts.times.length) process.exitCode = 1;
  }
} finally {
  load.stop();
  await Promise.all([...servers.values()].map((server) => server.stop()));
  world.remove();
}
console.log(
  ['transport', 'fetches', 'whole', 'torn', 'failed', 'hung', 'median', 'longest']
    .map((head) => head.padStart(9))
    .join(''),
);
console.log(rows.join('\n'), '\ntimes in ms');
