// A team in one directory: a bare Git remote, a storage directory, and Alice's clone of a DVC project.
import { cpSync, existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { objectsIn, type Ran, track, type World } from '../kit/world.ts';

export interface Team {
  readonly directory: string;
  /** Alice's clone; `.dvc/config` and all else is hers to spoil. */
  readonly alice: string;
  readonly bare: string;
  readonly storage: string;
  path(...parts: string[]): string;
  write(path: string, content: string | Buffer): void;
  /** Adds everything and commits it. */
  commit(message?: string): void;
  /** `git push origin …` in Alice's clone. */
  push(...args: string[]): Promise<Ran>;
  /** Runs git as a member would, 60 seconds at most. */
  git(cwd: string, args: readonly string[], env?: NodeJS.ProcessEnv): Promise<Ran>;
  /** `git clone -c remote.origin.vcs=dvcexp … <bare> <name>` */
  clone(name: string, args?: readonly string[], env?: NodeJS.ProcessEnv): Promise<Ran>;
  /** Names of the Git remote's refs with what they point at. */
  refs(): string;
}

export const localConfig = '[core]\n    remote = storage\n[\'remote "storage"\']\n    url = ../../storage\n';

/** Alice has committed nothing yet. */
export function createTeam(world: World, name: string): Team {
  const team = teamAt(world, world.path(name));
  mkdirSync(team.directory);
  world.git(team.directory, 'init', '-q', '--bare', 'team.git');
  world.git(team.directory, 'init', '-q', 'alice');
  world.git(team.alice, 'remote', 'add', 'origin', '../team.git');
  world.git(team.alice, 'config', 'remote.origin.vcs', 'dvcexp');
  team.write('.dvc/config', localConfig);
  team.write('.dvc/.gitignore', '/config.local\n/tmp\n/cache\n');
  return team;
}

/** The same team once more, at another place: everything in it is named relatively. */
export function copyTeam(world: World, from: Team, name: string): Team {
  const team = teamAt(world, world.path(name));
  cpSync(from.directory, team.directory, { recursive: true, verbatimSymlinks: true });
  return team;
}

function teamAt(world: World, directory: string): Team {
  const path = (...parts: string[]): string => join(directory, ...parts);
  const [alice, bare] = [path('alice'), path('team.git')];
  const git: Team['git'] = (cwd, args, env = {}) => world.runAsync(cwd, 'git', args, { env });
  return {
    directory,
    alice,
    bare,
    storage: path('storage'),
    path,
    write(file, content) {
      mkdirSync(dirname(join(alice, file)), { recursive: true });
      writeFileSync(join(alice, file), content);
    },
    commit(message = 'change') {
      // What is tracked by DVC has its `.dvc` file; the data itself is not Git's.
      const data = filesBelow(alice)
        .filter((file) => file.endsWith('.dvc'))
        .map((file) => `/${file.slice(0, -'.dvc'.length)}\n`);
      writeFileSync(join(alice, '.git', 'info', 'exclude'), data.join(''));
      world.git(alice, 'add', '-A');
      world.git(alice, 'commit', '-qm', message);
    },
    push: (...args) => git(alice, ['push', 'origin', ...args]),
    git,
    clone: (name, args = [], env = {}) =>
      git(directory, ['clone', '-c', 'remote.origin.vcs=dvcexp', ...args, 'file://'.concat(bare), name], env),
    refs: () => world.git(bare, 'for-each-ref', '--format=%(refname) %(objectname)'),
  };
}

/** Commits new data as an experiment and leaves the branch where it was. Answers the experiment's ref. */
export function addExperiment(world: World, team: Team, name: string, change: () => void): string {
  const baseline = world.git(team.alice, 'rev-parse', 'HEAD');
  change();
  team.commit(`dvc: commit experiment ${name}`);
  const ref = `refs/exps/${baseline.slice(0, 2)}/${baseline.slice(2)}/${name}`;
  world.git(team.alice, 'update-ref', ref, 'HEAD');
  world.git(team.alice, 'reset', '-q', '--hard', 'HEAD~');
  return ref;
}

/** Alice tracks data and commits. */
export function trackAndCommit(team: Team, path: string, content: string | Readonly<Record<string, string>>): string {
  const id = track(team.alice, path, content);
  team.commit(`add ${path}`);
  return id;
}

/** Every file below a directory, `.git` left out; relative, sorted. */
export function filesBelow(directory: string): string[] {
  const found: string[] = [];
  const walk = (folder: string): void => {
    for (const entry of readdirSync(folder)) {
      const path = join(folder, entry);
      if (entry === '.git') continue;
      if (lstatSync(path).isDirectory()) walk(path);
      else found.push(relative(directory, path));
    }
  };
  if (existsSync(directory)) walk(directory);
  return found.sort();
}

/** Files of a cache or storage directory that are no objects: temporary files, strangers. */
export function strangersIn(directory: string): string[] {
  const objects = objectsIn(directory);
  return filesBelow(directory).filter((file) => !objects.has(file));
}

/** What an interrupted fetch leaves of a big object in a cache, for the next one to go on with. */
export function isPartial(path: string): boolean {
  return /\/\.[0-9a-f]{32}\.[\w.-]+\.dvcexp\.tmp$/.test(path);
}

/** Objects whose bytes are not those of their name. */
export function damagedIn(directory: string): string[] {
  return [...objectsIn(directory)].filter(([key, md5]) => nameOf(key) !== md5).map(([key]) => key);
}

const nameOf = (key: string): string =>
  key
    .replace(/^files\/md5\//, '')
    .replace('/', '')
    .replace(/\.dir$/, '');

/** What a user must never see: the program's insides. */
export const insides: RegExp =
  /\n\s+at |node:internal|file:\/\/\/.*\.js|\[object |undefined|NaN|unexpected failure|TypeError|ERR_/;

/** A fingerprint of all files below, except below the given folders: to prove that nothing else was written. */
export function snapshot(directory: string, except: readonly string[]): string[] {
  return filesBelow(directory)
    .filter((file) => !except.some((folder) => file === folder || file.startsWith(`${folder}/`)))
    .map((file) => {
      const path = join(directory, file);
      const stat = lstatSync(path);
      return `${file} ${stat.mode.toString(8)} ${stat.isFile() ? readFileSync(path).toString('base64').slice(0, 4096) : ''}`;
    });
}
