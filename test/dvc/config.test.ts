import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Config, type ConfigLayer, configLayerPaths, mergeConfig, requireRemote } from '../../src/dvc/config.ts';
import { HelperError } from '../../src/model/error.ts';
import { isCloudVersioned } from '../../src/model/storage-config.ts';

const home = '/home/ann';
const project = '/home/ann/code/project';

function layer(level: ConfigLayer['level'], text: string): ConfigLayer {
  const places = {
    system: '/etc/xdg/dvc',
    global: `${home}/.config/dvc`,
    repo: `${project}/.dvc`,
    local: `${project}/.dvc`,
  };
  const path = level === 'local' ? '.dvc/config.local' : level === 'repo' ? '.dvc/config' : `${places[level]}/config`;
  return { level, text, path, directory: places[level] };
}

function merge(texts: Partial<Record<ConfigLayer['level'], string>>, workTree?: string): Config {
  const layers = Object.entries(texts).map(([level, text]) => layer(level as ConfigLayer['level'], text));
  return mergeConfig(layers, { projectDirectory: project, home, ...(workTree === undefined ? {} : { workTree }) });
}

/** A remote `s` of one layer. */
const remote = (...lines: string[]): string => `['remote "s"']\n${lines.join('\n')}\n`;

function failure(work: () => unknown): HelperError {
  try {
    work();
  } catch (error) {
    assert.ok(error instanceof HelperError, String(error));
    assert.equal(error.code, 'config');
    return error;
  }
  return assert.fail('nothing was thrown');
}

test('without configuration there is a cache and nothing else', () => {
  const config = merge({});
  assert.equal(config.cacheDirectory, `${project}/.dvc/cache`);
  assert.equal(config.cacheShared, undefined);
  assert.equal(config.defaultRemote, undefined);
  assert.deepEqual([...config.remotes], []);
  assert.deepEqual([config.warnings, config.ignored], [[], []]);
});

test('layers lie over one another key by key, whatever order they come in', () => {
  const config = merge({
    local: `[core]\nremote = S\n${remote('password = secret')}`,
    repo: `[core]\nremote = other\n${remote('url = webdavs://host/base', 'user = repo')}`,
    global: remote('user = global', 'timeout = 7'),
    system: `[cache]\nshared = GROUP\n${remote('jobs = 3', 'timeout = 5')}`,
  });
  assert.equal(config.defaultRemote, 's');
  assert.equal(config.cacheShared, 'group');
  assert.deepEqual(requireRemote(config, 'S'), {
    name: 's',
    scheme: 'webdavs',
    url: 'webdavs://host/base',
    options: { jobs: '3', timeout: '7', user: 'repo', password: 'secret' },
    committed: new Set(['url', 'user']),
  });
});

test('a later layer takes back that a key was committed', () => {
  const config = merge({ repo: remote('url = s3://b/p', 'region = x'), local: remote('url = s3://own/p') });
  assert.deepEqual(config.remotes.get('s')?.committed, new Set(['region']));
});

test('an empty core.remote takes back the default', () => {
  assert.equal(merge({ repo: '[core]\nremote = s', local: '[core]\nremote =' }).defaultRemote, undefined);
});

const urls: readonly (readonly [level: 'global' | 'repo', written: string, scheme: string, url: string])[] = [
  ['repo', '../../store', 'local', '/home/ann/code/store'],
  ['repo', 'store', 'local', `${project}/.dvc/store`],
  ['repo', '/srv/store/', 'local', '/srv/store'],
  ['repo', '~/store', 'local', '/home/ann/store'],
  ['repo', '~', 'local', '/home/ann'],
  ['global', 'store', 'local', '/home/ann/.config/dvc/store'],
  ['repo', 's3://bucket/prefix', 's3', 's3://bucket/prefix'],
  ['repo', 'S3://Bucket/Prefix', 's3', 'S3://Bucket/Prefix'],
  ['repo', 'gdrive://root/x', 'gdrive', 'gdrive://root/x'],
  ['repo', 'ssh://ann@host:22/srv/x', 'ssh', 'ssh://ann@host:22/srv/x'],
  ['repo', '"C:/x, y"', 'local', `${project}/.dvc/C:/x, y`],
];

for (const [level, written, scheme, url] of urls) {
  test(`in the ${level} layer the url ${written} is ${url}`, () => {
    const found = requireRemote(merge({ [level]: remote(`url = ${written}`) }), 's');
    assert.deepEqual([found.scheme, found.url], [scheme, url]);
  });
}

test('file options of a local layer become absolute', () => {
  const config = merge({
    local: remote('url = s3://b', 'credentialpath = ../aws', 'configpath = ~/aws.ini', 'keyfile = /k', 'cert_path ='),
  });
  assert.deepEqual(config.remotes.get('s')?.options, {
    credentialpath: `${project}/aws`,
    configpath: '/home/ann/aws.ini',
    keyfile: '/k',
  });
});

test('remote:// takes the url and the options of the other remote', () => {
  const config = merge({
    repo: `[remote "base"]\nurl = s3://b/p\nregion = r\nprofile = q\n[remote "Mid"]\nurl = remote://Base/m\nprofile = m\n`,
    local: remote('url = remote://mid//d/e', 'region = own'),
  });
  assert.deepEqual(config.remotes.get('s'), {
    name: 's',
    scheme: 's3',
    url: 's3://b/p/m/d/e',
    options: { region: 'own', profile: 'm' },
    committed: new Set(['url', 'profile']),
  });
});

test('remote:// of a local path', () => {
  const config = merge({ repo: `[remote "base"]\nurl = ../../store\n${remote('url = remote://base/sub/')}` });
  assert.deepEqual(
    [config.remotes.get('s')?.scheme, config.remotes.get('s')?.url],
    ['local', '/home/ann/code/store/sub/'],
  );
});

const brokenRemotes: readonly (readonly [name: string, text: string, message: string, hint?: string])[] = [
  ['no url', remote('region = x'), "storage remote 's' has no 'url'", 'dvc remote modify s url <url>'],
  ['an empty url', remote('url ='), "storage remote 's' has no 'url'", 'dvc remote modify s url <url>'],
  [
    'a list for a url',
    remote('url = /a, b'),
    "'.dvc/config' line 2: 'url' of storage remote 's' is a list",
    'put a value that holds a comma in double quotes',
  ],
  [
    'file://',
    remote('url = file:///srv/x'),
    "'.dvc/config' line 2: storage remote 's' has the URL 'file:///srv/x', and DVC knows no 'file://'",
    'dvc remote modify s url <absolute path>',
  ],
  [
    'no bucket',
    remote('url = s3:///x'),
    "'.dvc/config' line 2: storage remote 's' has the URL 's3:///x' without a bucket or host",
    'dvc remote modify s url s3://<bucket or host>/<path>',
  ],
  [
    'no folder',
    remote('url = gdrive://'),
    "'.dvc/config' line 2: storage remote 's' has the URL 'gdrive://' without a bucket or host",
    'dvc remote modify s url gdrive://<bucket or host>/<path>',
  ],
  [
    'the home of another user',
    remote('url = ~bob/x'),
    "'.dvc/config' line 2: storage remote 's' names the home directory of another user: '~bob/x'",
  ],
  [
    'a network share',
    remote('url = \\\\evil\\share'),
    "'.dvc/config' line 2: storage remote 's' names the network share '\\\\evil\\share', which a repository may not",
  ],
  [
    'a line feed in the url',
    remote('url = """s3://a\nb"""'),
    "'.dvc/config' line 2: 'url' of storage remote 's' holds a control character",
  ],
  [
    'no boolean',
    remote('url = /x', 'verify = maybe'),
    "'.dvc/config' line 3: 'verify' of storage remote 's' is neither true nor false",
  ],
  ['no number', remote('url = /x', 'jobs = 4x'), "'.dvc/config' line 3: 'jobs' of storage remote 's' is not a number"],
  [
    'a reference to nothing',
    remote('url = remote://gone/x'),
    "storage remote 'gone' is not configured, but 'remote://gone' refers to it",
  ],
  [
    'a circle',
    `[remote "a"]\nurl = remote://s\n${remote('url = remote://a/x')}`,
    "storage remotes refer to one another without end: 's' → 'a' → 's'",
    'dvc remote modify s url <url of the storage>',
  ],
];

for (const [name, text, message, hint] of brokenRemotes) {
  test(`a remote with ${name} stops only those who use it`, () => {
    const config = merge({ repo: `[remote "ok"]\nurl = /srv/ok\n${text}` });
    assert.equal(requireRemote(config, 'ok').url, '/srv/ok');
    const error = failure(() => requireRemote(config, 's'));
    assert.equal(
      error.message.replace(/line (\d+)/, (_, line) => `line ${Number(line) - 2}`),
      message,
    );
    if (hint !== undefined) assert.equal(error.hints[0], hint);
  });
}

test('a chain without end is refused, not followed', () => {
  const text = Array.from({ length: 5000 }, (_, i) => `[remote "r${i}"]\nurl = remote://r${i + 1}/x`).join('\n');
  const error = failure(() => requireRemote(merge({ repo: text }), 'r0'));
  assert.match(error.message, /without end/);
});

test('an unknown remote names the known ones', () => {
  const error = failure(() => requireRemote(merge({ repo: remote('url = /x') }), 'Gone'));
  assert.equal(error.message, "storage remote 'Gone' is not configured");
  assert.deepEqual(error.hints, ['dvc remote add Gone <url>', "configured are 's'"]);
});

test('a name that a shell would run is not put into a hint', () => {
  const error = failure(() => requireRemote(merge({ repo: '[remote "$(rm x)"]\njobs = 1' }), '$(rm x)'));
  assert.deepEqual(error.hints, ['dvc remote modify <name> url <url>']);
});

test('keys that run commands, name files or weaken the connection do not count when they are committed', () => {
  const bad = [
    ...[
      'bearer_token_command = touch x',
      'configpath = ../aws.ini',
      'credentialpath = c',
      'cert_path = c',
      'key_path = k',
    ],
    ...['gdrive_user_credentials_file = f', 'gdrive_service_account_json_file_path = f', 'ssl_verify = false'],
    ...['use_ssl = false', 'acl = public-read', 'grant_read = x', 'grant_read_acp = x', 'grant_write_acp = x'],
    ...[
      'grant_full_control = x',
      'sse_customer_key = k',
      'proxy_to = x',
      'data_proxy_target = x',
      'keyfile = /etc/shadow',
    ],
    ...['method = DELETE'],
  ];
  const keys = bad.map((line) => line.split(' ')[0]);
  const config = merge({ repo: remote('url = s3://b/p', ...bad) });
  assert.deepEqual(config.remotes.get('s')?.options, {});
  assert.deepEqual(config.warnings, [
    `ignoring ${keys.map((key) => `'${key}'`).join(', ')} of storage remote 's': set in the repository, which may not run ` +
      'commands, name other files or weaken a connection (to use one: dvc remote modify --local s bearer_token_command <value>)',
  ]);
});

test('the same keys count in a local layer, without a word', () => {
  const config = merge({
    global: remote('configpath = /own/aws.ini'),
    repo: remote('url = s3://b/p', 'configpath = ../aws.ini', 'acl = public-read'),
    local: remote('acl = private', 'use_ssl = FALSE'),
  });
  assert.deepEqual(config.remotes.get('s')?.options, { configpath: '/own/aws.ini', acl: 'private', use_ssl: 'false' });
  assert.deepEqual(config.remotes.get('s')?.committed, new Set(['url']));
  assert.deepEqual(config.warnings, []);
});

test('harmless committed values count, within bounds', () => {
  const config = merge({
    repo: remote(
      ...['url = ssh://host/x', 'keyfile = ~/.ssh/id_ml', 'use_ssl = True', 'ssl_verify = true', 'method = PUT'],
      ...[
        'timeout = 100000',
        'read_timeout = 0',
        'connect_timeout = 30',
        'max_sessions = 1000',
        'jobs = 1e9',
        'port = 2222',
      ],
      ...['password = p', 'profile = ml'],
    ),
  });
  assert.deepEqual(config.remotes.get('s')?.options, {
    ...{ keyfile: '/home/ann/.ssh/id_ml', use_ssl: 'true', ssl_verify: 'true', method: 'PUT', timeout: '600' },
    ...{ read_timeout: '1', connect_timeout: '30', max_sessions: '16', jobs: '256', port: '2222', password: 'p' },
    profile: 'ml',
  });
  assert.deepEqual(config.warnings, []);
  assert.ok(config.remotes.get('s')?.committed.has('password'));
});

test('a committed secret goes to the place that was committed beside it and to no other', () => {
  const committed = remote(
    'url = s3://theirs/x',
    'endpointurl = https://theirs',
    'secret_access_key = k',
    'profile = p',
  );
  const theirs = merge({ repo: committed });
  assert.equal(theirs.remotes.get('s')?.options.secret_access_key, 'k');
  assert.deepEqual(theirs.warnings, []);
  for (const own of ['url = s3://ours/x', 'endpointurl = https://ours', 'port = 1', 'account_name = us']) {
    const moved = merge({ repo: committed, local: remote(own) });
    assert.deepEqual(Object.keys(moved.remotes.get('s')?.options ?? {}).includes('secret_access_key'), false, own);
    assert.equal(moved.remotes.get('s')?.committed.has('secret_access_key'), false);
    assert.equal(moved.remotes.get('s')?.options.profile, 'p');
    assert.match(moved.warnings.join(), /^ignoring 'secret_access_key' of storage remote 's': committed for another/);
  }
  const both = merge({ repo: committed, local: remote('url = s3://ours/x', 'secret_access_key = ours') });
  assert.equal(both.remotes.get('s')?.options.secret_access_key, 'ours');
  assert.deepEqual(both.warnings, []);
});

for (const path of ['~/.ssh/../.aws/credentials', '~/.sshx/id', '../key', '~bob/.ssh/id', 'file://x/.ssh/id']) {
  test(`the committed keyfile ${path} does not count`, () => {
    const config = merge({ repo: remote('url = ssh://host/x', `keyfile = ${path}`) });
    assert.deepEqual(config.remotes.get('s')?.options, {});
  });
}

test('unknown keys and sections are ignored, and told to those who ask', () => {
  const config = merge({
    repo: `x = 1\n[core]\nfuture = 1\n[studio]\ntoken = t\n[dvcexp]\na = 1\n[feature]\nb = 1\n${remote('url = /x', 'shiny = 1', 'type = reflink, copy')}`,
  });
  assert.deepEqual(config.ignored, [
    "'.dvc/config' line 1: unknown key 'x' outside of any section",
    "'.dvc/config' line 3: unknown key 'core.future'",
    "'.dvc/config' line 7: unknown section of 'dvcexp.a'",
    "'.dvc/config' line 12: unknown key 'shiny' of storage remote 's'",
  ]);
  assert.deepEqual(config.remotes.get('s')?.options, {});
  assert.deepEqual(config.warnings, []);
});

const caches: readonly (readonly [
  level: 'global' | 'repo' | 'local',
  written: string,
  directory: string | undefined,
])[] = [
  ['repo', 'cache2', `${project}/.dvc/cache2`],
  ['repo', '../data/cache', `${project}/data/cache`],
  ['repo', '../../elsewhere', undefined],
  ['repo', '/srv/cache', undefined],
  ['repo', '~/cache', undefined],
  ['repo', '../.git/objects', undefined],
  ['repo', '../x/.GIT/y', undefined],
  ['repo', 's3://b/cache', undefined],
  ['repo', '\\\\evil\\share', undefined],
  ['repo', '..x', `${project}/.dvc/..x`],
  ['local', '../../elsewhere', '/home/ann/code/elsewhere'],
  ['local', '~/cache', '/home/ann/cache'],
  ['global', 'c', '/home/ann/.config/dvc/c'],
];

for (const [level, written, directory] of caches) {
  test(`cache.dir = ${written} in the ${level} layer ${directory === undefined ? 'does not count' : 'counts'}`, () => {
    const config = merge({ [level]: `[cache]\ndir = ${written}\n` });
    assert.equal(config.cacheDirectory, directory ?? `${project}/.dvc/cache`);
    assert.deepEqual(
      config.warnings,
      directory !== undefined
        ? []
        : [
            "ignoring 'cache.dir' of '.dvc/config' line 2: a repository may only choose a directory of its own work " +
              'tree (to use it: dvc cache dir --local <directory>)',
          ],
    );
  });
}

test('a project below the top of the work tree may use a cache at the top', () => {
  const config = merge({ repo: '[cache]\ndir = ../../.cache\n' }, '/home/ann/code');
  assert.equal(config.cacheDirectory, '/home/ann/code/.cache');
});

test('a cache.dir that is no directory of this machine', () => {
  assert.equal(
    failure(() => merge({ local: '[cache]\ndir = s3://b/c\n' })).message,
    "'.dvc/config.local' line 2: 'cache.dir' is not a path of this machine",
  );
  assert.equal(
    failure(() => merge({ local: '[cache]\ndir = a, b\n' })).message,
    "'.dvc/config.local' line 2: 'cache.dir' is a list",
  );
});

test('a malformed layer is named with its line', () => {
  assert.equal(
    failure(() => merge({ global: '[core]\n\nremote: x\n' })).message,
    "'/home/ann/.config/dvc/config' line 3: neither '[section]' nor 'key = value'",
  );
});

test('an unknown cache.shared is a warning', () => {
  assert.deepEqual(merge({ repo: '[cache]\nshared = all\n' }).warnings, [
    "ignoring 'cache.shared' of '.dvc/config' line 2: the only value is 'group'",
  ]);
});

const places: readonly (readonly [string, Record<string, string>, string, string])[] = [
  ['linux', {}, '/etc/xdg/dvc/config', '/home/ann/.config/dvc/config'],
  ['linux', { XDG_CONFIG_DIRS: '/a:/b', XDG_CONFIG_HOME: '/c' }, '/a/dvc/config', '/c/dvc/config'],
  ['linux', { XDG_CONFIG_DIRS: 'a:/b', XDG_CONFIG_HOME: 'c' }, '/b/dvc/config', '/home/ann/.config/dvc/config'],
  ['linux', { XDG_CONFIG_DIRS: '', XDG_CONFIG_HOME: '' }, '/etc/xdg/dvc/config', '/home/ann/.config/dvc/config'],
  [
    'linux',
    { DVC_SYSTEM_CONFIG_DIR: '/s', DVC_GLOBAL_CONFIG_DIR: '/g', XDG_CONFIG_HOME: '/c' },
    '/s/config',
    '/g/config',
  ],
  ['darwin', {}, '/Library/Application Support/dvc/config', '/home/ann/Library/Application Support/dvc/config'],
  [
    'win32',
    { PROGRAMDATA: 'C:\\ProgramData', LOCALAPPDATA: 'C:\\Users\\ann\\AppData\\Local' },
    'C:\\ProgramData\\iterative\\dvc\\config',
    'C:\\Users\\ann\\AppData\\Local\\iterative\\dvc\\config',
  ],
];

for (const [platform, env, system, global] of places) {
  test(`on ${platform} with ${JSON.stringify(env)} the files of the machine are ${system} and ${global}`, () => {
    assert.deepEqual(configLayerPaths(env, platform, home), { system, global });
  });
}

test('versions are asked only of services that keep them', () => {
  const fault = (...lines: string[]): string =>
    failure(() => requireRemote(merge({ repo: remote(...lines) }), 's')).message;
  for (const url of ['s3://b/p', 'gs://b/p', 'azure://c/p']) {
    for (const option of ['version_aware = True', 'worktree = true', 'worktree = true\nversion_aware = true'])
      assert.ok(
        isCloudVersioned(requireRemote(merge({ repo: remote(`url = ${url}`, option) }), 's')),
        `${url} ${option}`,
      );
    assert.ok(!isCloudVersioned(requireRemote(merge({ repo: remote(`url = ${url}`, 'worktree = false') }), 's')));
  }
  assert.match(
    fault('url = /srv', 'version_aware = true'),
    /'version_aware = true', and a directory keeps no versions/,
  );
  assert.match(fault('url = ssh://h/p', 'worktree = true'), /'worktree = true', and 'ssh' keeps no versions/);
  assert.match(
    fault('url = s3://b', 'worktree = true', 'version_aware = false'),
    /needs versions, and 'version_aware = f/,
  );
});
