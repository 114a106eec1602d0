import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { bomOf, type Inlined } from '../../scripts/build/inlined.ts';
import {
  isAllowed,
  judgeInlined,
  judgeLockfile,
  judgeManifest,
  type Lockfile,
  type Manifest,
  type Policy,
} from '../../scripts/dependencies/judge.ts';

const policy: Policy = {
  licenses: ['MIT', 'ISC', 'Zlib'],
  installScripts: ['esbuild'],
  mostPackages: 2,
  mostInlined: 1,
};
const integrity = `sha512-${'A'.repeat(86)}==`;
const npmrc = 'ignore-scripts=true\n';
const good: Lockfile['packages'][string] = { version: '1.2.3', integrity, license: 'MIT' };
const lock = (entry: object, folder = 'node_modules/@a/b'): Lockfile => ({
  lockfileVersion: 3,
  packages: { '': {}, [folder]: { ...good, ...entry } },
});
const faultsOf = (entry: object, folder?: string): readonly string[] =>
  judgeLockfile(lock(entry, folder), {}, policy, () => '');

test('a package that is as it should be', () => {
  assert.deepEqual(faultsOf({}), []);
  assert.deepEqual(faultsOf({ resolved: 'https://registry.npmjs.org/@a/b/-/b-1.2.3.tgz' }), []);
  assert.deepEqual(faultsOf({ hasInstallScript: true }, 'node_modules/x/node_modules/esbuild'), []);
});

test('each thing that is not is told', () => {
  const cases: readonly (readonly [object, RegExp])[] = [
    [{ integrity: undefined }, /no SHA-512/],
    [{ integrity: 'sha1-abc=' }, /no SHA-512/],
    [{ version: '^1.2.3' }, /no exact version/],
    [{ resolved: 'git+ssh://git@host/x.git#abc' }, /comes from git/],
    [{ resolved: 'http://registry.npmjs.org/x.tgz' }, /comes from http:/],
    [{ resolved: 'https://evil.example/x.tgz?token=secret' }, /comes from https:\/\/evil\.example\/x\.tgz$/],
    [{ license: 'GPL-3.0' }, /licence GPL-3\.0/],
    [{ license: undefined }, /no licence/],
    [{ hasInstallScript: true }, /runs when it is installed/],
    [{ link: true }, /a link/],
  ];
  for (const [entry, words] of cases) {
    const faults = faultsOf(entry);
    assert.equal(faults.length, 1, faults.join());
    assert.match(faults[0] ?? '', words);
  }
  const many = {
    lockfileVersion: 3,
    packages: { '': {}, 'node_modules/a': good, 'node_modules/b': good, 'node_modules/c': good },
  };
  assert.match(judgeLockfile(many, {}, policy, () => '').join(), /3 packages, and 2 at most/);
  const asked = { devDependencies: { x: '1.0.0' } };
  assert.match(judgeLockfile(lock({}), asked, policy, () => '').join(), /'x' is not what package\.json asks for/);
  assert.match(judgeLockfile({ ...lock({}), lockfileVersion: 2 }, {}, policy, () => '').join(), /version 2/);
});

test('the manifest: inlined, exact, silent', () => {
  assert.deepEqual(judgeManifest({ devDependencies: { a: '1.2.3' }, scripts: { build: 'x' } }, npmrc), []);
  const cases: readonly (readonly [Manifest, string, RegExp])[] = [
    [{ dependencies: { a: '1.2.3' } }, npmrc, /what is needed is inlined/],
    [{ devDependencies: { a: '^1.2.3' } }, npmrc, /not held to one version/],
    [{ devDependencies: { a: 'github:x/y' } }, npmrc, /not held to one version/],
    [{ scripts: { postinstall: 'x' } }, npmrc, /runs when this is installed/],
    [{}, 'ignore-scripts=false\n', /no 'ignore-scripts=true'/],
  ];
  for (const [manifest, rc, words] of cases) assert.match(judgeManifest(manifest, rc).join(), words);
});

test('licences: one of those OR joins, all of those AND joins', () => {
  for (const text of ['MIT', '(MIT OR GPL-3.0)', 'GPL-2.0 OR ISC', 'MIT AND Zlib', '(MIT AND ISC)'])
    assert.ok(isAllowed(text, policy), text);
  for (const text of ['', 'GPL-3.0', 'MIT AND GPL-3.0', 'GPL-3.0 OR AGPL-3.0', '((MIT))', 'SEE LICENSE IN x', 'mit']) {
    assert.ok(!isAllowed(text, policy), text);
  }
});

const inlined: Inlined = {
  folder: 'node_modules/a',
  name: '@a/b',
  version: '1.2.3',
  license: 'MIT',
  text: 'x',
  integrity,
};
test('what is inlined: a known archive, an allowed licence with its text, and few', () => {
  assert.deepEqual(judgeInlined([inlined], policy), []);
  const wrong = [
    { ...inlined, text: '' },
    { ...inlined, license: '' },
    { ...inlined, integrity: '' },
  ];
  for (const each of wrong) assert.equal(judgeInlined([each], policy).length, 1);
  assert.match(judgeInlined([inlined, inlined], policy).join(), /2 packages are inlined/);
});

test('the bill of materials names what the notices name, with hashes', () => {
  const bom = JSON.parse(bomOf({ name: 'own', version: '1.0.0', license: 'Apache-2.0' }, [inlined, inlined]));
  assert.deepEqual([bom.bomFormat, bom.specVersion, bom.components.length], ['CycloneDX', '1.5', 1]);
  const [part] = bom.components;
  assert.deepEqual([part.group, part.name, part.purl], ['@a', 'b', 'pkg:npm/%40a/b@1.2.3']);
  assert.deepEqual(part.hashes, [{ alg: 'SHA-512', content: '0'.repeat(128) }]);
  const built = JSON.parse(readFileSync('dist/sbom.cdx.json', 'utf8')) as { components: { purl: string }[] };
  const notices = readFileSync('dist/THIRD-PARTY-NOTICES.txt', 'utf8');
  assert.ok(built.components.length > 50);
  for (const { purl } of built.components) {
    const [, name = '', version = ''] = /^pkg:npm\/(.*)@([^@]+)$/.exec(purl.replace('%40', '@')) ?? [];
    assert.ok(notices.includes(`${name} ${version} (`), purl);
  }
});
