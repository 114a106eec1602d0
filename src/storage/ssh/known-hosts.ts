import { createHash, createHmac } from 'node:crypto';

/** What the files say of a host key. `where` is `file line 3`, for messages. */
export type Verdict =
  | { readonly kind: 'known' | 'unknown' }
  | { readonly kind: 'changed' | 'revoked' | 'authority'; readonly where: string };

/** A file in the format of sshd(8), SSH_KNOWN_HOSTS FILE FORMAT. */
export interface KnownHostsFile {
  readonly path: string;
  readonly text: string;
}

interface Line {
  readonly marker: string;
  readonly hosts: string;
  readonly type: string;
  readonly key: string;
  readonly where: string;
}

/** All that known_hosts files say of one host. */
export interface KnownHost {
  /** Key types that the host is known by, as in `ssh-ed25519`: those to ask it for first. */
  readonly types: readonly string[];
  /** @param key as it goes over the wire (RFC 4253, 6.6) */
  judge(key: Uint8Array): Verdict;
}

/** @param names what the host may be called; the first that has an entry counts */
export function findHost(files: readonly KnownHostsFile[], names: readonly string[]): KnownHost {
  const lines = files.flatMap(readLines);
  const about = (name: string, marker: string): readonly Line[] =>
    lines.filter((line) => line.marker === marker && matches(line.hosts, name));
  const plain = names.map((name) => about(name, '')).find((found) => found.length > 0) ?? [];
  const authority = names.flatMap((name) => about(name, '@cert-authority'))[0];
  const revoked = names.flatMap((name) => about(name, '@revoked'));
  return {
    types: [...new Set(plain.map(({ type }) => type))],
    judge(key) {
      const text = Buffer.from(key).toString('base64');
      const bad = revoked.find((line) => line.key === text);
      if (bad !== undefined) return { kind: 'revoked', where: bad.where };
      if (plain.some((line) => line.key === text)) return { kind: 'known' };
      // A key of another type is a change as well: types that are known were asked for first.
      if (plain[0] !== undefined) return { kind: 'changed', where: plain[0].where };
      return authority === undefined ? { kind: 'unknown' } : { kind: 'authority', where: authority.where };
    },
  };
}

/** `SHA256:` and base64 without padding, as ssh prints it. */
export function fingerprint(key: Uint8Array): string {
  return `SHA256:${createHash('sha256').update(key).digest('base64').replace(/=+$/, '')}`;
}

/** The type that a key on the wire starts with. */
export function typeOf(key: Uint8Array): string {
  const bytes = Buffer.from(key);
  return bytes.toString('latin1', 4, 4 + bytes.readUInt32BE(0));
}

/** A line for a new host, its name hashed when a salt of 20 bytes is given. */
export function knownHostsLine(name: string, key: Uint8Array, salt: Uint8Array | undefined): string {
  const host = salt === undefined ? name : `|1|${Buffer.from(salt).toString('base64')}|${hashName(name, salt)}`;
  return `${host} ${typeOf(key)} ${Buffer.from(key).toString('base64')}\n`;
}

function hashName(name: string, salt: Uint8Array): string {
  return createHmac('sha1', salt).update(name).digest('base64');
}

function readLines({ path, text }: KnownHostsFile): Line[] {
  return text.split(/\r?\n/).flatMap((line, at) => {
    const words = line.trim().split(/[ \t]+/);
    const marker = words[0]?.startsWith('@') === true ? (words.shift() ?? '') : '';
    const [hosts = '', type = '', key = ''] = words;
    // An RSA1 line has a number here; its keys are of no use any more.
    if (hosts.startsWith('#') || !/^[a-z]/.test(type) || key === '') return [];
    return [{ marker, hosts, type, key, where: `${path} line ${at + 1}` }];
  });
}

function matches(hosts: string, name: string): boolean {
  if (hosts.startsWith('|')) {
    const [, version, salt = '', hash] = hosts.split('|');
    return version === '1' && hashName(name, Buffer.from(salt, 'base64')) === hash;
  }
  const patterns = hosts.toLowerCase().split(',');
  const hit = (pattern: string): boolean => wildcard(pattern).test(name);
  if (patterns.some((pattern) => pattern.startsWith('!') && hit(pattern.slice(1)))) return false;
  return patterns.some((pattern) => !pattern.startsWith('!') && hit(pattern));
}

function wildcard(pattern: string): RegExp {
  const escaped = pattern.replace(/[.+^${}()|[\]\\]/g, '\\$&');
  return new RegExp(`^${escaped.replaceAll('*', '.*').replaceAll('?', '.')}$`);
}
