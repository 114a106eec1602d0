// Malformed `.dvc` files, dvc.yaml and dvc.lock.
import { rmSync, symlinkSync } from 'node:fs';
import { type BadInput, metafile, type Scene } from './bad-input.ts';

const refused = /! \[remote rejected\] main -> main \(dvc: the data it needs cannot be told\)/;
const hash = '0123456789abcdef0123456789abcdef';

const push = (
  name: string,
  files: Readonly<Record<string, string | Buffer>>,
  ...says: readonly RegExp[]
): BadInput => ({
  name,
  arrange: (scene: Scene) => {
    for (const [path, content] of Object.entries(files)) scene.write(path, content);
  },
  act: 'push',
  code: 1,
  says: [...says, refused],
  moves: false,
});

const link = (target: string) => (scene: Scene) => {
  rmSync(`${scene.alice}/model.bin.dvc`);
  symlinkSync(target, `${scene.alice}/model.bin.dvc`);
};

const lockOf = (...paths: readonly string[]): string =>
  `schema: '2.0'\nstages:\n  a:\n    cmd: x\n    outs:\n${paths.map((path) => `    - path: ${path}\n      hash: md5\n      md5: ${hash}\n`).join('')}`;

const bomb = ['a: &a [x, x, x, x, x, x, x, x, x, x]']
  .concat(
    [...'bcdefghij'].map((letter, at) => `${letter}: &${letter} [${Array(10).fill(`*${'abcdefghi'[at]}`).join(', ')}]`),
  )
  .join('\n');

export const badMetafiles: readonly BadInput[] = [
  push(
    'broken YAML',
    { 'model.bin.dvc': 'outs:\n- md5: [\n' },
    /^error: cannot tell which data 'model\.bin\.dvc' needs: line 3: flow sequence .*\nhint: mend the file, or /,
  ),
  push(
    'a merge conflict',
    { 'model.bin.dvc': `<<<<<<< HEAD\n${metafile(hash)}=======\n${metafile(hash)}>>>>>>> b\n` },
    /^error: cannot tell which data 'model\.bin\.dvc' needs: line 1: a merge conflict is not resolved\nhint: mend the file, or /,
  ),
  push(
    'a path for a hash',
    { 'model.bin.dvc': metafile('../../../x') },
    /^error: cannot tell which data 'model\.bin\.dvc' needs: output 1: 'md5': "(?:\.\.\/){3}x" is not an object name\nhint: mend the file, or /,
  ),
  push(
    '33 digits',
    { 'model.bin.dvc': metafile(`${hash}0`) },
    /^error: cannot tell which data 'model\.bin\.dvc' needs: output 1: 'md5': "[0-9a-f]{33}" is not an object name\nhint: mend the file, or /,
  ),
  push(
    'an alias bomb',
    { 'model.bin.dvc': `${bomb}\nouts: *j\n` },
    /^error: cannot tell which data 'model\.bin\.dvc' needs: line 4: aliases stand for more than 10000 nodes\nhint: mend the file, or /,
  ),
  push(
    '50,000 brackets',
    { 'model.bin.dvc': `outs: ${'['.repeat(50_000)}\n` },
    /^error: cannot tell which data 'model\.bin\.dvc' needs: line 1: nested deeper than 64 levels\nhint: mend the file, or /,
  ),
  push(
    'a file of 17 MiB',
    { 'model.bin.dvc': Buffer.alloc(17 << 20, 'x') },
    /^error: cannot tell which data 'model\.bin\.dvc' needs: more than 16 MiB are not read\nhint: mend the file, or /,
  ),
  {
    name: 'a NUL',
    arrange: (scene) => scene.write('model.bin.dvc', metafile(hash, 'a\0b')),
    act: 'push',
    code: 1,
    says: [/^error: 1 object is neither in the cache nor in .*\n {4}a\\x00b \(md5 /, /missing in cache and storage/],
    moves: false,
  },
  push(
    'UTF-16',
    { 'model.bin.dvc': Buffer.from(`\ufeff${metafile(hash)}`, 'utf16le') },
    /^error: cannot tell which data 'model\.bin\.dvc' needs: not UTF-8 text\nhint: mend the file, or /,
  ),
  push(
    'a dvc.lock that is a list',
    { 'dvc.yaml': 'stages:\n  a:\n    cmd: x\n    outs: [o]\n', 'dvc.lock': '- a\n' },
    /^error: cannot tell which data 'dvc\.lock' needs: not a map of keys and values\nhint: mend/,
  ),
  push(
    'a dvc.lock with a path for a hash',
    {
      'dvc.yaml': 'stages:\n  a:\n    cmd: x\n    outs: [o]\n',
      'dvc.lock':
        "schema: '2.0'\nstages:\n  a:\n    cmd: x\n    outs:\n    - path: o\n      hash: md5\n      md5: ../x\n",
    },
    /^error: cannot tell which data 'dvc\.yaml' needs: stage 'a': 'o': in dvc\.lock: 'md5': "\.\.\/x" is not an obj/,
  ),
  push(
    'a storage remote named by a template without a value',
    {
      // biome-ignore lint/suspicious/noTemplateCurlyInString: this is DVC's own language
      'dvc.yaml': 'stages:\n  a:\n    cmd: x\n    outs:\n    - o:\n        remote: ${nowhere.to.be}\n',
      'dvc.lock': lockOf('o'),
    },
    /^error: cannot tell which data 'dvc\.yaml' needs: stage 'a': 'o': the template of 'remote' cannot be resolved/,
  ),
  {
    name: 'a path that is a template without a value: dvc.lock knows it',
    arrange: (scene) => {
      // biome-ignore lint/suspicious/noTemplateCurlyInString: this is DVC's own language
      scene.write('dvc.yaml', 'stages:\n  a:\n    cmd: x\n    outs:\n    - ${nowhere.to.be}\n');
      scene.write('dvc.lock', lockOf('o'));
    },
    act: 'push',
    code: 1,
    says: [/^error: 1 object is neither in the cache nor in .*\n {4}o \(md5 /, /missing in cache and storage/],
    moves: false,
  },
  {
    name: 'a symbolic link out of the repository',
    arrange: link('../../../etc/passwd'),
    act: 'push',
    code: 1,
    says: [
      /^error: cannot tell which data 'model\.bin\.dvc' needs: symbolic link 'model.bin.dvc' leads out of the repository\nhint: mend the file, or /,
      refused,
    ],
    moves: false,
  },
  {
    name: 'a path for a hash, met in an experiment by who fetches it',
    arrange: (scene) => scene.write('evil.dvc', metafile('../../../x')),
    act: 'fetch',
    code: 0,
    says: [
      /warning: cannot tell which data 'evil\.dvc' needs: output 1: 'md5': .* is not an object name\n/,
      /warning: data of 'evil' is not here; the refs are\n/,
    ],
    moves: true,
  },
  {
    name: 'an output outside of the repository',
    arrange: (scene) => scene.write('evil.dvc', metafile(hash, '../../escaped')),
    act: 'fetch',
    code: 0,
    says: [],
    moves: true,
  },
];
