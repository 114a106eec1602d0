// Files of a repository that DVC reads, and a stranger may have written.
import { posix } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { type ConfigLayer, mergeConfig } from '../../src/dvc/config.ts';
import { withKeys, withoutKeys } from '../../src/dvc/config-edit.ts';
import { type ConfigObj, parseConfigObj } from '../../src/dvc/configobj.ts';
import { parseJson } from '../../src/dvc/json.ts';
import { formatListing, parseListing, parseListingIds } from '../../src/dvc/listing.ts';
import { parseLock } from '../../src/dvc/lockfile.ts';
import { parseMetafile } from '../../src/dvc/metafile.ts';
import type { Output } from '../../src/dvc/outputs.ts';
import { readPipeline } from '../../src/dvc/pipeline.ts';
import { formatJson } from '../../src/dvc/python-json.ts';
import { parseAnyYaml, parseYaml } from '../../src/dvc/yaml.ts';
import { parseBlockYaml } from '../../src/dvc/yaml-block.ts';
import { HelperError } from '../../src/model/error.ts';
import type { Campaign } from './campaign.ts';
import { attempt, control, textOf, tokens, words } from './text.ts';

const linesOf = (text: string): Buffer[] => tokens(text, /\n/g);

const configTexts = [
  `[core]
    remote = storage
    autostage = true
['remote "storage"']
    url = s3://bucket/prefix
    endpointurl = http://127.0.0.1:9000
    access_key_id = 'AKIA#1'
    secret_access_key = "a,b"  # of the team
    jobs = 4
`,
  `# of this machine
top = 1
["remote \\"Chain\\""]
url = remote://storage/deeper
user = ada
password = '''two
lines'''
['remote "storage"']
url = webdavs://share.example:8443/dav
timeout = 9
ssl_verify = false
bearer_token_command = touch /tmp/x
`,
  `[DEFAULT]
base = /srv/data
[cache]
dir = ../cache
type = "reflink,symlink"
shared = group
['remote "here"']
url = %(base)s/store
verify = %(nothing)s
[exp]
git_remote = origin
`,
];

/** Of what a repository brings, these are never to count. */
const forbidden = [
  ...['bearer_token_command', 'configpath', 'credentialpath', 'cert_path', 'key_path', 'acl', 'grant_read'],
  ...['sse_customer_key', 'proxy_to', 'gdrive_user_credentials_file'],
];
const edits: readonly Readonly<Record<string, string>>[] = [
  { password: "it's" },
  { user: 'ada', password: 'a, #b' },
  { secret_access_key: 'a+b/c=', session_token: '"quoted"' },
];

/** Values by section and key, without the section of one storage remote. */
function besides(config: ConfigObj, name: string): ReadonlyMap<string, unknown> {
  // As DVC takes it, blanks do not matter.
  const own = new RegExp(`^\\s*remote\\s*"${name}"\\s*$`, 'i');
  const valuesOf = (section: ConfigObj['top']): unknown => [...section].map(([key, { value }]) => [key, value]);
  const rest = [...config.sections].filter(([title]) => !own.test(title));
  return new Map([
    ['', valuesOf(config.top)],
    ...rest.map(([title, section]): [string, unknown] => [title, valuesOf(section)]),
  ]);
}

function complainOfEdit(text: string, values: Readonly<Record<string, string>>): string | undefined {
  const name = 'storage';
  const before = parseConfigObj(text, 'config');
  for (const edit of [
    () => withKeys(text, name, values, 'config'),
    () => withoutKeys(text, name, Object.keys(values), 'config'),
  ]) {
    let edited: string;
    try {
      edited = edit();
    } catch (error) {
      if (error instanceof HelperError) continue;
      throw error;
    }
    const after = parseConfigObj(edited, 'config');
    const kept = besides(before, name);
    if (!isDeepStrictEqual(kept, besides(after, name)))
      return `an edit changed something else: ${JSON.stringify(edited)}`;
  }
  return undefined;
}

const config: Campaign = {
  name: "DVC's configuration",
  honest: configTexts.map(linesOf),
  dictionary: [
    ...configTexts.flatMap(linesOf),
    ...words(
      '[\'remote "',
      '"\']',
      '[',
      ']',
      "'''",
      '"""',
      ',',
      '#',
      '%(url)s',
      '%(',
      ')s',
      '=',
      ' ',
      '\\',
      '\v',
      '\u0085',
      '\ufeff',
      '\u2028',
    ),
    ...words(
      '[__proto__]\n',
      '__proto__ = x\n',
      'constructor = y\n',
      'url = file://x\n',
      'url = ../..\n',
      'url = remote://storage\n',
    ),
  ],
  cpuMs: 2_000,
  judge: async (pieces, _honest, dice) => {
    const text = textOf(pieces);
    const level = dice.pick<ConfigLayer['level']>(['system', 'global', 'repo', 'local']);
    const layers: ConfigLayer[] = [{ level, text, path: '.dvc/config', directory: '/work/.dvc' }];
    if (dice.chance(0.3))
      layers.push({ level: 'local', text: configTexts[1] ?? '', path: 'config.local', directory: '/work/.dvc' });
    const merged = await attempt(() => mergeConfig(layers, { projectDirectory: '/work', home: '/home/ada' }));
    if (!(merged instanceof HelperError)) {
      for (const { name, url, options, committed } of merged.remotes.values()) {
        const wrong = Object.entries({ url, ...options }).find(([, value]) => control.test(value));
        if (wrong !== undefined) return `'${wrong[0]}' of '${name}' holds control characters`;
        const taken = forbidden.find((key) => key in options && committed.has(key));
        if (taken !== undefined) return `'${taken}' counts although it was committed`;
        if (committed.size > 0 && level !== 'repo') return 'something of the user counts as committed';
      }
    }
    if ((await attempt(() => parseConfigObj(text, 'config'))) instanceof HelperError) return undefined;
    return complainOfEdit(text, dice.pick(edits));
  },
};

const metafileTexts = [
  `outs:
- md5: b6d767d2f8ed5d21a44b0e5886680cb9
  size: 2
  hash: md5
  path: 'model #1.bin'
- md5: 9b1345c7a223c1e3b15054d677977ced.dir
  size: 10
  nfiles: 2
  hash: md5
  path: data
  remote: Second
  push: false
wdir: ../x
meta:
  a: [1, 2.5, 1e-05, ~, true]
`,
  `outs:
- hash: md5
  path: d
  remote: Ver
  files:
  - relpath: b c
    md5: b6d767d2f8ed5d21a44b0e5886680cb9
    size: 2
    cloud:
      Ver:
        etag: "1e5"
        version_id: '12345'
`,
  `frozen: true
deps:
- path: data
  repo:
    url: https://git.example.org/data
    rev_lock: 1170fe656a7bed251673a63e0705670f4e4e06a9
outs:
- md5: 0cc175b9c0f1b6a831c399e269772661
  path: data
`,
];
const lockText = `schema: '2.0'
stages:
  prepare:
    cmd: python -c "open('out','w').write('x' * 10)" && echo a long command with
      many words that has to be folded
    params:
      params.yaml:
        empty: {}
        list:
        - 1
        - - 2
        lr: 1e-05
        none:
    outs:
    - path: out
      hash: md5
      md5: 336311a016184326ddbdd61edd4eeb52
      size: 10
  train@0:
    cmd:
    - echo one > m1
    - "echo two > m2\\necho \\"three: 3\\" >> m2\\n"
    outs:
    - path: m-0.1
      md5: 5bbf5a52328e7439ae6e719dfe712200
`;
const pipelineText = `vars:
- lr: 0.1
- models: {a: 1, b: &x [1, 2]}
stages:
  prepare:
    cmd: python prepare.py
    outs:
    - out:
        cache: true
        remote: second
    - other
  train:
    foreach: \${models.b}
    do:
      cmd: python train.py \${item}
      outs: ["m-\${lr}"]
  many:
    matrix:
      x: [1, 2]
      y: *x
    cmd: run \${item.x} \${key}
    outs:
    - big-\${item.x}-\${item.y}
    plots:
    - p.csv: {x: a, cache: false}
`;
const yamlPieces = words(
  ...[
    '  ',
    '- ',
    ': ',
    ':',
    '#',
    ' # x',
    "'",
    '"',
    '[]',
    '{}',
    '[',
    '{',
    '}',
    ']',
    '&a ',
    '*a',
    '|',
    '>',
    '\\',
    ',',
    '? ',
    '~',
  ],
  ...[
    '1e5',
    'true',
    '---\n',
    '%YAML 1.1\n',
    '@',
    '`',
    '!x ',
    'a: b\n',
    '- - ',
    '<<: *x\n',
    '\t',
    '\r',
    'é',
    '-',
    '...\n',
    '""',
    '0x_',
    '\u2028',
  ],
  ...[
    '__proto__: x\n',
    '\n',
    'path: ../../x\n',
    'path: /etc/passwd\n',
    'md5: ../x\n',
    '${',
    '}',
    `\${item}`,
    '[a: 1]',
    '\ufeff',
    "''",
  ],
);

const yaml: Campaign = {
  name: 'YAML by both readers',
  honest: [...metafileTexts, lockText, pipelineText].map(linesOf),
  dictionary: [...[...metafileTexts, lockText].flatMap(linesOf), ...yamlPieces],
  judge: async (pieces) => {
    const bytes = Buffer.concat(pieces);
    const text = bytes.toString();
    const value = await attempt(() => parseYaml(bytes));
    if (!(value instanceof HelperError)) formatJson(value, new Set());
    const fast = parseBlockYaml(text);
    if (fast === undefined) return undefined;
    const slow = await attempt(() => parseAnyYaml(text));
    // The package counts blank lines behind a key without a value as part of the key.
    if (slow instanceof HelperError && /at most 1024 chars/.test(slow.message) && /\n{1000}/.test(text))
      return undefined;
    if (slow instanceof HelperError) return `only the quick reader takes it: ${slow.message}`;
    return isDeepStrictEqual(fast, slow)
      ? undefined
      : `read as ${formatJson(fast, new Set())} and ${formatJson(slow, new Set())}`;
  },
};

function complainOfOutput({ path, object, size, versioned }: Output): string | undefined {
  if (object !== undefined && !/^[0-9a-f]{32}(?:\.dir)?$/.test(object.id)) return `'${object.id}' is no object`;
  if (size !== undefined && !(Number.isSafeInteger(size) && size >= 0)) return `${size} is no size`;
  if (object !== undefined && (path.startsWith('/') || path.split('/').includes('..')))
    return `'${path}' leaves the project`;
  const bad = versioned?.find(({ relpath }) => !posix.resolve('/d', relpath).startsWith('/d'));
  return bad === undefined ? undefined : `'${bad.relpath}' leaves the folder`;
}

const metafiles: Campaign = {
  name: 'outputs of .dvc files, dvc.yaml and dvc.lock',
  honest: [...metafileTexts, lockText, pipelineText].map(linesOf),
  dictionary: [...[...metafileTexts, lockText, pipelineText].flatMap(linesOf), ...yamlPieces],
  judge: async (pieces, honest) => {
    const bytes = Buffer.concat(pieces);
    const place = { file: 'sub/data.dvc', root: '' };
    const harvests = [parseMetafile(bytes, place)];
    const document = await attempt(() => parseYaml(bytes));
    if (!(document instanceof HelperError)) {
      const lock = await attempt(() => parseLock(document));
      const usual = parseLock(parseYaml(Buffer.from(lockText)));
      const yaml = async (path: string): Promise<typeof document | undefined> =>
        path.endsWith('params.yaml') ? document : undefined;
      const at = { file: 'sub/dvc.yaml', root: '' };
      const used = lock instanceof HelperError || honest === 4 ? usual : lock;
      harvests.push(await readPipeline(document, used, at, { yaml }));
      const declared = parseYaml(Buffer.from(pipelineText));
      harvests.push(await readPipeline(declared, used, at, { yaml }));
    }
    for (const { outputs, problems } of harvests) {
      for (const output of outputs) {
        const wrong = complainOfOutput(output);
        if (wrong !== undefined) return wrong;
      }
      const loud = problems.find(({ message }) => control.test(message));
      if (loud !== undefined) return `a problem with control characters: ${JSON.stringify(loud.message)}`;
    }
    return undefined;
  },
};

const listingText =
  '[{"md5": "0cc175b9c0f1b6a831c399e269772661", "relpath": "a/b.txt"}, {"md5": "92eb5ffee6ae2fec3ad71c777531578f", "relpath": "a/\\u00e9 c"}, {"md5": "4a8a08f09d37b73795649038408b5f33", "relpath": "z"}]';

const listings: Campaign = {
  name: 'listings of directories',
  honest: [tokens(listingText, /[[\]{},:]|"[^"]*"/g), words('[', ']')],
  dictionary: [
    ...tokens(listingText, /[[\]{},:]|"[^"]*"/g),
    ...words(
      '"../x"',
      '"/etc/passwd"',
      '".git/hooks/x"',
      '".GIT"',
      '"a\\\\..\\\\b"',
      '"git~1"',
      '"a\\u0000"',
      '"__proto__"',
      'null',
      '1e999',
      '"}, {"',
    ),
    ...words(
      '"0CC175B9C0F1B6A831C399E269772661"',
      '"0cc175b9c0f1b6a831c399e269772661.dir"',
      '[[',
      '\\ud800',
      '""',
      '"."',
      '"a//b"',
      '\ufeff',
    ),
  ],
  cpuMs: 4_000,
  judge: async (pieces) => {
    const bytes = Buffer.concat(pieces);
    const found = await attempt(() => parseListing(bytes, 'x'));
    const ids = await attempt(() => parseListingIds(bytes, 'x'));
    if (found instanceof HelperError || ids instanceof HelperError)
      return found instanceof HelperError && ids instanceof HelperError
        ? undefined
        : 'only one of two readers takes it';
    if (!isDeepStrictEqual(ids, new Set(found.map(({ id }) => id)))) return 'two readers see other objects';
    for (const { relpath, id } of found) {
      if (!/^[0-9a-f]{32}$/.test(id)) return `'${id}' is no object`;
      const parts = relpath.split(/[\\/]/);
      if (
        !posix.resolve('/d', relpath).startsWith('/d/') ||
        parts.some((part) => part === '..' || /^\.git$/i.test(part))
      )
        return `took the path '${relpath}'`;
    }
    const again = parseListing(formatListing(found), 'x');
    const order = (a: { relpath: string; id: string }, b: { relpath: string; id: string }): number =>
      a.relpath < b.relpath ? -1 : a.relpath > b.relpath ? 1 : a.id < b.id ? -1 : 1;
    return isDeepStrictEqual([...again].sort(order), [...found].sort(order))
      ? undefined
      : 'written and read again it is another one';
  },
};

const json: Campaign = {
  name: 'JSON of parameters and metrics',
  honest: [tokens('{"a": [1, -2.5e-3, true, null, "x\\n\\u00e9"], "b": {"c": {}, "d": []}}', /[[\]{},:]|"[^"]*"/g)],
  dictionary: words(
    '{',
    '}',
    '[',
    ']',
    ',',
    ':',
    '"',
    '\\',
    'NaN',
    '-Infinity',
    '1e5',
    '01',
    '"__proto__"',
    'true',
    '\\ud800',
    '\n',
    "'",
  ),
  cpuMs: 4_000,
  judge: async (pieces) => {
    const text = textOf(pieces);
    const value = await attempt(() => parseJson(text));
    if (!(value instanceof HelperError)) return undefined;
    try {
      JSON.parse(text);
    } catch {
      return undefined;
    }
    return /nested deeper/.test(value.message) ? undefined : `refused what is JSON: ${value.message}`;
  },
};

export const dvcFiles: readonly Campaign[] = [config, yaml, metafiles, listings, json];
