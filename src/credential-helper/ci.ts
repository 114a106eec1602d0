import { createOrigin, type Origin } from '../model/origin.ts';
import { type CredentialRequest, isFor } from './request.ts';

export interface Answer {
  readonly username: string;
  readonly password: string;
}

type Env = Readonly<Record<string, string | undefined>>;

/** A token of a CI service, and the one server that it is for. */
interface CiToken extends Answer {
  readonly server: Origin | undefined;
}

/**
 * The token that a CI service has put into the environment, for that service's own server, which its own variable names:
 * a token is shown to no other host, however alike its name.
 */
export function ciAnswer(request: CredentialRequest, env: Env): Answer | undefined {
  return tokens(env).find(
    ({ server, username, password }) =>
      server !== undefined && username !== '' && password !== '' && isFor(request, server),
  );
}

function tokens(env: Env): readonly CiToken[] {
  const word = (name: string): string => env[name] ?? '';
  const port = word('CI_SERVER_PORT');
  const own = serverOf(word('DVCEXP_GIT_HOST'), 'https');
  return [
    {
      server: word('GITHUB_ACTIONS') === 'true' ? serverOf(word('GITHUB_SERVER_URL')) : undefined,
      username: 'x-access-token',
      password: word('GITHUB_TOKEN') || word('GH_TOKEN'),
    },
    {
      server: serverOf(
        `${word('CI_SERVER_HOST')}${port === '' ? '' : `:${port}`}`,
        word('CI_SERVER_PROTOCOL') || 'https',
      ),
      username: 'gitlab-ci-token',
      password: word('CI_JOB_TOKEN'),
    },
    { server: serverOf(word('SYSTEM_COLLECTIONURI')), username: 'azure-devops', password: word('SYSTEM_ACCESSTOKEN') },
    { server: own, username: word('DVCEXP_GIT_USERNAME'), password: word('DVCEXP_GIT_PASSWORD') },
  ];
}

/** Without its path: a token is for the whole server. undefined for what names none. */
function serverOf(text: string, protocol?: string): Origin | undefined {
  const [, scheme, host = ''] = /^(?:(https?):\/\/)?([^/@?#\s]+)(?:[/?#].*)?$/i.exec(text) ?? [];
  const known = scheme?.toLowerCase() ?? protocol;
  if (host === '' || known === undefined || !/^https?$/.test(known)) return undefined;
  return createOrigin(known, host, '', { provider: false, namedBy: 'user' });
}
