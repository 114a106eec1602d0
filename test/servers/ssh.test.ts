import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before } from 'node:test';
import { testStorage } from '../conformance/storage.ts';
import { makeKey, makeSshHome, openSsh, type Sshd, type SshHome, startSftpServer } from '../kit/sshd.ts';

const top = mkdtempSync(join(tmpdir(), 'dvcexp-ssh-'));
let sshd: Sshd;
let home: SshHome;
before(async () => {
  home = makeSshHome(join(top, 'home'));
  const key = makeKey(join(home.directory, '.ssh', 'id_ed25519'));
  sshd = await startSftpServer(join(top, 'sshd'), { authorized: `${key}.pub` });
  home.configure('Host 127.0.0.1', `IdentityFile ${key}`, 'IdentitiesOnly yes');
  home.trust(sshd.port, join(top, 'sshd', 'host'));
});
after(async () => {
  await sshd?.stop();
  rmSync(top, { recursive: true, force: true });
});

let base = '';
testStorage('SFTP on OpenSSH', {
  open(prefix = 'store') {
    base = join(mkdtempSync(join(top, 'base-')), prefix);
    return openSsh(home, `ssh://127.0.0.1:${sshd.port}${base}`);
  },
  async leftovers() {
    if (!existsSync(base)) return [];
    return readdirSync(base, { recursive: true, withFileTypes: true })
      .filter((entry) => !entry.isDirectory())
      .map((entry) => entry.name);
  },
  bigBytes: 8 << 20,
});
