import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, createReadStream, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join, relative } from 'node:path';
import { makeKey, makeSshHome, startSftpServer } from '../../test/kit/sshd.ts';
import { searchPath } from './machine.ts';
import type { Service, Store, Stored } from './service.ts';

/** Of the OpenSSH that is installed, with that of its library. */
export function sshVersion(): string {
  return spawnSync('ssh', ['-V'], { encoding: 'utf8', timeout: 10_000 }).stderr.trim();
}

/** Starts OpenSSH's sshd with SFTP on 127.0.0.1, over a directory of its own. */
export async function openSshService(): Promise<Service> {
  const top = mkdtempSync(join(tmpdir(), 'dvcexp-bench-ssh-'));
  const keyfile = makeKey(join(top, 'key'));
  const hostKey = makeKey(join(top, 'host'));
  const data = join(top, 'data');
  mkdirSync(data);
  const sshd = await startSftpServer(join(top, 'sshd'), { hostKey, authorized: `${keyfile}.pub` });
  const home = makeSshHome(join(top, 'home'));
  home.trust(sshd.port, hostKey);
  return {
    store: openFolders(data),
    // The `ssh` of that PATH knows the host, which OpenSSH would look up in the home of the password file.
    env: { PATH: [join(home.directory, 'bin'), searchPath()].join(delimiter) },
    options: (bucket, prefix) => ({
      url: `ssh://127.0.0.1:${sshd.port}${join(data, bucket, prefix)}`,
      user: sshd.user,
      keyfile,
    }),
    access: { port: String(sshd.port), user: sshd.user, keyfile, knownHosts: home.knownHosts },
    countRequests: async () => new Map(),
    cpuS: () => undefined,
    async close() {
      await sshd.stop();
      rmSync(top, { recursive: true, force: true });
    },
  };
}

/** The server's directory, looked at from behind. */
function openFolders(top: string): Store {
  return {
    async makeBucket(name) {
      mkdirSync(join(top, name));
    },
    async dropBucket(name) {
      rmSync(join(top, name), { recursive: true });
    },
    async fill(bucket, prefix, directory, paths) {
      for (const path of paths) {
        const target = join(top, bucket, prefix, path);
        mkdirSync(dirname(target), { recursive: true });
        cpSync(join(directory, path), target);
      }
    },
    async list(bucket, prefix) {
      const base = join(top, bucket, prefix);
      const found = new Map<string, Stored>();
      for (const entry of readdirSync(base, { recursive: true, withFileTypes: true })) {
        if (entry.isDirectory()) continue;
        const path = join(entry.parentPath, entry.name);
        found.set(relative(base, path), { sizeBytes: statSync(path).size, etag: await md5Of(path) });
      }
      return found;
    },
    md5: (bucket, key) => md5Of(join(top, bucket, key)),
    close() {},
  };
}

async function md5Of(path: string): Promise<string> {
  const hash = createHash('md5');
  for await (const chunk of createReadStream(path)) hash.update(chunk);
  return hash.digest('hex');
}
