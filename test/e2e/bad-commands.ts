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
  failed(
    'dvcexp.jobs=many',
    git('-c', 'dvcexp.jobs=many', 'push', 'origin', 'main'),
    1,
    /^error: git config dvcexp\.jobs: 'many' is not a number from 1 to 9999\n/,
  ),
  failed(
    'DVCEXP_JOBS=-1',
    { ...push(), env: { DVCEXP_JOBS: '-1' } },
    1,
    /^error: environment variable DVCEXP_JOBS: '-1' is not a number from 1 to 9999\n/,
  ),
  failed(
    'dvcexp.remote=nowhere',
    git('-c', 'dvcexp.remote=nowhere', 'push', 'origin', 'main'),
    1,
    /^error: storage remote 'nowhere' is not configured\nhint: dvc remote add nowhere <url>\nhint: configured are 'storage'\n/,
  ),
  failed(
    'push option dvcexp.no-cach',
    push('-o', 'dvcexp.no-cach'),
    1,
    /^error: unknown push option 'dvcexp\.no-cach'\nhint: known are .*dvcexp\.no-cache, .*\n/,
  ),
  failed(
    'push option with an escape sequence',
    push('-o', 'dvcexp.\u001b[2J'),
    1,
    /^error: unknown push option 'dvcexp\.\\x1b\[2J'\nhint: known are .*\n/,
  ),
  failed(
    'protocol.file.allow=perhaps',
    git('-c', 'protocol.file.allow=perhaps', 'push', 'origin', 'main'),
    128,
    /^fatal: unknown value for config 'protocol\.file\.allow': perhaps\n/,
  ),
  {
    ...failed(
      'dvcexp.fetchData=maybe, met in a fetch',
      git('-c', 'dvcexp.fetchData=maybe', 'fetch', 'origin'),
      128,
      /^fatal: git config dvcexp\.fetchData: 'maybe' is none of auto, all, exps, none\n/,
    ),
  },
  failed(
    'an empty address',
    address('dvcexp::'),
    128,
    /^fatal: no path specified in ''; see 'git help pull' for valid url syntax\n/,
  ),
  failed(
    'a command for an address',
    address('dvcexp::ext::sh -c touch% ran'),
    128,
    /^fatal: transport 'ext' not allowed\n/,
  ),
  failed(
    'a command behind two prefixes',
    address('dvcexp::dvcexp::ext::sh -c touch% ran'),
    128,
    /^fatal: transport 'ext' not allowed\n/,
  ),
  failed(
    'a file descriptor for an address',
    address('dvcexp::fd::7'),
    128,
    /^fatal: 'fd::' does not work behind 'dvcexp::'\n/,
  ),
  failed(
    'an option for an address',
    address('dvcexp::--upload-pack=touch ran'),
    128,
    /^fatal: strange pathname '--upload-pack=touch ran' blocked\n/,
  ),
  failed(
    'an option for an ssh host',
    address('dvcexp::ssh://-oProxyCommand=touch%20ran/x'),
    128,
    /^fatal: strange hostname '-oProxyCommand=touch ran' blocked\n/,
  ),
  failed(
    'an option for an scp-like host',
    address('dvcexp::-oProxyCommand=touch ran:x'),
    128,
    /^fatal: strange hostname '-oProxyCommand=touch ran' blocked\n/,
  ),
  failed(
    'a request within a git:// path',
    address('dvcexp::git://127.0.0.1:1/x%0ahost=evil'),
    128,
    /^fatal: newline is forbidden in git:\/\/ hosts and repo paths\n/,
  ),
  failed(
    'an unknown scheme',
    address('dvcexp::nosuch://host/x'),
    128,
    /^git: 'remote-nosuch' is not a git command\. See 'git --help'\./,
  ),
  failed(
    'a repository that is not there',
    address('dvcexp::/nonexistent/\u001b[2Jteam.git'),
    128,
    /^fatal: '\/nonexistent\/.*team\.git' does not appear to be a git repository\n/,
  ),
  failed(
    'a port where nobody listens',
    address('dvcexp::git://127.0.0.1:1/x'),
    128,
    /^fatal: unable to connect to 127\.0\.0\.1 \(port 1\): .*\n/,
  ),
];
