import { HelperError } from '../../model/error.ts';
import type { Repeat } from '../retry.ts';
import { textOf, type WireRequest } from '../wire/request.ts';
import type { Wire } from '../wire/wire.ts';
import { parseComplaint, parseJson } from './complaint.ts';
import { ownHeaders, sent } from './exchange.ts';
import type { Failures } from './failure.ts';
import type { DriveSettings } from './settings.ts';
import type { AskTokenServer } from './token.ts';

interface Means {
  readonly wire: Wire;
  readonly settings: DriveSettings;
  readonly failures: Failures;
  readonly repeat: Repeat;
}

const host = 'oauth2.googleapis.com';

/** Asks Google's token server over our own connections, and no other, whatever credentials say (RFC 6749, 3.2). */
export function askTokenServer({ wire, settings, failures, repeat }: Means): AskTokenServer {
  const action = `storage remote '${settings.remote}': cannot sign in to Google`;
  return (form, signal) =>
    repeat(`POST ${host}`, signal, async () => {
      const body = Buffer.from(form.toString());
      const type = ['content-type', 'application/x-www-form-urlencoded'];
      const headers = ['host', host, ...ownHeaders, ...type, 'content-length', String(body.length)];
      const request: WireRequest = { method: 'POST', host, path: '/token', headers, body };
      const answer = await sent({ action }, settings, failures, signal, () => wire.send(request, signal));
      const text = textOf(answer);
      if (answer.status !== 200) throw failures.refused(parseComplaint(answer.status, answer.headers, text));
      const value = parseJson(text);
      if (value !== undefined) return value;
      throw new HelperError('unavailable', `${action}: the answer is not one of Google's`);
    });
}
