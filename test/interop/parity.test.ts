// docs/dvc-parity.md says of every option that DVC's commands have whether ours has it: asked of the real DVC and of our own `-h`.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { companion } from '../cli/companion.ts';
import { findDvc } from '../kit/dvc.ts';
import { openWorld, type World } from '../kit/world.ts';

let world: World;
before(() => {
  world = openWorld({ COLUMNS: '200' });
});
after(() => world.remove());

const commands = ['push', 'pull', 'list', 'show', 'branch', 'rename', 'remove'].map((verb) => `exp ${verb}`);
const options = (text: string): string[] => [...text.matchAll(/`(--?[a-zA-Z][a-z-]*)`/g)].map(([, name = '']) => name);

/** Each short and long name at the beginning of a line of help. */
function optionsIn(help: string): string[] {
  const heads = help.split('\n').flatMap((line) => /^ {2,8}(-\S.*?)(?: {2,}|$)/.exec(line)?.[1] ?? []);
  const found = heads.flatMap((head) =>
    [...head.matchAll(/(?<![\w-])(--?[a-zA-Z][a-z-]*)/g)].map(([, name = '']) => name),
  );
  return [...new Set(found)].sort();
}

test('the table has a row for each command, and no other', () => {
  assert.deepEqual([...rows().keys()].sort(), [...commands, 'status', 'fetch', 'checkout'].sort());
});

function rows(): ReadonlyMap<string, { readonly same: string[]; readonly other: string[] }> {
  const [, part = ''] =
    /^## Nothing of DVC's list is missing\n(.*?)^## /ms.exec(readFileSync('docs/dvc-parity.md', 'utf8')) ?? [];
  return new Map(
    [...part.matchAll(/^\| `dvc ([a-z ]+?)` *\|([^|]*)\|([^|]*)\|$/gm)].map(
      ([, command = '', same = '', other = '']) => [
        command,
        { same: options(same), other: options(other).filter((name) => name !== '-h') },
      ],
    ),
  );
}

for (const command of [...commands, 'status', 'fetch', 'checkout']) {
  test(`dvc ${command}`, async () => {
    const row = rows().get(command);
    assert.ok(row, `a row for ${command}`);
    const theirs = world.run(world.directory, findDvc(), [...command.split(' '), '-h']);
    assert.equal(theirs.code, 0, theirs.stderr);
    assert.deepEqual([...row.same, ...row.other].sort(), optionsIn(theirs.stdout), 'of DVC');
    const verb = command.split(' ').at(-1) ?? '';
    const { stdout } = await companion(world, world.directory, [verb, '-h']);
    // `--help` opens the manual page, and no summary names it.
    const ours = new Set([...optionsIn(stdout), '--help']);
    assert.deepEqual(
      row.same.filter((name) => !ours.has(name)),
      [],
      'ours has them',
    );
    assert.deepEqual(
      row.other.filter((name) => ours.has(name)),
      [],
      'ours has not',
    );
  });
}
