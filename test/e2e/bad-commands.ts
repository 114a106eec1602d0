// Malformed settings, push options and addresses.
import type { Act, BadInput } from './bad-input.ts';

const git = (...args: readonly string[]): Act => ({ args });
const push = (...options: readonly string[]): Act => git('push', ...options, 'origin', 'main');
const address = (url: string): Act => git('-c', 'remote.origin.vcs=', 'fetch', '--no-tags', url, 'main');
const failed = (name: string, act: Act, code: number, ...says: readonly RegExp[]): BadInput => ({
  name,
  act,
  code,
  says,
  moves: false,
});

export const badCommands: readonly BadInput[] = [
  failed('dvcexp.jobs=many', git('-c', 'dvcexp.jobs=many', 'push', 'origin', 'main'), 1, /x/),
  failed('dvcexp.jobs=0', git('-c', 'dvcexp.jobs=0', 'push', 'origin', 'main'), 1, /x/),
  failed('dvcexp.noCache=perhaps', git('-c', 'dvcexp.noCache=perhaps', 'push', 'origin', 'main'), 1, /x/),
  failed('dvcexp.history=all', git('-c', 'dvcexp.history=all', 'push', 'origin', 'main'), 1, /x/),
  failed('DVCEXP_JOBS=-1', { ...push(), env: { DVCEXP_JOBS: '-1' } }, 1, /x/),
  failed('dvcexp.remote=nowhere', git('-c', 'dvcexp.remote=nowhere', 'push', 'origin', 'main'), 1, /x/),
  failed('push option dvcexp.no-cach', push('-o', 'dvcexp.no-cach'), 1, /x/),
  failed('push option dvcexp.jobs=lots', push('-o', 'dvcexp.jobs=lots'), 1, /x/),
  failed('push option dvcexp.remote without a name', push('-o', 'dvcexp.remote'), 1, /x/),
  failed('push option with an escape sequence', push('-o', 'dvcexp.\u001b[2J'), 1, /x/),
  failed('protocol.file.allow=perhaps', git('-c', 'protocol.file.allow=perhaps', 'push', 'origin', 'main'), 128, /x/),
  {
    ...failed(
      'dvcexp.fetchData=maybe, met in a fetch',
      git('-c', 'dvcexp.fetchData=maybe', 'fetch', 'origin'),
      128,
      /x/,
    ),
  },
  failed('an empty address', address('dvcexp::'), 128, /x/),
  failed('a command for an address', address('dvcexp::ext::sh -c touch% ran'), 128, /x/),
  failed('a command behind two prefixes', address('dvcexp::dvcexp::ext::sh -c touch% ran'), 128, /x/),
  failed('a file descriptor for an address', address('dvcexp::fd::7'), 128, /x/),
  failed('an option for an address', address('dvcexp::--upload-pack=touch ran'), 128, /x/),
  failed('an option for an ssh host', address('dvcexp::ssh://-oProxyCommand=touch%20ran/x'), 128, /x/),
  failed('an option for an scp-like host', address('dvcexp::-oProxyCommand=touch ran:x'), 128, /x/),
  failed('an option for an ssh path', address('dvcexp::ssh://host/-x'), 128, /x/),
  failed('a request within a git:// path', address('dvcexp::git://127.0.0.1:1/x%0ahost=evil'), 128, /x/),
  failed('an unknown scheme', address('dvcexp::nosuch://host/x'), 128, /x/),
  failed('a URL without a path', address('dvcexp::ssh://host'), 128, /x/),
  failed('a repository that is not there', address('dvcexp::/nonexistent/\u001b[2Jteam.git'), 128, /x/),
  failed('a port where nobody listens', address('dvcexp::git://127.0.0.1:1/x'), 128, /x/),
  failed('a scheme with a dash', address('dvcexp::-x://host/y'), 128, /x/),
];
