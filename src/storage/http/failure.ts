import { STATUS_CODES } from 'node:http';
import { HelperError } from '../../model/error.ts';
import { displayUrl, printable } from '../../report/printable.ts';
import { BusyError } from '../retry.ts';
import { connectionError, parseRetryAfter } from '../wire/failure.ts';
import type { WireResponse } from '../wire/request.ts';
import type { Call } from './call.ts';
import type { Place } from './redirect.ts';
import type { HttpSettings } from './settings.ts';

/** The error for an answer that is none of the expected: `auth`, `config`, `full` (no room), or `unavailable` for what may pass. */
export function answerError(
  call: Call,
  answer: Pick<WireResponse, 'status' | 'headers'>,
  settings: HttpSettings,
  place: Place,
): HelperError {
  const { status, headers } = answer;
  const { action, method, key } = call;
  const about = key === '' ? '' : ` ('${printable(key)}')`;
  const said = `${action}: the server answers ${status} (${STATUS_CODES[status] ?? 'unknown'}) to ${method}${about}`;
  if (status === 429 || status === 503) {
    return new BusyError(said, { retryAfterMs: parseRetryAfter(headers['retry-after']) });
  }
  if (status === 507) {
    return new HelperError('full', `${action}: there is no room left in storage (507, '${printable(key)}')`, {
      hints: ['make room there, or have the quota raised by whoever runs the server'],
    });
  }
  if (status === 413) {
    return new HelperError('io', `${action}: the server refuses objects of this size (413, '${printable(key)}')`, {
      hints: ['whoever runs the server can raise the limit'],
    });
  }
  if (status === 423) {
    return new HelperError('unavailable', `${action}: somebody has locked it (423)${about}`, {
      hints: ['try again when the other program is done'],
    });
  }
  if (status === 401 || status === 403 || status === 407) {
    if (status !== 407 && settings.refusal !== undefined) return settings.refusal;
    return new HelperError('auth', `${action}: access denied (${status} to ${method})`, {
      hints: accessHints(status, settings, place),
    });
  }
  if (status >= 300 && status < 400) return redirectError(said, headers.location, settings);
  if (status === 405 || status === 501) {
    return new HelperError('config', said, { hints: methodHints(method, settings) });
  }
  if (status >= 500 || status === 408 || status === 425) return new HelperError('unavailable', said);
  const url = `check the URL: dvc remote modify ${settings.remote} url <url>`;
  // nginx says of a method that it does not take: there is nothing of that name.
  const sending = !settings.webdav && method === settings.method;
  return new HelperError('config', said, { hints: sending ? [...methodHints(method, settings), url] : [url] });
}

function accessHints(status: number, settings: HttpSettings, place: Place): readonly string[] {
  const { login, remote, webdav } = settings;
  if (status === 407) return ['the proxy wants a user: write it as http://user:password@proxy:port'];
  if (place.host !== settings.host || place.secure !== settings.secure) {
    const url = `${place.secure ? 'https' : 'http'}://${place.host}/`;
    return [`the server redirects to '${printable(url)}', where the credentials of '${remote}' are not shown`];
  }
  const set = (option: string): string => `dvc remote modify --local ${remote} ${option} <${option}>`;
  if (login.kind === 'header') {
    return [
      `what '${remote}' sends in the header '${printable(login.name)}' is not taken; set it anew with: ${set(
        login.name === 'authorization' ? 'token' : 'password',
      )}`,
    ];
  }
  if (login.kind !== 'none' && login.user !== undefined) {
    const known = `the user '${printable(login.user)}' of '${remote}'`;
    if (status === 403) return [`${known} may not do this; whoever runs the server can allow it`];
    return [`the password of ${known} is not taken; set it with: ${set('password')}`];
  }
  const first = webdav
    ? `${set('user')} and ${set('password')}`
    : `dvc remote modify ${remote} auth basic, ${set('user')} and ${set('password')}`;
  return [`no user is set; set one with: ${first}`];
}

function redirectError(said: string, location: string | undefined, { remote }: HttpSettings): HelperError {
  const target = location === undefined ? 'nowhere' : `'${displayUrl(location)}'`;
  return new HelperError('config', `${said} and leads to ${target}, where we do not follow`, {
    hints: [`name the place itself: dvc remote modify ${remote} url <url>`],
  });
}

function methodHints(method: string, { webdav, remote }: HttpSettings): readonly string[] {
  if (['GET', 'HEAD'].includes(method)) return [`check the URL: dvc remote modify ${remote} url <url>`];
  if (webdav) return ['is this URL spoken to by WebDAV, and may it be written?'];
  const other = method === 'PUT' ? 'POST' : 'PUT';
  return [
    `if it takes ${other}: dvc remote modify ${remote} method ${other}`,
    'a server that only gives out files can be fetched from and not pushed to',
  ];
}

/** The error for a connection that did not work out. An abort and what the content threw pass unchanged. */
export function brokenError({ action }: Call, error: unknown, settings: HttpSettings): unknown {
  const { remote, secure, host } = settings;
  return connectionError(action, error, {
    trust: [
      `name the authority's certificate: dvc remote modify --local ${remote} ssl_verify /path/to/ca.pem`,
      'or set git config http.sslCAInfo to that file',
    ],
    plain: [
      `without TLS the URL begins ${settings.webdav ? "'webdav://'" : "'http://'"}: dvc remote modify ${remote} url <url>`,
    ],
    reach: [`can this machine reach '${secure ? 'https' : 'http'}://${printable(host)}', the server of '${remote}'?`],
  });
}
