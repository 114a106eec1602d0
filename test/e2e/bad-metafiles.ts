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

const bomb = ['a: &a [x, x, x, x, x, x, x, x, x, x]']
  .concat(
    [...'bcdefghij'].map((letter, at) => `${letter}: &${letter} [${Array(10).fill(`*${'abcdefghi'[at]}`).join(', ')}]`),
  )
  .join('\n');

export const badMetafiles: readonly BadInput[] = [
  push('broken YAML', { 'model.bin.dvc': 'outs:\n- md5: [\n' }, /x/),
  push(
    'a merge conflict',
    { 'model.bin.dvc': `<<<<<<< HEAD\n${metafile(hash)}=======\n${metafile(hash)}>>>>>>> b\n` },
    /x/,
  ),
  push('a number where outputs have to be', { 'model.bin.dvc': 'outs: 5\n' }, /x/),
  push('an output without a path', { 'model.bin.dvc': `outs:\n- md5: ${hash}\n  hash: md5\n` }, /x/),
  push('a list where a path has to be', { 'model.bin.dvc': `outs:\n- md5: ${hash}\n  hash: md5\n  path: [a]\n` }, /x/),
  push('a path for a hash', { 'model.bin.dvc': metafile('../../../x') }, /x/),
  push('33 digits', { 'model.bin.dvc': metafile(`${hash}0`) }, /x/),
  push('upper case digits', { 'model.bin.dvc': metafile(hash.toUpperCase()) }, /x/),
  push('a map for a hash', { 'model.bin.dvc': metafile('{a: b}') }, /x/),
  push('an alias bomb', { 'model.bin.dvc': `${bomb}\nouts: *j\n` }, /x/),
  push('50,000 brackets', { 'model.bin.dvc': `outs: ${'['.repeat(50_000)}\n` }, /x/),
  push('a file of 17 MiB', { 'model.bin.dvc': Buffer.alloc(17 << 20, 'x') }, /x/),
  push('a NUL', { 'model.bin.dvc': metafile(hash, 'a\0b') }, /x/),
  push('UTF-16', { 'model.bin.dvc': Buffer.from(`\ufeff${metafile(hash)}`, 'utf16le') }, /x/),
  push('Latin-1', { 'model.bin.dvc': Buffer.from(metafile(hash, 'donn\xe9es'), 'latin1') }, /x/),
  push(
    'a dvc.lock that is a list',
    { 'dvc.yaml': 'stages:\n  a:\n    cmd: x\n    outs: [o]\n', 'dvc.lock': '- a\n' },
    /x/,
  ),
  push(
    'a dvc.lock with a path for a hash',
    {
      'dvc.yaml': 'stages:\n  a:\n    cmd: x\n    outs: [o]\n',
      'dvc.lock':
        "schema: '2.0'\nstages:\n  a:\n    cmd: x\n    outs:\n    - path: o\n      hash: md5\n      md5: ../x\n",
    },
    /x/,
  ),
  push('a dvc.yaml whose stages are text', { 'dvc.yaml': 'stages: all\n' }, /x/),
  push(
    'a template without a value',
    { 'dvc.yaml': 'stages:\n  a:\n    cmd: x\n    outs:\n    - $' + '{nowhere.to.be}\n' },
    /x/,
  ),
  push(
    'vars from a file that is not there',
    { 'dvc.yaml': 'vars: [none.yaml]\nstages:\n  a:\n    cmd: x\n    outs: [o]\n' },
    /x/,
  ),
  {
    name: 'a symbolic link out of the repository',
    arrange: link('../../../etc/passwd'),
    act: 'push',
    code: 1,
    says: [/x/, refused],
    moves: false,
  },
  {
    name: 'a symbolic link in a circle',
    arrange: link('model.bin.dvc'),
    act: 'push',
    code: 1,
    says: [/x/, refused],
    moves: false,
  },
  {
    name: 'a byte order mark, which DVC takes',
    arrange: (scene) => scene.write('late.dvc', `\ufeff${metafile(hash, 'late')}`),
    act: 'push',
    code: 1,
    says: [/x/],
    moves: false,
  },
  {
    name: 'a path for a hash, met in an experiment by who fetches it',
    arrange: (scene) => scene.write('evil.dvc', metafile('../../../x')),
    act: 'fetch',
    code: 0,
    says: [/x/],
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
