import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, test } from 'node:test';
import { formatListing, type ListingEntry, listingId, parseListing, parseListingIds } from '../../src/dvc/listing.ts';
import { type ObjectId, requireObjectId } from '../../src/model/object.ts';

const a = requireObjectId('0cc175b9c0f1b6a831c399e269772661', 'test');
const b = requireObjectId('92eb5ffee6ae2fec3ad71c777531578f', 'test');
const json = (value: unknown): Uint8Array => Buffer.from(JSON.stringify(value));
const named = (relpath: string): Uint8Array => json([{ md5: a, relpath }]);

describe('a listing', () => {
  test('is written byte for byte like DVC writes it', () => {
    assert.equal(Buffer.from(formatListing([])).toString(), '[]');
    assert.equal(listingId(formatListing([])), 'd751713988987e9331980363e24189ce.dir');
    const entries = [
      { relpath: '😀', id: a },
      { relpath: '\ue000\x7f', id: b },
      { relpath: 'é"\\\n', id: a },
      { relpath: 'b/a', id: a },
      { relpath: 'b', id: b },
    ];
    const expected =
      `[{"md5": "${b}", "relpath": "b"}, {"md5": "${a}", "relpath": "b/a"}, {"md5": "${a}", "relpath": "\\u00e9\\"\\\\\\n"}, ` +
      `{"md5": "${b}", "relpath": "\\ue000\\u007f"}, {"md5": "${a}", "relpath": "\\ud83d\\ude00"}]`;
    assert.equal(Buffer.from(formatListing(entries)).toString(), expected);
    assert.deepEqual(parseListing(Buffer.from(expected), 'x'), [
      entries[4],
      entries[3],
      entries[2],
      entries[1],
      entries[0],
    ]);
  });

  test('is read in any layout of JSON', () => {
    const entries = [
      { relpath: 'x', md5: a, size: 1 },
      { relpath: 'y/z', md5: a },
      { relpath: 'é', md5: b },
    ];
    const read = entries.map(({ relpath, md5 }) => ({ relpath, id: md5 }));
    assert.deepEqual(parseListing(Buffer.from(JSON.stringify(entries, null, 2)), 'x'), read);
    assert.deepEqual([...parseListingIds(json(entries), 'x')], [a, b]);
  });

  test('larger than a window comes out whole', () => {
    const entries: ListingEntry[] = Array.from({ length: 60_000 }, (_, index) => ({
      relpath: `folder/${String(index).padStart(6, '0')}-"}, {"-é`,
      id: createHash('md5')
        .update(String(index % 1000))
        .digest('hex') as ObjectId,
    }));
    const bytes = formatListing(entries);
    assert.ok(bytes.length > 3 * 1024 * 1024);
    assert.deepEqual(parseListing(bytes, 'x'), entries);
    assert.equal(parseListingIds(bytes, 'x').size, 1000);
    const foreign = Buffer.from(JSON.stringify(entries.map(({ id, relpath }) => ({ md5: id, relpath }))));
    assert.deepEqual(parseListing(foreign, 'x'), entries);
    // Damage far inside is found, too.
    const broken = Buffer.from(bytes);
    broken[2_500_000] = 0x22;
    assert.throws(() => parseListingIds(broken, 'x'), { code: 'corrupt' });
  });

  test('of a hundred thousand files takes a moment', () => {
    const entries = Array.from({ length: 100_000 }, (_, index) => ({
      relpath: `images/${index % 97}/picture-${index}.png`,
      id: createHash('md5').update(String(index)).digest('hex') as ObjectId,
    }));
    const bytes = formatListing(entries);
    const started = performance.now();
    assert.equal(parseListingIds(bytes, 'x').size, 100_000);
    assert.ok(performance.now() - started < 2_000);
  });

  const refused: Readonly<Record<string, readonly [Uint8Array, string]>> = {
    'no JSON': [Buffer.from('[{"md5'), 'x: a listing has to be JSON'],
    'no text': [Buffer.from([0x5b, 0xff]), 'x: a listing has to be JSON'],
    nothing: [Buffer.from(''), 'x: a listing has to be JSON'],
    'no array': [Buffer.from('{}'), 'x: a listing has to be a JSON array'],
    'two values': [Buffer.from('[] []'), 'x: a listing has to be JSON'],
    'no entries': [json([1]), "x: a file without 'relpath'"],
    'null entries': [json([null]), "x: a file without 'relpath'"],
    'a number for a path': [json([{ md5: a, relpath: 1 }]), "x: a file without 'relpath'"],
    'no hash': [json([{ relpath: 'a' }]), 'x: nothing is not an object name'],
    'a short hash': [json([{ md5: 'ab', relpath: 'a' }]), 'x: "ab" is not an object name'],
    'a hash in upper case': [
      json([{ md5: a.toUpperCase(), relpath: 'a' }]),
      `x: "${a.toUpperCase()}" is not an object name`,
    ],
    'a path for a hash': [
      json([{ md5: '../../../../etc/passwd', relpath: 'a' }]),
      'x: "../../../../etc/passwd" is not an object name',
    ],
    'another listing': [json([{ md5: `${a}.dir`, relpath: 'a' }]), `x: a listing may not name another one, '${a}.dir'`],
  };
  for (const [what, [bytes, message]] of Object.entries(refused)) {
    test(`with ${what} is refused`, () => assert.throws(() => parseListing(bytes, 'x'), { code: 'corrupt', message }));
  }

  test('may not reach out of its directory', () => {
    const climbing = [
      '',
      '.',
      '..',
      '/etc/passwd',
      '../x',
      'a/../../x',
      'a//b',
      'a/',
      'a/./b',
      'a/..',
      '\\x',
      'C:\\x',
      'c:/x',
      '..\\x',
      'a\\..\\..\\x',
      'a\0b',
    ];
    const git = [
      '.git/hooks/x',
      '.GIT/config',
      'a/.git/x',
      '.git',
      'git~1/x',
      '.git /x',
      '.git./x',
      '.git::$INDEX_ALLOCATION/x',
      '.g\u200cit/x',
      'a\\.git\\x',
    ];
    for (const path of [...climbing, ...git]) {
      const check = { code: 'corrupt', message: /^x: path '.*' is not safe$/ };
      assert.throws(() => parseListing(named(path), 'x'), check, path);
      // Also next to an innocent neighbour.
      const folder = path.slice(0, path.lastIndexOf('/') + 1);
      assert.throws(
        () =>
          parseListingIds(
            json([
              { md5: a, relpath: `${folder}ok` },
              { md5: a, relpath: path },
            ]),
            'x',
          ),
        check,
        path,
      );
    }
  });

  test('may have files of odd but harmless names', () => {
    for (const path of [
      'a:b',
      'x.',
      'x ',
      '.gitignore',
      '.github/x',
      'git',
      '...',
      '..a',
      'a..b/c..',
      'con',
      'Icon\r',
      'a\\b',
      '-x',
      '~',
    ])
      assert.deepEqual(parseListing(named(path), 'x'), [{ relpath: path, id: a }]);
  });

  test('that is a bomb ends soon', () => {
    const started = performance.now();
    assert.throws(() => parseListing(Buffer.from('['.repeat(1_000_000)), 'x'), { code: 'corrupt' });
    assert.throws(() => parseListing(Buffer.alloc(129 * 1024 * 1024, ' '), 'x'), {
      message: "x: more than 8 MiB in another layout than DVC's",
    });
    assert.ok(performance.now() - started < 5_000);
  });
});
