// Malformed `.dir` objects, whole by their own hash unless said otherwise, that storage hands out.
import { type BadInput, metafile, plant, plantAs, plantInCache } from './bad-input.ts';

const hash = '0123456789abcdef0123456789abcdef';
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
  fetch('a listing that is not JSON', 'not JSON', /x/),
  fetch('a listing that is no array', '{"md5": "x"}', /x/),
  fetch('a listing of numbers', '[1, 2]', /x/),
  fetch('an entry without a path', `[{"md5": "${hash}"}]`, /x/),
  fetch('an entry without a hash', '[{"relpath": "a"}]', /x/),
  fetch('a path for a hash', entry('a', '../../x'), /x/),
  fetch('a listing in a listing', entry('a', `${hash}.dir`), /x/),
  fetch('a path that climbs out', entry('../../escaped.txt'), /x/),
  fetch('a path that climbs with backslashes', entry('..\\..\\escaped.txt'), /x/),
  fetch('an absolute path', entry('/tmp/escaped.txt'), /x/),
  fetch("Git's hooks", entry('.git/hooks/post-checkout'), /x/),
  fetch("Git's folder in disguise", entry('sub/.GIT\u200c/config'), /x/),
  fetch('a NUL in a path', entry('a\0b'), /x/),
  fetch('an escape sequence in a path', entry('../\u001b[2Jgone'), /x/),
  fetch('100,000 brackets', '['.repeat(100_000), /x/),
  fetch('bytes that are not UTF-8', Buffer.from([0x5b, 0x22, 0xff, 0x22, 0x5d]), /x/),
  {
    name: 'a listing with the bytes of another',
    arrange: (scene) => {
      plantAs(scene, `${hash}.dir`, '[]');
      scene.write('evil.dvc', metafile(`${hash}.dir`));
    },
    act: 'fetch',
    code: 1,
    says: [/x/, noRef],
    moves: false,
  },
  {
    name: 'a file with the bytes of another',
    arrange: (scene) => {
      plantAs(scene, hash, 'wrong bytes');
      scene.write('evil.dvc', metafile(hash));
    },
    act: 'fetch',
    code: 1,
    says: [/x/, noRef],
    moves: false,
  },
  {
    name: 'a path that climbs out, met in a clone',
    arrange: (scene) => scene.write('evil.dvc', metafile(plant(scene, entry('../../escaped.txt')))),
    act: 'clone',
    code: 0,
    says: [/x/],
    moves: true,
  },
  {
    name: 'a path that climbs out, in the cache of who pushes',
    arrange: (scene) => scene.write('evil.dvc', metafile(plantInCache(scene, entry('../../escaped.txt')))),
    act: 'push',
    code: 1,
    says: [/x/],
    moves: false,
  },
];
