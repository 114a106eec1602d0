/** Shorter ones stand in ordinary words. */
const shortest = 8;
const known = new Set<string>();
let forms: string[] = [];

/**
 * Notes secrets that this process holds, so that nobody gets to read them whoever quotes them: a service the request that
 * it refuses, a library the file that it cannot read. To be called wherever a secret comes in.
 */
export function conceal(...secrets: readonly (string | undefined)[]): void {
  for (const secret of secrets) {
    if (secret === undefined || secret.length < shortest || known.has(secret)) continue;
    known.add(secret);
    forms = [...new Set([...forms, ...formsOf(secret)])].sort((a, b) => b.length - a.length);
  }
}

/** The text with every secret that is known replaced, as it is, as a part of a URL, in JSON, and in Base64. */
export function withoutSecrets(text: string): string {
  let shown = text;
  for (const form of forms) if (shown.includes(form)) shown = shown.replaceAll(form, '<redacted>');
  return shown;
}

function formsOf(secret: string): readonly string[] {
  const quoted = JSON.stringify(secret).slice(1, -1);
  return [secret, encodeURIComponent(secret), quoted, ...base64Forms(secret)].filter(
    ({ length }) => length >= shortest,
  );
}

/** Three, by what stands before it, each without the digits that its neighbours have a part in. */
function base64Forms(secret: string): readonly string[] {
  return [0, 1, 2].map((shift) => {
    const bytes = Buffer.from(`${'x'.repeat(shift)}${secret}`);
    const whole = bytes.subarray(shift === 0 ? 0 : 3, bytes.length - (bytes.length % 3));
    return whole.toString('base64');
  });
}
