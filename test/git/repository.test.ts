import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import * as nodeFs from 'node:fs';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import isomorphic from 'isomorphic-git';
import { openRepository, type Repository } from '../../src/git/repository.ts';
import { locateRepository } from '../../src/git/work-tree.ts';
import type { GitOid } from '../../src/model/git.ts';

const env = {
  ...process.env,
  GIT_CONFIG_NOSYSTEM: '1',
  HOME: '/nonexistent',
  GIT_AUTHOR_NAME: 'a',
  GIT_AUTHOR_EMAIL: 'a@b',
  GIT_COMMITTER_NAME: 'a',
  GIT_COMMITTER_EMAIL: 'a@b',
};
const signal = new AbortController().signal;
const git = (cwd: string, ...args: string[]): string =>
  execFileSync('git', args, { cwd, env, encoding: 'utf8' }).trim();
const nothing = (): undefined => undefined;

let top = '';
let repository: Repository;
before(() => {
  top = mkdtempSync(join(tmpdir(), 'dvcexp-repository-'));
  git(top, 'init', '-q', '-b', 'main');
  mkdirSync(join(top, 'data'));
  writeFileSync(join(top, 'data', 'a.dvc'), 'outs: []\n');
  writeFileSync(join(top, 'ü b'), 'x');
  git(top, 'add', '.');
  git(top, 'commit', '-qm', 'one');
  git(top, 'tag', '-a', '-m', 'tag', 'v1');
  writeFileSync(join(top, 'big'), Buffer.alloc(3_000_000, 'abc'));
  git(top, 'add', '.');
  git(top, 'commit', '-qm', 'two');
  repository = openRepository({ cwd: top, env, signal });
});
after(async () => {
  await repository.close();
  rmSync(top, { recursive: true, force: true });
});

test('reads commits, trees and blobs as isomorphic-git reads them', async () => {
  const head = await repository.resolve('refs/heads/main');
  assert.equal(head, git(top, 'rev-parse', 'HEAD'));
  const commit = await repository.commit(head as GitOid);
  const { commit: second } = await isomorphic.readCommit({ fs: nodeFs, dir: top, oid: head as string });
  assert.deepEqual({ tree: second.tree, parents: second.parent }, { tree: commit.tree, parents: commit.parents });
  const entries = await repository.tree(commit.tree);
  const { tree } = await isomorphic.readTree({ fs: nodeFs, dir: top, oid: commit.tree });
  assert.deepEqual(
    entries.map(({ name, oid }) => [name, oid]),
    tree.map(({ path, oid }) => [path, oid]),
  );
  assert.deepEqual(
    entries.map(({ kind }) => kind),
    ['file', 'directory', 'file'],
  );
  const big = entries.find(({ name }) => name === 'big');
  assert.equal((await repository.blob(big?.oid as GitOid)).length, 3_000_000);
});

test('many questions at once get their own answers', async () => {
  const head = git(top, 'rev-parse', 'HEAD') as GitOid;
  const { tree } = await repository.commit(head);
  const answers = await Promise.all([
    repository.commit(head),
    repository.tree(tree),
    repository.resolve('nope'),
    repository.resolve('v1'),
    repository.commit(head),
  ]);
  assert.equal(answers[0].tree, tree);
  assert.equal(answers[2], undefined);
  assert.equal(answers[3], git(top, 'rev-parse', 'HEAD~'));
});

test('what is not there is missing, what is no commit names none', async () => {
  await assert.rejects(
    repository.blob('0123456789012345678901234567890123456789' as GitOid),
    /is not in this repository/,
  );
  assert.equal(await repository.resolve('HEAD:big'), undefined);
  assert.equal(await repository.resolve('a b'), undefined);
});

test('new commits leave out what is known and ignore IDs that are not here', async () => {
  const [head, first] = [git(top, 'rev-parse', 'HEAD'), git(top, 'rev-parse', 'HEAD~')] as [GitOid, GitOid];
  const foreign = 'ffffffffffffffffffffffffffffffffffffffff' as GitOid;
  const fresh = await repository.newCommits([head], [first, foreign]);
  assert.deepEqual([...fresh], [[head, { parents: [first] }]]);
  assert.equal((await repository.newCommits([head], [])).size, 2);
  assert.equal((await repository.newCommits([head], [head])).size, 0);
});

test('SHA-256 repositories are read the same way', async () => {
  const other = join(top, 'sha256');
  git(top, 'init', '-q', '--object-format=sha256', other);
  writeFileSync(join(other, 'f'), 'x');
  git(other, 'add', '.');
  git(other, 'commit', '-qm', 'one');
  const reader = openRepository({ cwd: other, env, signal });
  try {
    const head = (await reader.resolve('HEAD')) as GitOid;
    assert.equal(head.length, 64);
    const [entry] = await reader.tree((await reader.commit(head)).tree);
    assert.equal(Buffer.from(await reader.blob(entry?.oid as GitOid)).toString(), 'x');
  } finally {
    await reader.close();
  }
});

test('the work tree is found from the Git directory', () => {
  const linked = join(top, '..', `${top.split('/').at(-1)}-linked`);
  git(top, 'worktree', 'add', '-q', '--detach', linked);
  try {
    const gitDirectory = git(linked, 'rev-parse', '--absolute-git-dir');
    assert.deepEqual(locateRepository('/', gitDirectory, {}, nothing), {
      gitDirectory,
      commonDirectory: join(top, '.git'),
      workTree: git(linked, 'rev-parse', '--show-toplevel'),
    });
  } finally {
    rmSync(linked, { recursive: true, force: true });
  }
  assert.equal(locateRepository('/elsewhere', join(top, '.git'), {}, nothing).workTree, top);
  const bare = (key: string): string | undefined => (key === 'core.bare' ? 'true' : undefined);
  assert.equal(locateRepository(top, '.', {}, bare).workTree, undefined);
  assert.equal(locateRepository(top, '.git', { GIT_WORK_TREE: '/w' }, nothing).workTree, '/w');
});
