// Malformed `.dir` objects, whole by their own hash unless said otherwise, that storage hands out.
import { type BadInput, metafile, plant, plantAs, plantInCache } from './bad-input.ts';

const hash = '0123456789abcdef0123456789abcdef';
const bigHash = 'fedcba9876543210fedcba9876543210';
const entry = (relpath: unknown, md5: unknown = hash): string => JSON.stringify([{ md5, relpath }]);
const noRef = /error: data of 'evil' is not here, so no ref was moved\n/;

const fetch = (name: string, bytes: string | Buffer, ...says: readonly RegExp[]): BadInput => ({
  name,
  arrange: (scene) => scene.write('evil.dvc', metafile(plant(scene, bytes))),
  act: 'fetch',
  code: 1,
  says: [...says, noRef],
  moves: false,
});

export const badListings: readonly BadInput[] = [
  fetch(
    'a listing that is not JSON',
    'not JSON',
    /^error: listing [0-9a-f]{32}\.dir of 'evil': a listing has to be JSON\nhint: nothing of it was stored; /,
  ),
  fetch(
    'an entry without a hash',
    '[{"relpath": "a"}]',
    /^error: listing [0-9a-f]{32}\.dir of 'evil': nothing is not an object name\nhint: nothing of it was stored; /,
  ),
  fetch(
    'a path for a hash',
    entry('a', '../../x'),
    /^error: listing [0-9a-f]{32}\.dir of 'evil': "\.\.\/\.\.\/x" is not an object name\nhint: nothing of it was stored; /,
  ),
  fetch(
    'a listing in a listing',
    entry('a', `${hash}.dir`),
    /^error: listing [0-9a-f]{32}\.dir of 'evil': a listing may not name another one, '[0-9a-f]{32}\.dir'\nhint: nothing of it was stored; /,
  ),
  fetch(
    'a path that climbs out',
    entry('../../escaped.txt'),
    /^error: listing [0-9a-f]{32}\.dir of 'evil': path '\.\.\/\.\.\/escaped\.txt' is not safe\nhint: nothing of it was stored; /,
  ),
  fetch(
    "Git's hooks",
    entry('.git/hooks/post-checkout'),
    /^error: listing [0-9a-f]{32}\.dir of 'evil': path '\.git\/hooks\/post-checkout' is not safe\nhint: nothing of it was stored; /,
  ),
  fetch(
    'an escape sequence in a path',
    entry('../\u001b[2Jgone'),
    /^error: listing [0-9a-f]{32}\.dir of 'evil': path '\.\.\/\\x1b\[2Jgone' is not safe\nhint: nothing of it was stored; /,
  ),
  fetch(
    '100,000 brackets',
    '['.repeat(100_000),
    /^error: listing [0-9a-f]{32}\.dir of 'evil': a listing has to be JSON\nhint: nothing of it was stored; /,
  ),
  {
    name: 'a listing with the bytes of another',
    arrange: (scene) => {
      plantAs(scene, `${hash}.dir`, '[]');
      scene.write('evil.dvc', metafile(`${hash}.dir`));
    },
    act: 'fetch',
    code: 1,
    says: [
      /^error: evil \(md5 [0-9a-f]{32}\.dir\) in .*\/storage is damaged: .* hash to '[0-9a-f]{32}'\nhint: .* dvc push/,
      noRef,
    ],
    moves: false,
  },
  {
    name: 'files, a small and a big one, with the bytes of others',
    arrange: (scene) => {
      plantAs(scene, hash, 'wrong bytes');
      plantAs(scene, bigHash, Buffer.alloc(1 << 20, 'x'));
      scene.write('evil.dvc', metafile(hash));
      scene.write('huge.dvc', metafile(bigHash, 'huge'));
    },
    act: 'fetch',
    code: 1,
    says: [
      /^error: evil \(md5 [0-9a-f]{32}\) in .*\/storage is damaged: .* hash to '[0-9a-f]{32}'\nhint: .* dvc push/m,
      /^error: huge \(md5 [0-9a-f]{32}\) in .*\/storage is damaged: .* hash to '[0-9a-f]{32}'\nhint: .* dvc push/m,
      noRef,
    ],
    moves: false,
  },
  {
    name: 'a path that climbs out, met in a clone',
    arrange: (scene) => scene.write('evil.dvc', metafile(plant(scene, entry('../../escaped.txt')))),
    act: 'clone',
    code: 0,
    says: [/error: listing .* is not safe\nhint: /, /warning: data of 'main' is not here; the refs are\n/],
    moves: true,
  },
  {
    name: 'a path that climbs out, in the cache of who pushes',
    arrange: (scene) => scene.write('evil.dvc', metafile(plantInCache(scene, entry('../../escaped.txt')))),
    act: 'push',
    code: 1,
    says: [/^error: listing .* is not safe\n/, /\(dvc: 1 object damaged in the cache\)/],
    moves: false,
  },
];
