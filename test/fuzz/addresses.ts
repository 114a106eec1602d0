// Places as strangers write them: URLs of storage, what trust is given to, proxies, and what ssh says of a host.
import { PassThrough } from 'node:stream';
import { parseRequest } from '../../src/credential-helper/request.ts';
import { serialize } from '../../src/git/credential.ts';
import { parseInnerUrl, withoutOwnPrefix } from '../../src/git/inner-url.ts';
import { checkWords } from '../../src/git/policy.ts';
import { HelperError } from '../../src/model/error.ts';
import { createOrigin, type Origin, originUrl } from '../../src/model/origin.ts';
import { displayUrl } from '../../src/report/printable.ts';
import { parseConnectionString } from '../../src/storage/azure/connection-string.ts';
import { locateStorage } from '../../src/storage/open.ts';
import type { Program, StorageContext } from '../../src/storage/remote.ts';
import { readClientConfig } from '../../src/storage/ssh/client-config.ts';
import { readSshSettings } from '../../src/storage/ssh/settings.ts';
import { parseProxy, proxyHeaders } from '../../src/storage/wire/proxy.ts';
import { isTrustedBy, parseOriginUrl } from '../../src/trust/pins.ts';
import type { Campaign } from './campaign.ts';
import { attempt, control, textOf, tokens, words } from './text.ts';

const secret = 's3cr3tpw';
const part = /[:/@?#[\]]+/g;
const odd = words(
  ...[
    '..',
    '%2e%2e',
    '%00',
    '%zz',
    '%',
    '\u0000',
    '\n',
    '\r',
    '\t',
    ' ',
    '\\',
    '-oProxyCommand=x',
    '-',
    '\u202e',
    'ü',
    '。',
    '＠',
  ],
  ...[
    '[::1]',
    '[',
    ']',
    ':',
    '::',
    '://',
    '//',
    '@',
    '?',
    '#',
    ':0',
    ':65536',
    ':22',
    '127.0.0.1',
    '169.254.169.254',
    "'",
    '"',
    '$',
    '`',
    ';',
  ],
  ...['dvcexp::', 'ext::', '~', '{}', '__proto__', 'localhost', 'EXAMPLE.com.', '\ud800', '^', '|'],
);

const storageUrls = [
  's3://bucket/prefix/deeper',
  'gs://bucket/prefix',
  'azure://container/prefix',
  `ssh://ada:${secret}@host.example:2222/srv/data`,
  `http://ada:${secret}@files.example:8080/data`,
  `https://ada:${secret}@files.example/data`,
  `webdav://ada:${secret}@[::1]:8080/dav`,
  `webdavs://ada:${secret}@share.example/dav/ü`,
  'gdrive://root/path',
  '/srv/data',
];
const schemeOf = (url: string): string => /^([a-z0-9]+):/.exec(url)?.[1] ?? 'local';

function complainOfOrigin(origin: Origin): string | undefined {
  const url = originUrl(origin);
  if (/[\s"'<>\\^`{|}]/.test(url) || control.test(url)) return `'${url}' is no word for a shell or a terminal`;
  if (/[@?#]/.test(url)) return `'${url}' holds more than a place`;
  if (origin.protocol === 'gdrive' || origin.protocol === 'local')
    return `'${origin.protocol}' is no protocol of a wire`;
  const back = parseOriginUrl(url);
  if (back === undefined || originUrl(back) !== url) return `'${url}' is read back as '${back && originUrl(back)}'`;
  if (!isTrustedBy(url, origin)) return `trust in '${url}' does not cover it`;
  if (isTrustedBy('https://other.example', origin) && !/^https:\/\/other\.example/.test(url))
    return 'trust in another host covers it';
  const { protocol, host, path } = origin;
  if (protocol === 'file') return undefined;
  const question = serialize({ protocol, host, path });
  // No line of a helper may be longer.
  if (question === undefined)
    return host === '' || path.length > 65_000 ? undefined : `Git cannot be asked for '${url}'`;
  const asked = parseRequest(question);
  // Whose path is another way to write the same.
  return asked === undefined || (asked.origin.host === host && asked.origin.protocol === protocol)
    ? undefined
    : `Git asks for '${originUrl(asked.origin)}' in place of '${url}'`;
}

/** True where the secret stands before the host of a URL, as it is meant to. */
const isUserInformation = (text: string): boolean =>
  new RegExp(`^[a-z][a-z0-9+.-]*://[^/?#\\\\]*:${secret}@[^/?#@]*(?:[/?#]|$)`, 'i').test(text) &&
  // Parsers of URLs leave these out.
  text.replace(/[\t\r\n]/g, '').split(secret).length === 2;

const storage: Campaign = {
  name: 'URLs of storage remotes',
  honest: storageUrls.map((url) => tokens(url, part)),
  dictionary: [...storageUrls.flatMap((url) => tokens(url, part)), ...odd],
  cpuMs: 1_000,
  judge: async (pieces, honest, dice) => {
    const text = textOf(pieces);
    const scheme = schemeOf(storageUrls[honest] ?? '');
    const usual = storageUrls[honest] ?? '';
    const inOption = dice.chance(0.3);
    const url = inOption ? usual : text;
    const account = { account_name: 'account' };
    const key = `DefaultEndpointsProtocol=https;AccountName=a;AccountKey=${secret};BlobEndpoint=${text}`;
    const options: Record<string, string> = inOption
      ? dice.pick<Record<string, string>>([
          { endpointurl: text },
          { connection_string: key },
          { account_name: text },
          { port: text, user: text },
        ])
      : account;
    const committed = new Set(dice.chance(0.5) ? ['url', ...Object.keys(options)] : []);
    const env = dice.chance(0.2)
      ? { AWS_ENDPOINT_URL: text, STORAGE_EMULATOR_HOST: text }
      : { AWS_ENDPOINT_URL: undefined };
    if (control.test(displayUrl(text))) return 'shown with control characters';
    const found = await attempt(() =>
      locateStorage(
        { name: 's', scheme, url, options: scheme === 'azure' ? { ...account, ...options } : options, committed },
        { env, home: '/nonexistent' },
      ),
    );
    if (found instanceof HelperError) {
      const said = [found.message, ...found.hints].join('\n');
      if (!inOption && text === usual && env.AWS_ENDPOINT_URL === undefined) return `refused an honest URL: ${said}`;
      return said.includes(secret) && (inOption ? !text.includes(secret) : isUserInformation(text))
        ? `tells the password: ${said}`
        : undefined;
    }
    if (originUrl(found).includes(secret) && isUserInformation(text))
      return `a place with a password: ${originUrl(found)}`;
    return complainOfOrigin(found);
  },
};

const trust: Campaign = {
  name: 'places that are trusted',
  honest: [
    'https://minio.corp:9000/data',
    'http://10.0.0.1/x y',
    'ssh://ada@host:2222/srv',
    'file:///srv/data',
    'all',
  ].map((text) => tokens(text, /[:/@?#[\]\s,]+/g)),
  dictionary: [...odd, ...words(' ', ',', 'all', 'https://other.example', 'https://minio.corp', '/data', 'minio.corp')],
  cpuMs: 1_000,
  judge: async (pieces, _honest, dice) => {
    const text = textOf(pieces);
    const parsed = parseOriginUrl(text);
    if (parsed !== undefined) {
      const again = parseOriginUrl(originUrl(parsed));
      if (again === undefined || originUrl(again) !== originUrl(parsed))
        return `'${originUrl(parsed)}' is read back as '${again && originUrl(again)}'`;
      if (control.test(originUrl(parsed))) return 'control characters';
    }
    const [host, path] = dice.pick([
      ['minio.corp:9000', 'data'],
      ['minio.corp', 'data2'],
      ['10.0.0.1', ''],
      ['evil.example', 'data'],
    ] as const);
    const origin = createOrigin(dice.pick(['https', 'http']), host, path, { provider: false, namedBy: 'repository' });
    if (!isTrustedBy(text, origin)) return undefined;
    const name = new RegExp(
      `(?:^|[\\s,])(?:all|${origin.protocol}://(?:[^/\\s,]*@)?${host.replace(':', ':0*')}[./:]?)`,
      'i',
    );
    return name.test(text.normalize('NFKC').replace(/。/g, '.')) || !/^[!-~\s]*$/.test(text)
      ? undefined
      : `'${text}' covers '${originUrl(origin)}'`;
  },
};

const proxies: Campaign = {
  name: 'forward proxies',
  honest: ['http://ada:p%40w@proxy.corp:3128', 'proxy.corp:3128', 'socks5://x', ''].map((text) => tokens(text, part)),
  dictionary: [...odd, ...words('http://', 'no', '*', '.corp', ',', 'share.example', '%0d%0a', '%e4')],
  cpuMs: 1_000,
  judge: async (pieces, _honest, dice) => {
    const text = textOf(pieces);
    const host = dice.pick(['share.example', '[::1]:8080', '127.0.0.1:9000']);
    const env = dice.pick([
      { https_proxy: text, http_proxy: text },
      { all_proxy: text },
      { ALL_PROXY: 'http://proxy', no_proxy: text },
    ]);
    const configuration = (key: string): string | undefined =>
      key === 'http.proxy' && dice.chance(0.3) ? text : undefined;
    const proxy = parseProxy(dice.chance(0.5), host, env, configuration);
    if (proxy === undefined) return undefined;
    if (proxy.protocol !== 'http:' || proxy.hostname === '') return `'${proxy.href}' is no proxy`;
    const headers = await attempt(() => proxyHeaders(proxy));
    return headers instanceof HelperError || !control.test(headers.join(''))
      ? undefined
      : 'a header with control characters';
  },
};

const sshLines = [
  'host storage',
  'user ada',
  'hostname files.example',
  'port 2222',
  'identityfile ~/.ssh/id_ed25519',
  'identityfile %d/.ssh/%r@%h',
  'userknownhostsfile ~/.ssh/known_hosts ~/.ssh/known_hosts2',
  'globalknownhostsfile /etc/ssh/ssh_known_hosts',
  'stricthostkeychecking ask',
  'identityagent $SSH_AUTH_SOCK',
  'proxycommand nc %h %p',
  'connecttimeout none',
  'serveraliveinterval 15',
  'serveralivecountmax 3',
].map((line) => `${line}\n`);

/** A program that says this, and ends well. */
function saying(text: string): Program {
  const stdout = new PassThrough();
  stdout.end(text);
  return {
    stdin: new PassThrough(),
    stdout,
    ended: Promise.resolve(0),
    stderrText: () => '',
    stop: () => undefined,
  } as unknown as Program;
}

const ssh: Campaign = {
  name: "answers of 'ssh -G'",
  honest: [
    words(...sshLines),
    words(...sshLines.filter((line) => !line.startsWith('proxycommand')), 'proxyjump ada@hop:22,[::1]:23\n'),
  ],
  dictionary: [
    ...words(
      ...sshLines,
      'proxyjump -oProxyCommand=x\n',
      'proxyjump ssh://a@b/\n',
      'proxyusefdpass yes\n',
      'port x\n',
      'port 99999999\n',
      'hostname -x\n',
    ),
    ...words(
      'none',
      '%',
      '%%',
      '%k',
      `\${HOME}`,
      '${',
      ' ',
      '\t',
      '\r\n',
      '\u0000',
      'identityagent none\n',
      'user\n',
      'connecttimeout 1e9\n',
      'port -1\n',
    ),
  ],
  cpuMs: 1_000,
  judge: async (pieces) => {
    const text = textOf(pieces);
    const settings = readSshSettings({
      name: 's',
      scheme: 'ssh',
      url: 'ssh://storage/srv',
      options: {},
      committed: new Set(),
    });
    const context = {
      env: { USER: 'me', HOME: '/home/me' },
      home: '/home/me',
      start: () => saying(text),
    } as unknown as StorageContext;
    const found = await attempt(() => readClientConfig(settings, context, { signal: new AbortController().signal }));
    if (found instanceof HelperError) return undefined;
    if (!(Number.isInteger(found.port) && found.port > 0 && found.port < 65_536)) return `port ${found.port}`;
    if (!Number.isFinite(found.keepaliveCount) || !Number.isFinite(found.keepaliveMs)) return 'no number to count to';
    const { proxy } = found;
    if (proxy?.program === 'ssh' && proxy.args.at(-2) !== '--') return 'a host that could be an option';
    return undefined;
  },
};

const inner: Campaign = {
  name: 'URLs of Git remotes',
  honest: [
    'dvcexp::ssh://ada@host.example:22/~/team.git',
    'ada@[::1]:team.git',
    '[host:22]:path',
    'git://host:9418/team.git',
    'https://ada:pw@host.example/team.git',
    'file:///srv/%41/team.git',
    'C:\\repo',
  ].map((url) => tokens(url, part)),
  dictionary: odd,
  cpuMs: 1_000,
  judge: async (pieces) => {
    const text = withoutOwnPrefix(textOf(pieces));
    const url = await attempt(() => parseInnerUrl(text));
    if (url instanceof HelperError) return undefined;
    if ((await attempt(() => checkWords(url))) instanceof HelperError) return undefined;
    if (url.kind === 'ssh' && url.destination.startsWith('-')) return 'an option in place of a host';
    if (url.kind !== 'helper' && url.path.startsWith('-')) return 'an option in place of a path';
    if (url.kind === 'git' && /\n/.test(url.hostAndPort + url.path)) return 'a line that adds to what git:// says';
    return url.kind === 'helper' && url.helper === 'fd' ? 'fd::' : undefined;
  },
};

const connections: Campaign = {
  name: 'connection strings of Azure',
  honest: [
    tokens(
      `DefaultEndpointsProtocol=https;AccountName=a;AccountKey=${secret}==;EndpointSuffix=core.windows.net`,
      /[=;]/g,
    ),
  ],
  dictionary: [
    ...odd,
    ...words(';', '=', 'UseDevelopmentStorage=true', 'BlobEndpoint=', 'SharedAccessSignature=', ' '),
  ],
  cpuMs: 1_000,
  judge: async (pieces) => {
    const found = parseConnectionString(textOf(pieces));
    return found !== undefined && found.endpoint === undefined ? 'a connection to nowhere' : undefined;
  },
};

export const addresses: readonly Campaign[] = [inner, storage, trust, proxies, ssh, connections];
