/**
 * A secret key of AWS as Git keeps it. With a session token both are one JSON text, since Git knows two fields only; a
 * text that only looks like it is the key itself.
 */
export function parseKeptKey(password: string): { readonly secret: string; readonly token?: string | undefined } {
  if (!password.startsWith('{"v":')) return { secret: password };
  try {
    const { v, secret, token } = JSON.parse(password) as { v?: unknown; secret?: unknown; token?: unknown };
    if (v === 1 && typeof secret === 'string') return { secret, token: typeof token === 'string' ? token : undefined };
  } catch {
    // Then it only looks like it.
  }
  return { secret: password };
}

/** The other way round. */
export function keptKey(secret: string, token: string | undefined): string {
  return token === undefined ? secret : JSON.stringify({ v: 1, secret, token });
}
