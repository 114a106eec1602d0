// One scenario runs on a fresh copy of a Git remote and of a clone: with plain Git, or through git-remote-dvcexp in one
// of its two forms. What can be seen from outside is noted, so that the runs can be compared.
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { type GitServer, startGitDaemon, startHttpServer, startSshd } from '../kit/git-servers.ts';
import { buildHelperProgram } from '../kit/helper-program.ts';
import type { MoverNote, MoverScript } from '../kit/mover-script.ts';
import { openWorld, type Ran, type World } from '../kit/world.ts';

export const transports = ['path', 'file', 'ssh', 'git', 'http'] as const;
export type Transport = (typeof transports)[number];
/** `vcs`: `remote.<name>.vcs` is set; `prefix`: the URL begins with `dvcexp::`. */
export type Form = 'plain' | 'vcs' | 'prefix';

export const credentials = { user: 'ada', password: 'right' };

/** What was seen of one command. */
interface Seen {
  readonly command: string;
  readonly code: number;
  readonly stdout: readonly string[];
  readonly stderr: readonly string[];
}

export interface Outcome {
  readonly seen: readonly Seen[];
  /** `<oid> <ref>` of the Git remote and of the clone, after all. */
  readonly serverRefs: readonly string[];
  readonly clientRefs: readonly string[];
}

export interface Bench {
  readonly transport: Transport;
  readonly form: Form;
  /** The Git remote's URL in this form. */
  readonly url: string;
  readonly client: string;
  readonly server: string;
  /** A directory that belongs to no repository. */
  readonly outside: string;
  /** Commits of the clone's main branch when it began, oldest first. */
  readonly commits: readonly string[];
  /** The experiment that the Git remote has, and one that only the clone has. */
  readonly experiments: { readonly shared: string; readonly local: string };
  /** Runs git and notes what is seen of it. */
  git(...args: readonly string[]): Promise<Ran>;
  gitIn(directory: string, ...args: readonly string[]): Promise<Ran>;
  /** `git clone` in this form, into `name` beside the clone. Answers where. */
  clone(name: string, ...args: readonly string[]): Promise<string>;
  /** Prepares the ground, with plain Git, unseen. Throws when it fails. */
  local(...args: readonly string[]): string;
  localIn(directory: string, ...args: readonly string[]): string;
  commit(text: string): string;
  /** From now on the data side does this; plain Git has none. */
  script(script: MoverScript): void;
  /** What the data side was asked. */
  notes(): readonly MoverNote[];
}

export interface Scenario {
  readonly name: string;
  /** Where it makes sense; everywhere unless told. */
  readonly on?: readonly Transport[];
  /** Only through us: plain Git has nothing to compare with. */
  readonly oursOnly?: boolean;
  readonly authenticate?: boolean;
  /** Played in both forms on every transport; the others in the prefix form only where processes are cheap. */
  readonly bothForms?: boolean;
  run(bench: Bench): Promise<void>;
  /** More to be true of our runs. */
  check?(bench: Bench, outcome: Outcome): void;
}

export interface Stage {
  play(scenario: Scenario, transport: Transport, form: Form): Promise<{ bench: Bench; outcome: Outcome }>;
  close(): Promise<void>;
}

/** Bookkeeping that every scenario starts from: a bare Git remote and a clone of it, made once. */
function buildTemplates(world: World): { commits: string[]; experiments: Bench['experiments'] } {
  const origin = world.path('template', 'origin.git');
  const client = world.path('template', 'author');
  world.git(world.directory, 'init', '-q', '--bare', origin);
  world.git(world.directory, 'init', '-q', client);
  const commits = [1, 2, 3].map((count) => {
    writeFileSync(join(client, 'file'), `${count}\n`);
    mkdirSync(join(client, 'sub', 'dir'), { recursive: true });
    writeFileSync(join(client, 'sub', 'dir', 'file'), 'x\n');
    world.git(client, 'add', '.');
    world.git(client, 'commit', '-qm', `commit ${count}`);
    return world.git(client, 'rev-parse', 'HEAD');
  });
  const [base = '', ...later] = [...commits].reverse();
  const experiment = (name: string): string => `refs/exps/${base.slice(0, 2)}/${base.slice(2)}/${name}`;
  const names = { shared: experiment('shared-exp'), local: experiment('local-exp') };
  for (const ref of Object.values(names)) {
    const tree = world.git(client, 'rev-parse', `${base}^{tree}`);
    world.git(client, 'update-ref', ref, world.git(client, 'commit-tree', '-p', base, '-m', ref, tree));
  }
  world.git(client, 'tag', '-am', 'one', 'v1', later.at(-1) ?? base);
  world.git(client, 'branch', 'side', later[0] ?? base);
  world.git(client, 'remote', 'add', 'origin', origin);
  world.git(client, 'push', '-q', 'origin', 'main', 'side', 'v1', `${names.shared}:${names.shared}`);
  // What the clone has not got must not be in its object store either: Git would not ask for it.
  const clone = world.path('template', 'client');
  world.git(world.directory, 'clone', '-q', '--no-local', origin, clone);
  world.git(clone, 'branch', '-q', 'side', 'origin/side');
  world.git(clone, 'fetch', '-q', client, `${names.local}:${names.local}`);
  return { commits, experiments: names };
}

/**
 * Lines that say what became of refs or why not. Progress and hints come and go with time and version, and so does a
 * server's complaint that the client left without a word.
 */
const telling =
  /^(?!fatal: the remote end hung up unexpectedly|error: atomic push failed for ref)(?: [!+*=\-t ] |From |To |remote: |fatal: |error: |warning: )/;

/** One scenario's own directory and address, made the same for all runs. */
function neutral(text: string, replaced: readonly string[]): readonly string[] {
  let result = text.replaceAll('dvcexp::', '');
  for (const word of replaced) result = result.replaceAll(word, '<here>');
  return (
    result
      .replace(/^(From|To) .*$/gm, '$1 <url>')
      // Git has a status of its own for this, but none by which a helper could tell.
      .replace(/^ ! \[remote rejected\] (.*\(atomic push failed\))$/gm, ' ! [rejected]        $1')
      .split('\n')
      .map((line) => line.replace(/\s+$/, ''))
      .filter((line) => line !== '')
  );
}

async function startServers(world: World, root: string): Promise<Record<'ssh' | 'git' | 'http' | 'auth', GitServer>> {
  return {
    ssh: await startSshd(root, world.path('ssh')),
    git: await startGitDaemon(root),
    http: await startHttpServer(root),
    auth: await startHttpServer(root, { credentials }),
  };
}

interface Grounds {
  readonly world: World;
  readonly root: string;
  readonly helper: string;
  readonly servers: Awaited<ReturnType<typeof startServers>>;
  readonly templates: ReturnType<typeof buildTemplates>;
}

function placeFor(
  { root, servers }: Grounds,
  transport: Transport,
  repository: string,
  authenticate: boolean,
): { url: string; env: NodeJS.ProcessEnv } {
  const path = join(root, repository);
  if (transport === 'path') return { url: path, env: {} };
  if (transport === 'file') return { url: `file://${path}`, env: {} };
  const server = authenticate && transport === 'http' ? servers.auth : servers[transport];
  return { url: server.url(repository), env: server.env };
}

function openBench(grounds: Grounds, transport: Transport, form: Form, id: string, authenticate: boolean) {
  const { world, root } = grounds;
  const directory = world.path('runs', id);
  const repository = `${id}.git`;
  const server = join(root, repository);
  const client = join(directory, 'client');
  const outside = join(directory, 'outside');
  mkdirSync(outside, { recursive: true });
  cpSync(world.path('template', 'origin.git'), server, { recursive: true });
  cpSync(world.path('template', 'client'), client, { recursive: true });
  const place = placeFor(grounds, transport, repository, authenticate);
  const url = form === 'prefix' ? `dvcexp::${place.url}` : place.url;
  world.git(client, 'remote', 'set-url', 'origin', url);
  if (form === 'vcs') world.git(client, 'config', 'remote.origin.vcs', 'dvcexp');

  const log = join(directory, 'log');
  const scriptFile = join(directory, 'script.json');
  const env: NodeJS.ProcessEnv = {
    ...place.env,
    PATH: `${grounds.helper}${delimiter}${world.env.PATH}`,
    DVCEXP_TEST_LOG: log,
    DVCEXP_TEST_SCRIPT: scriptFile,
    GIT_CEILING_DIRECTORIES: world.directory,
  };
  const seen: Seen[] = [];
  const replaced = [place.url, directory, server, id];
  const gitIn: Bench['gitIn'] = async (cwd, ...args) => {
    const ran = await world.runAsync(cwd, 'git', args, { env });
    seen.push({
      command: neutral(args.join(' '), replaced).join(' '),
      code: ran.code,
      stdout: neutral(ran.stdout, replaced),
      stderr: neutral(ran.stderr, replaced).filter((line) => telling.test(line)),
    });
    return ran;
  };
  const bench: Bench = {
    transport,
    form,
    url,
    client,
    server,
    outside,
    ...grounds.templates,
    gitIn,
    git: (...args) => gitIn(client, ...args),
    clone: async (name, ...args) => {
      const target = join(directory, name);
      const ran = await gitIn(
        directory,
        'clone',
        ...(form === 'vcs' ? ['-c', 'remote.origin.vcs=dvcexp'] : []),
        ...args,
        url,
        target,
      );
      // The one word in which the forms of the command differ.
      const last = seen.pop();
      if (last !== undefined) seen.push({ ...last, command: `clone ${args.join(' ')}` });
      return ran.code === 0 ? target : '';
    },
    local: (...args) => world.git(client, ...args),
    localIn: (cwd, ...args) => world.git(cwd, ...args),
    commit: (text) => {
      writeFileSync(join(client, 'file'), `${text}\n`);
      world.git(client, 'commit', '-qam', text);
      return world.git(client, 'rev-parse', 'HEAD');
    },
    script: (script) => writeFileSync(scriptFile, JSON.stringify(script)),
    notes: () =>
      existsSync(log)
        ? readFileSync(log, 'utf8')
            .trimEnd()
            .split('\n')
            .map((line) => JSON.parse(line) as MoverNote)
        : [],
  };
  const refsOf = (repo: string): readonly string[] =>
    world.git(repo, 'for-each-ref', '--format=%(objectname) %(refname)').split('\n');
  const outcome = (): Outcome => ({ seen, serverRefs: refsOf(server), clientRefs: refsOf(client) });
  return { bench, outcome };
}

export async function openStage(): Promise<Stage> {
  // Twins are only twins when their commits are the same to the second.
  const date = '1700000000 +0000';
  const world = openWorld({ GIT_AUTHOR_DATE: date, GIT_COMMITTER_DATE: date });
  const root = world.path('served');
  mkdirSync(root);
  const templates = buildTemplates(world);
  const helper = buildHelperProgram(world.directory);
  const servers = await startServers(world, root);
  const grounds: Grounds = { world, root, helper, servers, templates };
  let count = 0;
  return {
    play: async (scenario, transport, form) => {
      count += 1;
      const { bench, outcome } = openBench(
        grounds,
        transport,
        form,
        `run${String(count).padStart(4, '0')}`,
        scenario.authenticate ?? false,
      );
      await scenario.run(bench);
      return { bench, outcome: outcome() };
    },
    close: async () => {
      await Promise.all(Object.values(servers).map((server) => server.stop()));
      world.remove();
    },
  };
}
