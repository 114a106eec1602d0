// One scenario runs on a fresh copy of a Git remote and of a clone: with plain Git, or through git-remote-dvcexp in one
// of its two forms. What can be seen from outside is noted, so that the runs can be compared.
import { appendFileSync, chmodSync, cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { writeHook } from '../kit/git-servers.ts';
import { buildHelperProgram } from '../kit/helper-program.ts';
import type { MoverNote } from '../kit/mover-script.ts';
import { openWorld, type World } from '../kit/world.ts';
import { type Names, neutralLines, neutralText } from './neutral.ts';
import type { Bench, Form, Outcome, Scenario, Seen, Transport } from './scenario.ts';
import { openPlace, type Place } from './servers.ts';
import { snapshot } from './snapshot.ts';
import { buildTemplates, type Templates } from './templates.ts';

export interface Played {
  readonly bench: Bench;
  readonly outcome: Outcome;
}

export interface Stage {
  play(scenario: Scenario, form: Form): Promise<Played>;
  close(): Promise<void>;
}

interface Grounds {
  readonly world: World;
  readonly transport: Transport;
  /** What the servers serve. */
  readonly root: string;
  readonly helper: string;
  readonly place: Place;
  readonly templates: Templates;
}

/** A run's own folders and names. */
interface Room {
  readonly id: string;
  readonly directory: string;
  readonly client: string;
  readonly server: string;
  readonly outside: string;
  readonly log: string;
  readonly programs: string;
  readonly names: Names;
}

function openRoom({ world, root, place, templates }: Grounds, id: string): Room {
  const directory = world.path('runs', id);
  const served = join(root, id);
  const room = { id, directory, client: join(directory, 'client'), server: join(served, 'origin.git') };
  const outside = join(directory, 'outside');
  const programs = join(directory, 'bin');
  for (const folder of [outside, programs]) mkdirSync(folder, { recursive: true });
  cpSync(templates.origin, room.server, { recursive: true });
  cpSync(templates.client, room.client, { recursive: true });
  const address = place.url(id);
  const names: Names = [
    [address, '<url>'],
    [directory, '<here>'],
    [served, '<served>'],
    [id, '<run>'],
  ];
  return { ...room, outside, programs, log: join(directory, 'log'), names };
}

/** Runs programs, and remembers what was seen of them. */
function openObserver({ world, helper, place }: Grounds, room: Room) {
  const env: NodeJS.ProcessEnv = {
    ...place.env,
    PATH: [room.programs, helper, world.env.PATH].join(delimiter),
    DVCEXP_TEST_LOG: join(room.directory, 'notes'),
    DVCEXP_TEST_SCRIPT: join(room.directory, 'script.json'),
    GIT_CEILING_DIRECTORIES: world.directory,
    TEST_LOG: room.log,
    TEST_SSH: place.env.GIT_SSH_COMMAND,
  };
  const seen: Seen[] = [];
  const observe = async (
    cwd: string,
    program: string,
    args: readonly string[],
    shown: string,
  ): Promise<ReturnType<World['run']>> => {
    const ran = await world.runAsync(cwd, program, args, { env });
    const name = neutralText(shown, room.names);
    const count = seen.filter(({ command }) => command.replace(/ #\d+$/, '') === name).length;
    seen.push({
      command: count === 0 ? name : `${name} #${count + 1}`,
      code: ran.code,
      stdout: neutralLines(ran.stdout, room.names),
      stderr: neutralLines(ran.stderr, room.names),
    });
    return ran;
  };
  return { env, seen, observe };
}

function openBench(grounds: Grounds, form: Form, id: string) {
  const { world, transport, place, templates } = grounds;
  const room = openRoom(grounds, id);
  const { directory, client, server } = room;
  const { env, seen, observe } = openObserver(grounds, room);
  const prefixed = (url: string): string => (form === 'prefix' ? `dvcexp::${url}` : url);
  const urlBeside = (name: string): string => prefixed(place.url(`${id}/${name}`));
  const url = urlBeside('origin.git');
  world.git(client, 'remote', 'set-url', 'origin', url);
  if (form === 'vcs') world.git(client, 'config', 'remote.origin.vcs', 'dvcexp');
  const watched = new Map([
    ['client', client],
    ['server', server],
  ]);
  const gitIn: Bench['gitIn'] = (cwd, ...args) => observe(cwd, 'git', args, args.join(' '));
  const bench: Bench = {
    transport,
    form,
    url,
    address: place.url(`${id}/origin.git`),
    client,
    server,
    outside: room.outside,
    log: room.log,
    certificate: place.certificate,
    commits: templates.commits,
    experiments: templates.experiments,
    urlBeside,
    beside: (name) => join(grounds.root, id, name),
    gitIn,
    git: (...args) => gitIn(client, ...args),
    run: (cwd, program, ...args) => observe(cwd, program, args, `${program} ${args.join(' ')}`),
    clone: async (name, ...args) => {
      const target = join(directory, name);
      const remote = args.includes('--origin') ? args[args.indexOf('--origin') + 1] : 'origin';
      const ours = form === 'vcs' ? ['-c', `remote.${remote}.vcs=dvcexp`] : [];
      // Git copies a path's objects by itself when it sees that it is one, and there is nothing to compare.
      const talking = transport === 'path' && !args.includes('--local') ? ['--no-local'] : [];
      const command = ['clone', ...ours, ...talking, ...args, url, target];
      const ran = await observe(directory, 'git', command, ['clone', ...args].join(' '));
      watched.set(name, target);
      return ran.code === 0 ? target : '';
    },
    remote: (name, repository) => {
      world.git(client, 'remote', 'add', name, urlBeside(repository));
      if (form === 'vcs') world.git(client, 'config', `remote.${name}.vcs`, 'dvcexp');
    },
    watch: (name, path) => void watched.set(name, path),
    environment: (variables) => void Object.assign(env, variables),
    demand: (demand) => place.demand(id, demand),
    local: (...args) => world.git(client, ...args),
    localIn: (cwd, ...args) => world.git(cwd, ...args),
    commit: (text) => {
      writeFileSync(join(client, 'file'), `${text}\n`);
      world.git(client, 'commit', '-qam', text);
      return world.git(client, 'rev-parse', 'HEAD');
    },
    clientHook: (name, script) => writeHook(join(client, '.git'), name, script),
    serverHook: (name, script) => writeHook(server, name, script),
    program: (name, script) => {
      const path = join(room.programs, name);
      writeFileSync(path, `#!/bin/sh\n${script}\n`);
      chmodSync(path, 0o755);
      return path;
    },
    script: (script) => writeFileSync(join(directory, 'script.json'), JSON.stringify(script)),
    notes: () => readLines(join(directory, 'notes')).map((line) => JSON.parse(line) as MoverNote),
  };
  return { bench, outcome: (scenario: Scenario) => outcomeOf({ grounds, room, seen, watched }, scenario) };
}

const readLines = (path: string): readonly string[] =>
  existsSync(path)
    ? readFileSync(path, 'utf8')
        .split('\n')
        .filter((line) => line !== '')
    : [];

interface Traces {
  readonly grounds: Grounds;
  readonly room: Room;
  readonly seen: readonly Seen[];
  readonly watched: ReadonlyMap<string, string>;
}

function outcomeOf({ grounds, room, seen, watched }: Traces, { unordered, racing }: Scenario): Outcome {
  const sections = new Map<string, readonly string[]>();
  const neutral = (lines: readonly string[]): readonly string[] => neutralLines(lines.join('\n'), room.names);
  for (const { command, code, stdout, stderr } of seen) {
    sections.set(`${command}: exit code`, [String(code)]);
    sections.set(`${command}: stdout`, stdout);
    const said = stderr.filter((line) => racing === undefined || !racing.test(line));
    sections.set(`${command}: stderr`, unordered ? said.sort() : said);
  }
  for (const [name, path] of watched) {
    for (const [what, lines] of snapshot(grounds.world, path)) sections.set(`${name}: ${what}`, neutral(lines));
  }
  sections.set('log', neutral(readLines(room.log)));
  const requests = neutral(grounds.place.requests(room.id));
  sections.set('requests', unordered ? [...requests].sort() : requests);
  const refs = (name: string): readonly string[] => sections.get(`${name}: refs`) ?? [];
  return { seen, sections, serverRefs: refs('server'), clientRefs: refs('client') };
}

export async function openStage(transport: Transport): Promise<Stage> {
  // Twins are only twins when their commits are the same to the second. Git's sample hooks would be copied each time.
  const date = '1700000000 +0000';
  const world = openWorld({ GIT_AUTHOR_DATE: date, GIT_COMMITTER_DATE: date, GIT_TEMPLATE_DIR: '' });
  // What `git gc` does in the background is not to be seen in the comparison; some scenarios have it in the foreground.
  appendFileSync(world.path('home', '.gitconfig'), '[gc]\n\tauto = 0\n\tautoDetach = false\n');
  const root = world.path('served');
  mkdirSync(root);
  const templates = buildTemplates(world);
  const helper = buildHelperProgram(world.directory);
  const place = await openPlace(world, root, transport);
  const grounds: Grounds = { world, transport, root, helper, place, templates };
  let count = 0;
  return {
    play: async (scenario, form) => {
      count += 1;
      const { bench, outcome } = openBench(grounds, form, `run${String(count).padStart(4, '0')}`);
      await scenario.run(bench);
      return { bench, outcome: outcome(scenario) };
    },
    close: async () => {
      await place.stop();
      world.remove();
    },
  };
}
