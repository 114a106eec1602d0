import assert from 'node:assert/strict';
import { test } from 'node:test';
import { editMetafile, formatMetafile, type Recording } from '../../src/dvc/metafile-edit.ts';
import { requireObjectId } from '../../src/model/object.ts';

// Every form was compared with the real DVC: test/interop/add.test.ts.
const object = (id: string): Recording['object'] => ({ kind: 'md5', id: requireObjectId(id, '') });
const old = '0cc175b9c0f1b6a831c399e269772661';
const fresh = '92eb5ffee6ae2fec3ad71c777531578f';
const file: Recording = { object: object(fresh), size: 7, files: undefined, executable: false };
const folder: Recording = { object: object(`${fresh}.dir`), size: 9, files: 2, executable: false };

test('a new metafile', () => {
  assert.equal(formatMetafile('a b', file), `outs:\n- md5: ${fresh}\n  size: 7\n  hash: md5\n  path: a b\n`);
  assert.equal(
    formatMetafile('- x', folder),
    `outs:\n- md5: ${fresh}.dir\n  size: 9\n  nfiles: 2\n  hash: md5\n  path: '- x'\n`,
  );
  const digits = object('12345678901234567890123456789012');
  assert.match(formatMetafile('x', { ...file, object: digits }), /md5: '12345678901234567890123456789012'/);
});

test('of one that is there the values change where they stand', () => {
  const text = `# ours\nouts:\n- md5: ${old}\n  size: 1\n  isexec: true\n  hash: md5\n  path: x\n  desc: a model\nmeta:\n  a: 1\n`;
  assert.equal(
    editMetafile(text, 'x.dvc', file),
    `# ours\nouts:\n- md5: ${fresh}\n  size: 7\n  hash: md5\n  path: x\n  desc: a model\nmeta:\n  a: 1\n`,
  );
  assert.match(editMetafile(text, 'x.dvc', folder), /hash: md5\n {2}path: x\n {2}desc: a model\n {2}nfiles: 2\nmeta:/);
});

test('one that says more is refused', () => {
  const out = (more: string): string => `outs:\n- md5: ${old}\n  size: 1\n${more}  path: x\n`;
  for (const text of [
    out(''),
    `${out('  hash: md5\n')}deps:\n- path: y\n`,
    out('  hash: md5\n  cloud:\n    s:\n      version_id: 1\n'),
    `${out('  hash: md5\n')}- md5: ${old}\n  hash: md5\n  path: y\n`,
    `outs: [{md5: ${old}, hash: md5, path: x}]\n`,
    '',
  ]) {
    assert.throws(() => editMetafile(text, 'x.dvc', file), { code: 'unsupported' }, text);
  }
});
