import { type ChildProcessWithoutNullStreams, execFileSync, spawn } from 'node:child_process';
import {
  accessSync,
  constants,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join, relative, sep } from 'node:path';
import { createInterface } from 'node:readline';

/** A real DVC in a world of its own: nothing of the user's home, configuration or caches is read or written. */
export interface Dvc {
  /** Temporary folder for repositories, removed by close(). */
  readonly directory: string;
  readonly env: Readonly<Record<string, string>>;
  /** Runs `dvc …`. Throws with its output when it fails. */
  run(cwd: string, ...args: string[]): Promise<string>;
  /**
   * What DVC pushes for one commit of the project at `root`, into empty storage: keys by storage remote. Remotes are
   * called `referee` (the default one) and whatever else is asked for in `remotes`.
   */
  push(root: string, commit: string, remotes?: readonly string[]): Promise<ReadonlyMap<string, readonly string[]>>;
  /** Runs `git …` in the same world. Throws when it fails. */
  git(cwd: string, ...args: string[]): string;
  close(): Promise<void>;
}

// One process for all commands: starting DVC costs seconds. Requests and answers are lines of JSON.
const server = `
import contextlib, io, json, os, sys
out = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)
from dvc.cli import main
from dvc.repo import Repo

def run(cwd, args):
    os.chdir(cwd)
    code = main(args)
    if code:
        raise RuntimeError("dvc " + " ".join(args) + ": exit code " + str(code))

def push(cwd, commit, site):
    # A fresh index, or DVC believes that what it once pushed is still there.
    os.environ["DVC_SITE_CACHE_DIR"] = site
    os.chdir(cwd)
    with Repo(cwd) as repo:
        repo.push(revs=[commit], workspace=False)

for line in sys.stdin:
    request = json.loads(line)
    text = io.StringIO()
    try:
        with contextlib.redirect_stdout(text):
            {"run": run, "push": push}[request["do"]](*request["with"])
        answer = {"output": text.getvalue()}
    except BaseException as error:
        answer = {"error": (str(error) or repr(error)) + "\\n" + text.getvalue()}
    out.write(json.dumps(answer) + "\\n")
    out.flush()
`;

/** Throws with what to do about it when there is no DVC. */
export function findDvc(): string {
  const named = process.env.DVCEXP_TEST_DVC;
  const candidates = named ? [named] : (process.env.PATH ?? '').split(delimiter).map((folder) => join(folder, 'dvc'));
  for (const candidate of candidates) {
    try {
      accessSync(candidate, constants.X_OK);
      return candidate;
    } catch {
      // The next one.
    }
  }
  throw new Error(
    `these tests compare with the real DVC, and ${named ? `DVCEXP_TEST_DVC=${named} is not it` : 'there is no dvc on PATH'}: ` +
      `install it with 'pip install dvc', or set DVCEXP_TEST_DVC to the program`,
  );
}

/** The Python that runs DVC, out of the first line of its start script. */
function findPython(dvc: string): string {
  const [first = ''] = readFileSync(dvc, 'latin1').split('\n', 1);
  const match = /^#!(\S+)$/.exec(first);
  if (match?.[1] === undefined)
    throw new Error(`${dvc} is no Python script: install DVC with pip, not as a package of the system`);
  return match[1];
}

export function openDvc(): Dvc {
  const dvc = findDvc();
  const python = findPython(dvc);
  const directory = mkdtempSync(join(tmpdir(), 'dvcexp-dvc-'));
  const home = join(directory, 'home');
  mkdirSync(join(home, '.config', 'dvc'), { recursive: true });
  const env = {
    PATH: process.env.PATH ?? '',
    HOME: home,
    XDG_CONFIG_HOME: join(home, '.config'),
    XDG_CACHE_HOME: join(home, '.cache'),
    XDG_DATA_HOME: join(home, '.local'),
    XDG_CONFIG_DIRS: join(home, 'etc'),
    DVC_NO_ANALYTICS: '1',
    DVC_SITE_CACHE_DIR: join(directory, 'site'),
    DVC_TEST: 'true',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_GLOBAL: join(home, '.gitconfig'),
    PYTHONDONTWRITEBYTECODE: '1',
  };
  writeFileSync(
    env.GIT_CONFIG_GLOBAL,
    '[user]\n\tname = Test\n\temail = test@example.org\n[init]\n\tdefaultBranch = main\n',
  );
  const child = spawn(python, ['-u', '-c', server], { cwd: directory, env, stdio: ['pipe', 'pipe', 'pipe'] });
  const ask = createAsk(child);
  const configuration = join(home, '.config', 'dvc', 'config');
  let pushes = 0;
  return {
    directory,
    env,
    run: (cwd, ...args) => ask({ do: 'run', with: [cwd, args] }),
    async push(root, commit, remotes = []) {
      pushes += 1;
      const names = ['referee', ...remotes];
      const store = (name: string): string => join(directory, `push-${pushes}`, name);
      const sections = names.map((name) => `['remote "${name}"']\n    url = ${store(name)}\n`);
      writeFileSync(configuration, `[core]\n    remote = referee\n${sections.join('')}`);
      await ask({ do: 'push', with: [root, commit, join(directory, `site-${pushes}`)] });
      writeFileSync(configuration, '');
      return new Map(names.map((name) => [name, listFiles(store(name))]));
    },
    git: (cwd, ...args) => execFileSync('git', args, { cwd, env, encoding: 'utf8', timeout: 60_000 }).trim(),
    async close() {
      child.stdin.end();
      const ended = child.exitCode !== null || child.signalCode !== null;
      const timer = setTimeout(() => child.kill('SIGKILL'), 10_000);
      if (!ended) await new Promise((resolve) => child.once('close', resolve));
      clearTimeout(timer);
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

interface Request {
  readonly do: 'run' | 'push';
  readonly with: readonly unknown[];
}

const answerTimeoutMs = 120_000;

function createAsk(child: ChildProcessWithoutNullStreams): (request: Request) => Promise<string> {
  let complaints = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaints = (complaints + text).slice(-20_000);
  });
  const waiting: ((line: string | undefined) => void)[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => waiting.shift()?.(line));
  child.on('close', () => {
    for (const each of waiting.splice(0)) each(undefined);
  });
  child.stdin.on('error', () => undefined);
  return async (request) => {
    complaints = '';
    const line = await new Promise<string | undefined>((resolve) => {
      const timer = setTimeout(() => child.kill('SIGKILL'), answerTimeoutMs);
      waiting.push((answer) => {
        clearTimeout(timer);
        resolve(answer);
      });
      child.stdin.write(`${JSON.stringify(request)}\n`);
    });
    const answer = line === undefined ? { error: 'DVC ended or took too long' } : JSON.parse(line);
    if (answer.error !== undefined) throw new Error(`${answer.error}\n${complaints}`);
    return answer.output;
  };
}

/** Files below a folder, `/` between parts, sorted; none when it does not exist. */
export function listFiles(folder: string): readonly string[] {
  try {
    return readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => relative(folder, join(entry.parentPath, entry.name)).split(sep).join('/'))
      .sort();
  } catch {
    return [];
  }
}
