import assert from 'node:assert/strict';
import { chmodSync, lstatSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import {
  insertionBetween,
  lacksOnly,
  replaceConfigFile,
  withoutAt,
  withoutInsertion,
} from '../../src/git/config-file.ts';

let directory: string;
before(() => {
  directory = mkdtempSync(join(tmpdir(), 'dvcexp-config-'));
});
after(() => rmSync(directory, { recursive: true }));

const git = (): { cwd: string; env: NodeJS.ProcessEnv } => ({ cwd: directory, env: process.env });
const between = (one: string, other: string): string | undefined =>
  insertionBetween(Buffer.from(one), Buffer.from(other))?.bytes.toString();

test('an insertion is found, in whole lines where several would do, and nothing else is taken for one', () => {
  assert.equal(between('a\nb\n', 'a\nx\nb\n'), 'x\n');
  assert.equal(between('\ta\n\tb\n', '\ta\n\tx\n\tb\n'), '\tx\n');
  assert.equal(between('a\na\n', 'a\na\na\n'), 'a\n');
  assert.equal(between('a', 'a\nx\n'), '\nx\n');
  assert.equal(between('', 'x\n'), 'x\n');
  assert.equal(between('a # c\n', 'a\nx\n # c\n'), '\nx\n');
  for (const [one, other] of [
    ['a\n', 'a\n'],
    ['a\nb\n', 'a\n'],
    ['a\nb\n', 'c\na\nx\nb\n\n'],
    ['a\nb\n', 'x\na\ny\nb\n'],
  ])
    assert.equal(between(one ?? '', other ?? ''), undefined, other);
  const [one, other] = [Buffer.from('a\nb\n'), Buffer.from('a\nx\nb\n')];
  const insertion = insertionBetween(one, other);
  assert.ok(insertion);
  assert.deepEqual(withoutAt(other, insertion), one);
  assert.equal(withoutAt(one, insertion), undefined);
});

test('one entry less, and all else as before', () => {
  const entry = { key: 'a.b', value: 'ü' };
  const text = Buffer.from('a.b\nü').toString('latin1');
  assert.ok(lacksOnly(entry, ['x', text, 'y'], ['x', 'y']));
  assert.ok(lacksOnly(entry, [text], []));
  assert.ok(lacksOnly(entry, [text, text], [text]));
  assert.ok(!lacksOnly(entry, ['x', text, 'y'], ['y', 'x']));
  assert.ok(!lacksOnly(entry, ['x', text, 'y'], ['x', text]));
  assert.ok(!lacksOnly(entry, ['x', text], ['x', text]));
});

test('an insertion is taken out of a file that has been changed since, as far as that changes nothing else', async () => {
  const line = '\tvcs = dvcexp\n';
  const cases: readonly (readonly [name: string, inserted: string, now: string, then: string | undefined])[] = [
    ['moved', line, `[x]\n\ta = 1\n[remote "o"]\n${line}\tb = 2\n`, '[x]\n\ta = 1\n[remote "o"]\n\tb = 2\n'],
    [
      'the one of this remote',
      line,
      `[remote "p"]\n${line}[remote "o"]\n${line}`,
      `[remote "p"]\n${line}[remote "o"]\n`,
    ],
    ['a new section', `[remote "o"]\n${line}`, `[x]\na\n[remote "o"]\n${line}[y]\nb\n`, '[x]\na\n[y]\nb\n'],
    [
      'a new section that got company',
      `[remote "o"]\n${line}`,
      `[x]\na\n[remote "o"]\n${line}\tb = 2\n`,
      '[x]\na\n[remote "o"]\n\tb = 2\n',
    ],
    [
      'after a line without an end',
      `\n${line}`,
      `[remote "o"]\n\turl = x\n${line}[y]\n`,
      '[remote "o"]\n\turl = x\n[y]\n',
    ],
    ['written anew', line, '[remote "o"]\n\tvcs=dvcexp\n', undefined],
    ['only in a comment', line, `[remote "o"]\n\tvcs=dvcexp\n#${line}`, undefined],
    ['unreadable', line, `[remote "o"\n${line}`, undefined],
  ];
  for (const [name, inserted, now, then] of cases) {
    const insertion = { at: 0, bytes: Buffer.from(inserted) };
    const entry = { key: 'remote.o.vcs', value: 'dvcexp' };
    const result = await withoutInsertion(Buffer.from(now), insertion, entry, git());
    assert.equal(result?.toString(), then, name);
  }
});

test('a file is replaced under the lock of Git, through links, with its mode, and only if it is as expected', () => {
  const [file, link] = [join(directory, 'config'), join(directory, 'link')];
  const [one, other] = [Buffer.from('one\n'), Buffer.from('other\n')];
  writeFileSync(file, one);
  chmodSync(file, 0o640);
  symlinkSync('config', link);
  assert.equal(replaceConfigFile(link, other, one), false);
  assert.equal(replaceConfigFile(link, one, other), true);
  assert.deepEqual(readFileSync(file), other);
  assert.equal(statSync(file).mode & 0o7777, 0o640);
  assert.ok(lstatSync(link).isSymbolicLink());
  writeFileSync(`${file}.lock`, '');
  assert.throws(() => replaceConfigFile(link, other, one), /could not lock config file .*: File exists/);
  assert.deepEqual(readFileSync(file), other);
  assert.ok(statSync(`${file}.lock`).isFile(), "the lock is somebody else's");
});
