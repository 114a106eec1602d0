import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { isReserved, openFolders } from '../../src/checkout/folders.ts';

const base = mkdtempSync(join(tmpdir(), 'dvcexp-folders-'));
after(() => rmSync(base, { recursive: true }));

test("what is Git's or DVC's own, as any system takes it, is no output", () => {
  for (const path of [
    ...['.dvc/config.local', 'sub/.dvc/config', '.DVC/x', '.dvc./x', '.dvc /x', 'dvc~1/config', '.d\u200cvc/config'],
    ...['.dvc', '.git/hooks/x', '.GIT/x', 'git~1/x', '.g\u200cit/x', 'a/.git', '../x', '/x', 'a/../../x', 'C:\\x', ''],
  ])
    assert.ok(isReserved(path), path);
  for (const path of ['a', 'a/b.dvc', '.dvcignore', 'dvc', 'data/.dvc.txt', '.github/x', 'dvc~', 'a/git'])
    assert.ok(!isReserved(path), path);
});

test('nothing is put through a link, or where a file stands for a folder', () => {
  const top = join(base, 'work');
  const outside = join(base, 'outside');
  for (const folder of [outside, join(top, 'real')]) mkdirSync(folder, { recursive: true });
  symlinkSync(outside, join(top, 'link'));
  symlinkSync('../../outside', join(top, 'real', 'below'));
  writeFileSync(join(top, 'file'), '');
  const { obstacle } = openFolders(top);
  assert.equal(obstacle('link/x'), "'link' is a symbolic link");
  assert.equal(obstacle('real/below/deep/x'), "'real/below' is a symbolic link");
  assert.equal(obstacle('file/x'), "'file' is not a folder");
  assert.equal(obstacle('real/x'), undefined);
  assert.equal(obstacle('new/x'), undefined);
  assert.equal(obstacle('link'), undefined, 'a link itself is replaced, not followed');
});
