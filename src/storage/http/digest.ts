import { createHash, randomBytes } from 'node:crypto';

/** Answers to the challenges of one server (RFC 7616). */
export interface Digest {
  /**
   * Takes the challenge of a 401. True when the request is worth repeating: there is an answer, or the server only
   * wants a newer nonce than the one `sent` was made with.
   */
  take(challenge: string | undefined, sent: string | undefined): boolean;
  /** Value of `Authorization`; undefined until there was a challenge. */
  answer(method: string, target: string): string | undefined;
}

interface Challenge {
  readonly realm: string;
  readonly nonce: string;
  readonly opaque: string | undefined;
  /** With `qop=auth`; without it the answer is that of RFC 2069. */
  readonly counted: boolean;
  readonly algorithm: string | undefined;
  readonly hash: 'md5' | 'sha256';
  readonly session: boolean;
}

export function openDigest(user: string, password: string): Digest {
  let challenge: Challenge | undefined;
  let count = 0;
  return {
    take(text, sent) {
      const fresh = parseChallenge(text ?? '');
      if (fresh === undefined) return false;
      const stale = /\bstale\s*=\s*"?true/i.test(text ?? '');
      // Another request may have brought a newer challenge meanwhile.
      const outdated = challenge !== undefined && sent !== undefined && !sent.includes(`nonce="${challenge.nonce}"`);
      if (sent !== undefined && !stale && !outdated) return false;
      if (challenge?.nonce !== fresh.nonce) count = 0;
      challenge = fresh;
      return true;
    },
    answer(method, target) {
      if (challenge === undefined) return undefined;
      count += 1;
      return respond(challenge, { user, password, method, target, count });
    },
  };
}

/** The first Digest challenge whose algorithm we know, out of `WWW-Authenticate`. */
function parseChallenge(text: string): Challenge | undefined {
  for (const [, fields = ''] of text.matchAll(
    /\bDigest\s+((?:[\w-]+\s*=\s*(?:"(?:[^"\\]|\\.)*"|[^\s,"]+)\s*,?\s*)+)/gi,
  )) {
    const field = (name: string): string | undefined => {
      const found = new RegExp(`(?:^|[\\s,])${name}\\s*=\\s*(?:"((?:[^"\\\\]|\\\\.)*)"|([^\\s,"]+))`, 'i').exec(fields);
      return found?.[1] ?? found?.[2];
    };
    const algorithm = field('algorithm');
    const [, sha, session] = /^(?:md5|(sha-256))(-sess)?$/i.exec(algorithm ?? 'MD5') ?? [];
    const known = /^(?:md5|sha-256)(?:-sess)?$/i.test(algorithm ?? 'MD5');
    const nonce = field('nonce');
    const qop = field('qop');
    if (!known || nonce === undefined || (qop !== undefined && !/\bauth(?!-)/.test(qop))) continue;
    return {
      realm: field('realm') ?? '',
      nonce,
      opaque: field('opaque'),
      counted: qop !== undefined,
      algorithm,
      hash: sha === undefined ? 'md5' : 'sha256',
      session: session !== undefined,
    };
  }
  return undefined;
}

interface Asked {
  readonly user: string;
  readonly password: string;
  readonly method: string;
  readonly target: string;
  readonly count: number;
}

function respond(challenge: Challenge, { user, password, method, target, count }: Asked): string {
  const { realm, nonce, opaque, counted, algorithm } = challenge;
  const hash = (text: string): string => createHash(challenge.hash).update(text).digest('hex');
  const clientNonce = randomBytes(12).toString('hex');
  const secret = hash(`${user}:${realm}:${password}`);
  const first = challenge.session ? hash(`${secret}:${nonce}:${clientNonce}`) : secret;
  const number = count.toString(16).padStart(8, '0');
  const middle = counted ? `${nonce}:${number}:${clientNonce}:auth` : nonce;
  const response = hash(`${first}:${middle}:${hash(`${method}:${target}`)}`);
  const quoted = (text: string): string => `"${text.replace(/["\\]/g, '\\$&')}"`;
  return [
    `Digest username=${quoted(user)}, realm="${realm}", nonce="${nonce}", uri=${quoted(target)}, response="${response}"`,
    ...(counted ? [`qop=auth, nc=${number}, cnonce="${clientNonce}"`] : []),
    ...(opaque === undefined ? [] : [`opaque="${opaque}"`]),
    ...(algorithm === undefined ? [] : [`algorithm=${algorithm}`]),
  ].join(', ');
}
