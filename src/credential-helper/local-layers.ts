import { readFileSync, realpathSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type ConfigLayer, configLayerPaths, mergeConfig } from '../dvc/config.ts';
import { createOrigin, type Origin } from '../model/origin.ts';
import { percentDecoded } from '../model/percent.ts';
import type { StorageConfig } from '../model/storage-config.ts';
import type { Answer } from './ci.ts';
import { type CredentialRequest, isFor } from './request.ts';

export interface Machine {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly platform: string;
  readonly home: string;
  /** undefined on Windows. */
  readonly uid: number | undefined;
  /** True when Git tracks the file, so that whoever wrote the repository wrote it. */
  readonly isTracked: (path: string) => Promise<boolean>;
}

/**
 * User and password of an http or webdav storage remote at the same origin, from DVC's layers of this machine: system,
 * global and `config.local`. Never from the committed file, which could answer for any host.
 */
export async function localAnswer(request: CredentialRequest, machine: Machine): Promise<Answer | undefined> {
  const { env, platform, home, cwd } = machine;
  const paths = configLayerPaths(env, platform, home);
  const shared = [layer('system', paths.system), layer('global', paths.global)];
  const own = findLocal(machine);
  const project = own === undefined ? cwd : dirname(dirname(own.path));
  for (const extra of own === undefined ? [undefined] : [own, undefined]) {
    const layers = [...shared, extra].filter((each) => each !== undefined);
    const found = pick(request, mergeConfig(layers, { projectDirectory: project, home }).remotes);
    if (found === undefined) continue;
    // Asked only when it matters: it takes a process.
    if (extra === undefined || !(await machine.isTracked(extra.path))) return found;
  }
  return undefined;
}

function pick(request: CredentialRequest, remotes: ReadonlyMap<string, StorageConfig>): Answer | undefined {
  for (const { url, options } of remotes.values()) {
    const place = placeOf(url);
    const username = options.user ?? place?.user;
    const password = options.password ?? place?.password;
    if (place === undefined || !username || !password || !isFor(request, place.origin)) continue;
    if (request.username === undefined || request.username === username) return { username, password };
  }
  return undefined;
}

function placeOf(text: string): { origin: Origin; user: string; password: string } | undefined {
  const web = text.replace(/^(?:webdav|http)(s?):/i, 'http$1:');
  if (!/^https?:\/\//.test(web) || !URL.canParse(web)) return undefined;
  const { protocol, host, pathname, username, password } = new URL(web);
  const origin = createOrigin(protocol.slice(0, -1), host, percentDecoded(pathname), {
    provider: false,
    namedBy: 'user',
  });
  return { origin, user: percentDecoded(username), password: percentDecoded(password) };
}

function layer(level: ConfigLayer['level'], path: string): ConfigLayer | undefined {
  try {
    return { level, text: readFileSync(path, 'utf8'), path, directory: dirname(path) };
  } catch {
    return undefined;
  }
}

/** Of the project around the current directory, up to the top of the work tree. Somebody else's file is nobody's. */
function findLocal({ cwd, uid }: Machine): ConfigLayer | undefined {
  for (let folder = cwd; ; folder = dirname(folder)) {
    const path = join(folder, '.dvc', 'config.local');
    try {
      const real = realpathSync(path);
      return uid === undefined || statSync(real).uid === uid ? layer('local', real) : undefined;
    } catch {
      // Not there.
    }
    if (dirname(folder) === folder || exists(join(folder, '.git'))) return undefined;
  }
}

function exists(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined;
}
