// The repositories that every scenario begins with, made once and copied.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { World } from '../kit/world.ts';
import type { Bench } from './scenario.ts';

export interface Templates {
  readonly origin: string;
  readonly client: string;
  readonly commits: Bench['commits'];
  readonly experiments: Bench['experiments'];
}

/** A bare Git remote with two branches, a tag and an experiment, and a clone of it that has another experiment. */
export function buildTemplates(world: World): Templates {
  const origin = world.path('template', 'origin.git');
  const author = world.path('template', 'author');
  world.git(world.directory, 'init', '-q', '--bare', origin);
  world.git(world.directory, 'init', '-q', author);
  const commits = [1, 2, 3].map((count) => {
    writeFileSync(join(author, 'file'), `${count}\n`);
    mkdirSync(join(author, 'sub', 'dir'), { recursive: true });
    writeFileSync(join(author, 'sub', 'dir', 'file'), 'x\n');
    world.git(author, 'add', '.');
    // A day apart, for `--shallow-since`.
    const date = `${1_699_000_000 + count * 86_400} +0000`;
    const env = { GIT_AUTHOR_DATE: date, GIT_COMMITTER_DATE: date };
    world.run(author, 'git', ['commit', '-qm', `commit ${count}`], { env });
    return world.git(author, 'rev-parse', 'HEAD');
  });
  const [base = '', ...later] = [...commits].reverse();
  const experiment = (name: string): string => `refs/exps/${base.slice(0, 2)}/${base.slice(2)}/${name}`;
  const experiments = { shared: experiment('shared-exp'), local: experiment('local-exp') };
  for (const ref of Object.values(experiments)) {
    const tree = world.git(author, 'rev-parse', `${base}^{tree}`);
    world.git(author, 'update-ref', ref, world.git(author, 'commit-tree', '-p', base, '-m', ref, tree));
  }
  world.git(author, 'tag', '-am', 'one', 'v1', later.at(-1) ?? base);
  world.git(author, 'branch', 'side', later[0] ?? base);
  world.git(author, 'remote', 'add', 'origin', origin);
  world.git(author, 'push', '-q', 'origin', 'main', 'side', 'v1', `${experiments.shared}:${experiments.shared}`);
  // What the clone has not got must not be in its object store either: Git would not ask for it.
  const client = world.path('template', 'client');
  world.git(world.directory, 'clone', '-q', '--no-local', origin, client);
  world.git(client, 'branch', '-q', 'side', 'origin/side');
  world.git(client, 'fetch', '-q', author, `${experiments.local}:${experiments.local}`);
  rmSync(join(client, '.git', 'FETCH_HEAD'));
  return { origin, client, commits, experiments };
}
