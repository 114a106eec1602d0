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
  push('a section that is not closed', '[core\n    remote = storage\n', /x/),
  push('no section, no key, just text', 'remote storage\n', /x/),
  push('the same section twice', `${remoteSection('    url = /x\n')}[core]\n    remote = b\n`, /x/),
  push('a quote that is not closed', remoteSection('    url = "/x\n'), /x/),
  push('UTF-16', Buffer.from(`\ufeff${remoteSection('    url = ../../storage\n')}`, 'utf16le'), /x/),
  push('a NUL in the URL', remoteSection('    url = /a\0b\n'), /x/),
  push('a line break in the URL', remoteSection('    url = """/a\nb"""\n'), /x/),
  push('a list where a URL has to be', remoteSection('    url = ../../storage, /other\n'), /x/),
  push('an empty URL', remoteSection('    url = ""\n'), /x/),
  push('no URL', remoteSection('    jobs = 4\n'), /x/),
  push(
    'a default remote that is not there',
    '[core]\n    remote = nowhere\n[\'remote "storage"\']\n    url = /x\n',
    /x/,
  ),
  push('a list of default remotes', '[core]\n    remote = a, b\n', /x/),
  push(
    'remotes that name one another',
    `${remoteSection('    url = remote://other/x\n')}['remote "other"']\n    url = remote://storage/y\n`,
    /x/,
  ),
  push('a remote:// that names none', remoteSection('    url = remote://other/x\n'), /x/),
  push('a file:// URL', remoteSection('    url = file:///tmp/storage\n'), /x/),
  push('s3:// without a bucket', remoteSection('    url = s3:///x\n'), /x/),
  push('storage not yet spoken: gdrive', remoteSection('    url = gdrive://root/x\n'), /x/),
  push('storage not yet spoken: ssh', remoteSection('    url = ssh://user@host/x\n'), /x/),
  push('storage of an unknown kind', remoteSection('    url = gopher://host/x\n'), /x/),
  push("another user's home", remoteSection('    url = ~nobody/storage\n'), /x/),
  push('a network share', remoteSection('    url = \\\\evil\\share\n'), /x/),
  push('a boolean that is none', remoteSection('    url = s3://bucket/x\n    use_ssl = perhaps\n'), /x/),
  push('a number that is none', remoteSection('    url = ../../storage\n    jobs = many\n'), /x/),
  push('an endpoint that is no URL', remoteSection('    url = s3://bucket/x\n    endpointurl = ::nonsense\n'), /x/),
  push('cloud-versioned storage', remoteSection('    url = s3://bucket/x\n    version_aware = true\n'), /x/),
  {
    name: 'storage that is a file',
    arrange: (scene) => {
      scene.write('.dvc/config', remoteSection('    url = ../../plain\n'));
      writeFileSync(scene.path('plain'), 'not a directory');
    },
    act: 'push',
    code: 1,
    says: [/x/, refused],
    moves: false,
  },
  {
    name: 'a cache outside of the repository',
    arrange: committed(
      '[cache]\n    dir = ../../outside\n[core]\n    remote = storage\n[\'remote "storage"\']\n    url = ../../storage\n',
    ),
    act: 'push',
    code: 0,
    says: [/x/],
    moves: true,
  },
  {
    name: 'keys that run commands or name other files',
    arrange: committed(
      remoteSection('    url = ../../storage\n    configpath = ../../aws.ini\n    bearer_token_command = touch ran\n'),
    ),
    act: 'push',
    code: 0,
    says: [/x/],
    moves: true,
  },
  {
    name: 'a syntax error in config.local',
    arrange: (scene) => writeFileSync(`${scene.alice}/.dvc/config.local`, "['remote storage\n"),
    act: 'push',
    code: 1,
    says: [/x/, refused],
    moves: false,
  },
  {
    name: 'a syntax error, met in an experiment by who fetches it',
    arrange: committed('[core\n'),
    act: 'fetch',
    code: 0,
    says: [/x/],
    moves: true,
  },
  {
    name: 'remotes that name one another, met in a clone',
    arrange: committed(`${remoteSection('    url = remote://storage/x\n')}`),
    act: 'clone',
    code: 0,
    says: [/x/],
    moves: true,
  },
  {
    name: 'storage not yet spoken, met in an experiment',
    arrange: committed(remoteSection('    url = azure://container/x\n')),
    act: 'fetch',
    code: 0,
    says: [/x/],
    moves: true,
  },
];
