// The real DVC as referee of the configuration: the same files, read by both.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { type ConfigLayer, mergeConfig } from '../../src/dvc/config.ts';
import { parseConfigObj } from '../../src/dvc/configobj.ts';
import { findDvc } from '../kit/dvc.ts';

type Level = ConfigLayer['level'];
type Files = Partial<Record<Level, string>>;

const referee = `
import io, json, os, sys
from configobj import ConfigObj
from dvc.config import Config, _lower_keys
from dvc.fs import get_cloud_fs, get_fs_config

def grammar(text):
    # As DVC opens it: text mode, ends of line of every kind.
    return _lower_keys(ConfigObj(io.StringIO(text, newline=None)).dict())

def merged(place):
    os.environ["DVC_SYSTEM_CONFIG_DIR"] = place + "/system"
    os.environ["DVC_GLOBAL_CONFIG_DIR"] = place + "/global"
    config = Config(dvc_dir=place + "/project/.dvc")
    remotes = {name: {key: str(value) for key, value in get_fs_config(config, name=name).items()} for name in config["remote"]}
    return {"core": config["core"].get("remote"), "cache": config["cache"].get("dir"),
            "shared": config["cache"].get("shared"), "remotes": remotes}

questions = json.load(sys.stdin)
answers = []
for kind, subject in questions:
    try:
        answers.append({"value": {"grammar": grammar, "merged": merged}[kind](subject)})
    except BaseException as error:
        answers.append({"error": str(error)})
print(json.dumps(answers))
`;

interface Answer {
  // biome-ignore lint/suspicious/noExplicitAny: what Python printed
  readonly value?: any;
  readonly error?: string;
}

let base: string;
let env: Record<string, string>;
before(() => {
  base = mkdtempSync(join(tmpdir(), 'dvcexp-config-'));
  const home = join(base, 'home');
  mkdirSync(home);
  env = {
    PATH: process.env.PATH ?? '',
    HOME: home,
    DVC_NO_ANALYTICS: '1',
    DVC_SITE_CACHE_DIR: join(base, 'site'),
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_GLOBAL: join(home, '.gitconfig'),
    PYTHONUTF8: '1',
    PYTHONDONTWRITEBYTECODE: '1',
  };
});
after(() => rmSync(base, { recursive: true, force: true }));

function ask(questions: readonly (readonly ['grammar' | 'merged', string])[]): readonly Answer[] {
  const python = /^#!(\S+)/.exec(readFileSync(findDvc(), 'latin1'))?.[1];
  assert.ok(python, 'DVC is not a Python script');
  const options = { cwd: base, env, encoding: 'utf8', timeout: 120_000, maxBuffer: 2 ** 28 } as const;
  const run = spawnSync(python, ['-c', referee], { ...options, input: JSON.stringify(questions) });
  assert.equal(run.status, 0, run.stderr);
  return JSON.parse(run.stdout);
}

function ourGrammar(text: string): Answer {
  try {
    const { top, sections } = parseConfigObj(text, 'config');
    const plain = (keys: typeof top): object => Object.fromEntries([...keys].map(([key, { value }]) => [key, value]));
    return {
      value: { ...plain(top), ...Object.fromEntries([...sections].map(([name, keys]) => [name, plain(keys)])) },
    };
  } catch (error) {
    return { error: (error as Error).message };
  }
}

const remote = (text: string): string => `['remote "s"']\n${text}\n`;

/** Texts of one file each, for the grammar alone. */
const texts: readonly string[] = [
  '',
  '# only a comment',
  '[core]\nremote = s\n[\'remote "s"\']\n    url = /x\n',
  '[core]\r\nremote = s\r\n\r\n[remote "S"]\r\nurl=/x\r\n',
  '  [ core ] # c\n\t remote\t=\ts  # c\n',
  '[CORE]\nRemote = Big\nREMOTE = later\n[Core]\nanalytics = False\n',
  remote('url = x#y'),
  remote('url = "x#y" # c'),
  remote("url = 'a, b'"),
  remote('url = a, b'),
  remote('url = a,'),
  remote('url = ,'),
  remote('url ='),
  remote('url = ""'),
  remote("url = 'it's'"),
  remote('url = a "b" c'),
  remote('url = x;y ; z'),
  remote('url = $HOME/%20'),
  remote('url = """s3://b\n  p""" # c\nregion = r'),
  remote("url = '''it's \"so\"'''"),
  remote('"url" = x\n\'region\' = y'),
  remote('url = s3://%(bucket)s/%(bucket)s\nbucket = b'),
  `[DEFAULT]\nbucket = b\n${remote('url = s3://%(bucket)s')}`,
  'bucket = b\n[s]\nurl = %(bucket)s\n',
  remote('url = a=b=c'),
  '[remote "a]b"]\nurl = x\n[ "remote \'c\'" ]\nurl = y',
  '[section]\nkey = üñí\u00a0\n',
  // Mistakes.
  '[core]\nremote: s\n',
  '[core\nremote = s\n',
  '[core] x\n',
  '[]\n',
  '[core]\n= x\n',
  '[core]\nremote = a\nremote = b\n',
  '[core]\n[core]\n',
  'core = 1\n[core]\n',
  '[[core]]\n',
  '[core]]\n',
  remote('url = "x'),
  remote('url = "x"y'),
  remote('url = a,,b'),
  remote('url = , a'),
  remote('url = """x\ny'),
  remote('url = """x"""y'),
  remote('url = %(gone)s'),
  remote('url = %(Bucket)s\nbucket = b'),
  remote('url = %(region)s\nregion = %(url)s'),
  '\ufeff[core]\nremote = s\n',
];

test('the grammar: same values, same refusals', () => {
  const answers = ask(texts.map((text) => ['grammar', text]));
  let accepted = 0;
  for (const [index, text] of texts.entries()) {
    const theirs = answers[index] ?? {};
    const ours = ourGrammar(text);
    const story = `${JSON.stringify(text)}\nDVC: ${JSON.stringify(theirs)}\nours: ${JSON.stringify(ours)}`;
    assert.deepEqual(ours.value, theirs.value, story);
    const line = /line (\d+)/.exec(theirs.error ?? '')?.[1];
    if (line !== undefined) assert.ok(ours.error?.includes(`line ${line}:`), story);
    if (theirs.value !== undefined) accepted += 1;
  }
  assert.ok(accepted > 25 && accepted < texts.length - 15, 'the texts are of both kinds');
});

/** A small generator with a fixed seed: the same texts in every run. */
function createDice(seed: number): (sides: number) => number {
  let state = seed;
  return (sides) => {
    state = (Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9) | 0;
    return ((state >>> 3) ^ (state >>> 17)) % sides;
  };
}

test('the grammar: 3,000 lines out of a dice cup', () => {
  const roll = createDice(4711);
  const pick = (items: readonly string[]): string => items[roll(items.length)] ?? '';
  const bits = [
    'a',
    'b',
    '/p',
    '"',
    "'",
    ',',
    '#',
    ' ',
    '\t',
    '=',
    '%(a)s',
    '%(',
    '[',
    ']',
    '"""',
    "'''",
    '%20',
    '\\',
    'é',
    ';',
  ];
  const rolled = Array.from({ length: 1500 }, () => {
    const lines = Array.from({ length: 1 + roll(3) }, () => {
      const value = Array.from({ length: roll(7) }, () => pick(bits)).join('');
      return `${pick(['a', 'b', 'c', 'd'])}${pick([' = ', '=', ' ='])}${value}`;
    });
    return `${pick(['[a]\n', '[a]\r\n', ''])}${lines.join(pick(['\n', '\r\n']))}\n`;
    // Backtracking lets ConfigObj take `"a","` for one quoted string; whoever wrote that meant something else.
  }).filter((text) => !/["'] *, *["']/.test(text));
  const answers = ask(rolled.map((text) => ['grammar', text]));
  let accepted = 0;
  for (const [index, text] of rolled.entries()) {
    const theirs = answers[index] ?? {};
    const ours = ourGrammar(text);
    assert.deepEqual(
      ours.value,
      theirs.value,
      `${JSON.stringify(text)}\nDVC: ${JSON.stringify(theirs)}\nours: ${ours.error}`,
    );
    if (theirs.value !== undefined) accepted += 1;
  }
  assert.ok(accepted > 300 && accepted < rolled.length - 300, `${accepted} of ${rolled.length} accepted`);
});

/** Whole configurations that DVC accepts. */
const configurations: Readonly<Record<string, Files>> = {
  'a repository as dvc init leaves it': { repo: '' },
  'one remote': { repo: `[core]\n    remote = s\n${remote('    url = s3://bucket/prefix\n    region = eu-west-1')}` },
  'names in other cases': { repo: '[core]\nREMOTE = STORAGE\n[\'remote "Storage"\']\nURL = s3://Bucket/Prefix\n' },
  'four layers': {
    system: `[core]\nremote = sys\n[remote "sys"]\nurl = /srv/sys\n${remote('jobs = 2\nprofile = sys')}`,
    global: `[core]\nremote = glob\n${remote('profile = glob\nsession_token = g')}[remote "glob"]\nurl = glob`,
    repo: `[core]\nremote = S\n${remote('url = s3://b/p\nprofile = repo\nread_timeout = 20')}`,
    local: remote('profile = local\nsecret_access_key = x#y\nsession_token = ""'),
  },
  'relative paths of every layer': {
    system: '[remote "a"]\nurl = store\n',
    global: '[remote "b"]\nurl = ../store\n[remote "k"]\nurl = ssh://h/x\nkeyfile = ../id\n',
    repo: '[remote "c"]\nurl = ../../store\n[remote "d"]\nurl = ./x/../y/\n[remote "e"]\nurl = ~/store\n',
    local:
      '[remote "f"]\nurl = ../store\n[remote "g"]\nurl = s3://b\ncredentialpath = ../x/creds\nconfigpath = ~/aws\n',
  },
  'absolute paths and URLs': {
    repo: '[remote "a"]\nurl = /srv/store\n[remote "b"]\nurl = ssh://me@host:2222/srv\n[remote "c"]\nurl = webdavs://h/p\n[remote "d"]\nurl = gs://b/p\n[remote "e"]\nurl = azure://c/p\n[remote "f"]\nurl = https://h/p',
  },
  'remote references': {
    repo: '[remote "base"]\nurl = s3://b/p\nprofile = x\nregion = r\n[remote "up"]\nurl = remote://base/a/b\nprofile = y\n[remote "upper"]\nurl = remote://up/c',
    local: '[remote "base"]\naccess_key_id = k\n',
  },
  'a reference to a local path': { repo: '[remote "base"]\nurl = ../../st\n[remote "up"]\nurl = remote://base/a/b\n' },
  'a cache of the work tree': { repo: '[cache]\ndir = ../big/cache\n' },
  'a cache elsewhere': { local: '[cache]\ndir = ../../big/cache\nshared = GROUP\ntype = reflink,copy\n' },
  'a cache of the machine': { global: '[cache]\ndir = ~/cache\n' },
  booleans: {
    repo: remote('url = s3://b/p\nverify = TRUE\nuse_ssl = True\nallow_anonymous_login = False\nversion_aware = true'),
  },
  'quotes, comments and commas': { repo: `# c\n[core] # c\nremote = "s" # c\n${remote("url = 's3://b/a, b#c' # d")}` },
  interpolation: { repo: remote('url = s3://%(region)s-data/%(profile)s\nregion = eu\nprofile = ml') },
  'CRLF everywhere': { repo: `[core]\r\nremote = s\r\n${remote('url = s3://b/p').replaceAll('\n', '\r\n')}` },
  'a key in triple quotes': { local: remote('url = s3://b/p\nsecret_access_key = """a\'b"c#d,e"""') },
};

function placeOf(index: number): string {
  return join(base, `case-${index}`);
}

function writeFiles(place: string, files: Files): readonly ConfigLayer[] {
  const dvc = join(place, 'project', '.dvc');
  const directories = { system: join(place, 'system'), global: join(place, 'global'), repo: dvc, local: dvc };
  for (const directory of Object.values(directories)) mkdirSync(directory, { recursive: true });
  return Object.entries(files).map(([name, text]) => {
    const level = name as Level;
    const path = join(directories[level], level === 'local' ? 'config.local' : 'config');
    writeFileSync(path, text);
    return { level, text, path, directory: directories[level] };
  });
}

test('merged configurations: same remotes, same paths', () => {
  const cases = Object.entries(configurations);
  const layers = cases.map(([, files], index) => writeFiles(placeOf(index), files));
  const answers = ask(cases.map((_, index) => ['merged', placeOf(index)]));
  for (const [index, [name]] of cases.entries()) {
    const theirs = answers[index]?.value;
    assert.ok(theirs, `${name}: DVC does not accept it: ${answers[index]?.error}`);
    const projectDirectory = join(placeOf(index), 'project');
    const ours = mergeConfig(layers[index] ?? [], { projectDirectory, home: env.HOME ?? '' });
    assert.deepEqual([ours.warnings, ours.ignored, [...ours.broken]], [[], [], []], name);
    assert.equal(ours.defaultRemote ?? null, theirs.core, name);
    assert.equal(ours.cacheDirectory, theirs.cache ?? join(projectDirectory, '.dvc', 'cache'), name);
    assert.equal(ours.cacheShared ?? null, theirs.shared, name);
    assert.deepEqual([...ours.remotes.keys()].sort(), Object.keys(theirs.remotes).sort(), name);
    for (const [remoteName, found] of ours.remotes) {
      const their = theirs.remotes[remoteName];
      assert.equal(found.url, their.url, `${name}: url of ${remoteName}`);
      for (const [key, value] of Object.entries(found.options)) {
        const same = ['True', 'False'].includes(their[key]) ? their[key].toLowerCase() : their[key];
        assert.equal(value, same, `${name}: ${key} of ${remoteName}`);
      }
      const defaults = /^(?:verify|listobjects|use_ssl|allow_anonymous_login|protected|slow_link_warning)$/;
      const missing = Object.keys(their).filter((key) => key !== 'url' && !Object.hasOwn(found.options, key));
      assert.deepEqual(
        missing.filter((key) => !defaults.test(key)),
        [],
        `${name}: options of ${remoteName} we lost`,
      );
    }
  }
});

test('what DVC itself writes and lists', () => {
  const project = join(base, 'project');
  mkdirSync(project);
  const dvc = (...args: string[]): string =>
    execFileSync(findDvc(), args, { cwd: project, env, encoding: 'utf8', timeout: 60_000 });
  dvc('init', '--no-scm', '-q');
  dvc('remote', 'add', '-d', 'Team', '../store');
  dvc('remote', 'add', 'cloud', 's3://bucket/with, comma');
  dvc('remote', 'modify', '--local', 'cloud', 'secret_access_key', 'a#b\'c"d');
  dvc('config', '--local', 'cache.dir', '../big, cache');
  const files = { repo: 'config', local: 'config.local' };
  const directory = join(project, '.dvc');
  const ours = mergeConfig(
    Object.entries(files).map(([level, file]) => {
      const path = join(directory, file);
      return { level: level as Level, text: readFileSync(path, 'utf8'), path, directory };
    }),
    { projectDirectory: project, home: env.HOME ?? '' },
  );
  const listed = dvc('config', '-l', '--show-origin');
  assert.match(listed, /^\.dvc\/config\tcore\.remote=team$/m);
  assert.equal(ours.defaultRemote, 'team');
  assert.match(listed, /^\.dvc\/config\.local\tremote\.cloud\.secret_access_key=a#b'c"d$/m);
  assert.equal(ours.remotes.get('cloud')?.options.secret_access_key, 'a#b\'c"d');
  assert.equal(ours.cacheDirectory, join(base, 'big, cache'));
  const remotes = dvc('remote', 'list').trim().split('\n');
  assert.deepEqual(remotes.map((line) => /^\S+/.exec(line)?.[0]).sort(), [...ours.remotes.keys()].sort());
  assert.equal(ours.remotes.get('team')?.url, join(base, 'store'));
  assert.equal(ours.remotes.get('cloud')?.url, 's3://bucket/with, comma');
  assert.equal(dvc('cache', 'dir').trim(), ours.cacheDirectory);
});
