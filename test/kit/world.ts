import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const top = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A machine of its own in a temporary directory: home, configuration and environment of nobody else. */
export interface World {
  readonly directory: string;
  readonly env: NodeJS.ProcessEnv;
  path(...parts: string[]): string;
  /** Runs to the end, 60 seconds at most; never throws. */
  run(
    cwd: string,
    command: string,
    args: readonly string[],
    options?: { env?: NodeJS.ProcessEnv; input?: string },
  ): Ran;
  /** As run, not blocking this process, for servers that live in it. */
  runAsync(cwd: string, command: string, args: readonly string[], options?: { env?: NodeJS.ProcessEnv }): Promise<Ran>;
  /** Runs `git` and throws what it said when it fails; answers its stdout without the last newline. */
  git(cwd: string, ...args: string[]): string;
  remove(): void;
}

export function openWorld(extra: NodeJS.ProcessEnv = {}): World {
  const directory = mkdtempSync(join(tmpdir(), 'dvcexp-world-'));
  // Git's own template has a dozen sample hooks, which every repository of every test would be made and copied with.
  for (const folder of ['info', 'hooks'])
    mkdirSync(join(directory, 'home', '.git-template', folder), { recursive: true });
  const inherited = Object.entries(process.env).filter(([name]) => !/^(?:GIT_|DVC|AWS_|AZURE_|XDG_)/.test(name));
  const env: NodeJS.ProcessEnv = {
    ...Object.fromEntries(inherited),
    HOME: join(directory, 'home'),
    PATH: `${join(top, 'bin')}${delimiter}${process.env.PATH}`,
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_TERMINAL_PROMPT: '0',
    GIT_TEMPLATE_DIR: join(directory, 'home', '.git-template'),
    GIT_AUTHOR_NAME: 'Ada',
    GIT_AUTHOR_EMAIL: 'ada@example.com',
    GIT_COMMITTER_NAME: 'Ada',
    GIT_COMMITTER_EMAIL: 'ada@example.com',
    DVC_NO_ANALYTICS: '1',
    DVC_SITE_CACHE_DIR: join(directory, 'site'),
    ...extra,
  };
  writeFileSync(
    join(directory, 'home', '.gitconfig'),
    '[init]\n\tdefaultBranch = main\n[advice]\n\tdetachedHead = false\n[protocol "file"]\n\tallow = always\n',
  );
  const run: World['run'] = (cwd, command, args, options = {}) => {
    const result = spawnSync(command, args, {
      cwd,
      env: { ...env, ...options.env },
      input: options.input ?? '',
      encoding: 'utf8',
      timeout: 60_000,
      maxBuffer: 1 << 28,
    });
    return {
      code: result.status ?? 128,
      stdout: result.stdout ?? '',
      stderr: (result.stderr ?? '') + (result.error === undefined ? '' : String(result.error)),
    };
  };
  return {
    directory,
    env,
    path: (...parts) => join(directory, ...parts),
    run,
    runAsync: (cwd, command, args, options = {}) =>
      new Promise((resolve) => {
        const child = spawn(command, args, {
          cwd,
          env: { ...env, ...options.env },
          stdio: ['ignore', 'pipe', 'pipe'],
          timeout: 120_000,
        });
        let stdout = '';
        let stderr = '';
        child.stdout.setEncoding('utf8').on('data', (text) => (stdout += text));
        child.stderr.setEncoding('utf8').on('data', (text) => (stderr += text));
        child.on('error', (error) => resolve({ code: 127, stdout, stderr: stderr + String(error) }));
        child.on('close', (code) => resolve({ code: code ?? 128, stdout, stderr }));
      }),
    git(cwd, ...args) {
      const result = run(cwd, 'git', args);
      if (result.code !== 0)
        throw new Error(`git ${args.join(' ')}: exit ${result.code}\n${result.stdout}${result.stderr}`);
      return result.stdout.replace(/\n$/, '');
    },
    remove() {
      // Cache objects are read-only; their directories are not, so this is enough.
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** Every object below a cache or a storage directory: key → MD5 of its bytes (`.tmp` and `runs/` left out). */
export function objectsIn(directory: string): Map<string, string> {
  const found = new Map<string, string>();
  const walk = (folder: string): void => {
    let entries: string[];
    try {
      entries = readdirSync(folder);
    } catch {
      return;
    }
    for (const entry of entries) {
      const path = join(folder, entry);
      if (lstatSync(path).isDirectory()) walk(path);
      else found.set(relative(directory, path), createHash('md5').update(readFileSync(path)).digest('hex'));
    }
  };
  walk(directory);
  return new Map(
    [...found].filter(([key]) => /^(?:files\/md5\/)?[0-9a-f]{2}\/[0-9a-f]{30}(?:\.dir)?$/.test(key)).sort(),
  );
}

/** Adds a file or directory to DVC without DVC: cache objects and the `.dvc` file. Answers the object's name. */
export function track(project: string, path: string, content: string | Readonly<Record<string, string>>): string {
  const md5 = (bytes: string | Buffer): string => createHash('md5').update(bytes).digest('hex');
  const put = (name: string, bytes: string): void => {
    const target = join(project, '.dvc', 'cache', 'files', 'md5', name.slice(0, 2), name.slice(2));
    mkdirSync(dirname(target), { recursive: true });
    try {
      writeFileSync(target, bytes, { flag: 'wx' });
      chmodSync(target, 0o444);
    } catch {
      // The same bytes are there already.
    }
  };
  let name: string;
  let size: number;
  let extra = '';
  mkdirSync(dirname(join(project, path)), { recursive: true });
  if (typeof content === 'string') {
    name = md5(content);
    size = Buffer.byteLength(content);
    put(name, content);
    writeFileSync(join(project, path), content);
  } else {
    const entries = Object.entries(content).sort(([a], [b]) => (a < b ? -1 : 1));
    const listing = `[${entries.map(([relpath, bytes]) => `{"md5": "${md5(bytes)}", "relpath": "${relpath}"}`).join(', ')}]`;
    for (const [relpath, bytes] of entries) {
      put(md5(bytes), bytes);
      mkdirSync(dirname(join(project, path, relpath)), { recursive: true });
      writeFileSync(join(project, path, relpath), bytes);
    }
    name = `${md5(listing)}.dir`;
    size = entries.reduce((sum, [, bytes]) => sum + Buffer.byteLength(bytes), 0);
    extra = `  nfiles: ${entries.length}\n`;
    put(name, listing);
  }
  const leaf = path.split('/').at(-1) ?? path;
  writeFileSync(
    join(project, `${path}.dvc`),
    `outs:\n- md5: ${name}\n  size: ${size}\n${extra}  hash: md5\n  path: ${leaf}\n`,
  );
  return name;
}
