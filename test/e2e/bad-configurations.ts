// Malformed `.dvc/config`, pushed by its owner or met by whoever clones.
import { writeFileSync } from 'node:fs';
import { type BadInput, remoteSection, type Scene } from './bad-input.ts';

const committed = (text: string | Buffer) => (scene: Scene) => scene.write('.dvc/config', text);
const refused = /! \[remote rejected\] main -> main \(dvc: /;

/** Nothing may be pushed with such a configuration. */
const push = (name: string, text: string | Buffer, ...says: readonly RegExp[]): BadInput => ({
  name,
  arrange: committed(text),
  act: 'push',
  code: 1,
  says: [...says, refused],
  moves: false,
});

export const badConfigurations: readonly BadInput[] = [
  push(
    'a section that is not closed',
    '[core\n    remote = storage\n',
    /^error: '\.dvc\/config' line 1: neither '\[section\]' nor 'key = value'\nhint: a key is/,
  ),
  push(
    'the same section twice',
    `${remoteSection('    url = /x\n')}[core]\n    remote = b\n`,
    /^error: '\.dvc\/config' line 5: duplicate section 'core'\nhint: join the two/,
  ),
  push(
    'UTF-16',
    Buffer.from(`\ufeff${remoteSection('    url = ../../storage\n')}`, 'utf16le'),
    /^error: '\.dvc\/config' line 1: not UTF-8 text\nhint: save the file as UTF-8/,
  ),
  push(
    'a NUL in the URL',
    remoteSection('    url = /a\0b\n'),
    /^error: '\.dvc\/config' line 4: 'url' of storage remote 'storage' holds a control character/,
  ),
  push(
    'a list where a URL has to be',
    remoteSection('    url = ../../storage, /other\n'),
    /^error: '\.dvc\/config' line 4: 'url' of storage remote 'storage' is a list\nhint: put a value/,
  ),
  push(
    'an empty URL',
    remoteSection('    url = ""\n'),
    /^error: storage remote 'storage' has no 'url'\nhint: dvc remote modify storage url <url>/,
  ),
  push(
    'a default remote that is not there',
    '[core]\n    remote = nowhere\n[\'remote "storage"\']\n    url = /x\n',
    /^error: storage remote 'nowhere' is not configured\nhint: dvc remote add nowhere <url>\nhint: configured are 'storage'/,
  ),
  push(
    'remotes that name one another',
    `${remoteSection('    url = remote://other/x\n')}['remote "other"']\n    url = remote://storage/y\n`,
    /^error: storage remotes refer to one another without end: 'storage' → 'other' → 'storage'\nhint: dvc remote modify/,
  ),
  push(
    'a file:// URL',
    remoteSection('    url = file:///tmp/storage\n'),
    /has the URL 'file:\/\/\/tmp\/storage', and DVC knows no 'file:\/\/'\nhint: dvc remote modify storage url <abs/,
  ),
  push(
    's3:// without a bucket',
    remoteSection('    url = s3:///x\n'),
    /has the URL 's3:\/\/\/x' without a bucket or host\nhint: dvc remote modify storage url s3:\/\/<bucket/,
  ),
  ...['oss://bucket/x', 'hdfs://host/x', 'webhdfs://host/x'].map((url) =>
    push(
      `storage not yet spoken: ${url}`,
      remoteSection(`    url = ${url}\n`),
      new RegExp(`^error: storage remote 'storage': storage of the kind '${url.split(':')[0]}' is not supported yet\n`),
      /^hint: let DVC move the data: 'dvc push', then 'git push -o dvcexp\.no-cache'/m,
      /^hint: or keep it in another storage remote .*s3:\/\//m,
    ),
  ),
  {
    name: 'storage not yet spoken, the refs alone',
    arrange: (scene) => {
      committed(remoteSection('    url = oss://bucket/x\n'))(scene);
      scene.commit();
    },
    act: { args: ['push', '-o', 'dvcexp.no-cache', 'origin', 'main'], env: {} },
    code: 0,
    says: [/\[new branch\]/],
    moves: true,
  },
  push(
    'a boolean that is none',
    remoteSection('    url = ../../storage\n    verify = perhaps\n'),
    /^error: '\.dvc\/config' line 5: 'verify' of storage remote 'storage' is neither true nor false/,
  ),
  push(
    'a number that is none',
    remoteSection('    url = ../../storage\n    jobs = many\n'),
    /^error: '\.dvc\/config' line 5: 'jobs' of storage remote 'storage' is not a number/,
  ),
  push(
    'an endpoint that is no URL',
    remoteSection('    url = s3://bucket/x\n    endpointurl = ::nonsense\n'),
    /^error: storage remote 'storage': '::nonsense' is no endpoint URL\nhint: write 'https:\/\/host'/,
  ),
  push(
    'cloud-versioned storage',
    remoteSection('    url = s3://bucket/x\n    version_aware = true\n'),
    /^error: 2 outputs have no version recorded in the cloud-versioned storage remote 'storage' .*:\n {4}data\n {4}model\.bin\nhint: upload with 'dvc push'/,
  ),
  push(
    'a worktree without versions',
    remoteSection('    url = ../../storage\n    worktree = true\n'),
    /^error: storage remote 'storage' has 'worktree = true', and a directory keeps no versions\nhint: dvc remote modify storage --unset worktree/,
  ),
  {
    name: 'storage that is a file',
    arrange: (scene) => {
      scene.write('.dvc/config', remoteSection('    url = ../../plain\n'));
      writeFileSync(scene.path('plain'), 'not a directory');
    },
    act: 'push',
    code: 1,
    says: [/^error: storage '.*\/plain' is not a directory\nhint: name one: dvc remote modify storage url/, refused],
    moves: false,
  },
  {
    name: 'a cache outside of the repository',
    arrange: committed(
      '[cache]\n    dir = ../../outside\n[core]\n    remote = storage\n[\'remote "storage"\']\n    url = ../../storage\n',
    ),
    act: 'push',
    code: 0,
    says: [/^warning: ignoring 'cache\.dir' of '\.dvc\/config' line 2: .*\(to use it: dvc cache dir --local <dir/],
    moves: true,
  },
  {
    name: 'keys that run commands or name other files',
    arrange: committed(
      remoteSection('    url = ../../storage\n    configpath = ../../aws.ini\n    bearer_token_command = touch ran\n'),
    ),
    act: 'push',
    code: 0,
    says: [
      /^warning: ignoring 'configpath', 'bearer_token_command' of storage remote .*\(to use one: dvc remote modify --local/,
    ],
    moves: true,
  },
  {
    name: 'a syntax error in config.local',
    arrange: (scene) => {
      scene.write('code.py', 'print()');
      scene.write('.dvc/config.local', "['remote storage\n");
    },
    act: 'push',
    code: 1,
    says: [/^error: '.*\/\.dvc\/config\.local' line 1: /, refused],
    moves: false,
  },
  {
    name: 'a syntax error, met in an experiment by who fetches it',
    arrange: committed('[core\n'),
    act: 'fetch',
    code: 0,
    says: [
      /warning: '\.dvc\/config' line 1: neither .*\nhint: a key is/,
      /warning: data of 'evil' is not here; the refs are\n/,
    ],
    moves: true,
  },
  {
    name: 'remotes that name one another, met in a clone',
    arrange: committed(`${remoteSection('    url = remote://storage/x\n')}`),
    act: 'clone',
    code: 0,
    says: [
      /warning: storage remotes refer to one another without end: .*\nhint: dvc remote modify/,
      /warning: data of 'main' is not here; the refs are\n/,
    ],
    moves: true,
  },
  {
    name: 'storage not yet spoken, met in an experiment',
    arrange: committed(remoteSection('    url = hdfs://host/x\n')),
    act: 'fetch',
    code: 0,
    says: [
      /warning: storage remote 'storage': storage of the kind 'hdfs' is not supported yet\nhint: let DVC move/,
      /warning: data of 'evil' is not here; the refs are\n/,
    ],
    moves: true,
  },
];
