import { HelperError } from '../../model/error.ts';
import { textOf, type WireResponse } from '../wire/request.ts';
import { openWire } from '../wire/wire.ts';
import type { AccessToken } from './exchange.ts';

type Env = Readonly<Record<string, string | undefined>>;

/** The service that tells a machine of Google's cloud who it is answers at once or is not there. */
const connectMs = 1000;
const answerMs = 5000;

/**
 * An access token of the service account that this machine (Compute Engine, Kubernetes Engine, Cloud Run, …) runs as.
 * undefined: this is no such machine, or it runs as nobody. Throws `unavailable` when the service is there and fails.
 * GCE_METADATA_HOST names another place for it, NO_GCE_CHECK=true says that there is none, as to Google's libraries.
 *
 * @param scopes what the token is to be good for, as URLs; the machine's own settings bound it
 */
export async function askMetadata(env: Env, scopes: readonly string[]): Promise<AccessToken | undefined> {
  if (env.NO_GCE_CHECK?.toLowerCase() === 'true') return undefined;
  const host = env.GCE_METADATA_HOST || '169.254.169.254';
  const settings = { secure: false, ca: undefined, verifyTls: true, connectMs, stallMs: answerMs };
  // It is on this machine's own network: a proxy could only answer for somebody else.
  const wire = openWire(settings, () => undefined);
  try {
    const path = `/computeMetadata/v1/instance/service-accounts/default/token?scopes=${encodeURIComponent(scopes.join(','))}`;
    const headers = ['host', host, 'metadata-flavor', 'Google', 'accept-encoding', 'identity'];
    const response = await wire.send({ method: 'GET', host, path, headers }, AbortSignal.timeout(answerMs));
    // Other clouds have something else at the same address.
    if (response.headers['metadata-flavor'] !== 'Google' || response.status === 404) return undefined;
    return readToken(response);
  } catch (error) {
    if (error instanceof HelperError) throw error;
    return undefined;
  } finally {
    wire.close();
  }
}

function readToken(response: WireResponse): AccessToken {
  const fail = (why: string): HelperError =>
    new HelperError('unavailable', `cannot get an access token from this machine's metadata service: ${why}`);
  if (response.status !== 200) throw fail(`the answer is ${response.status}`);
  try {
    const { access_token: text, expires_in: seconds } = JSON.parse(textOf(response));
    if (typeof text === 'string' && text !== '') {
      return { text, expiresMs: typeof seconds === 'number' ? Date.now() + seconds * 1000 : undefined };
    }
  } catch {
    // Told below.
  }
  throw fail('the answer holds no token');
}
