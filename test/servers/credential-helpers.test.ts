// Where Git's users keep their passwords, each for a service that checks them: Git's own helpers, and a program that asks.
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { createTeam, type Team, trackAndCommit } from '../e2e/team.ts';
import { type Asking, openAsking } from '../kit/asking.ts';
import { plainUser, startWsgidav, type WebServer } from '../kit/web-servers.ts';
import { admin, bucket, startWeed, type Weed } from '../kit/weed.ts';
import { objectsIn, openWorld, type Ran, type World } from '../kit/world.ts';

/** A service, what leads to it, and who is let in. */
interface Service {
  readonly name: string;
  readonly remote: () => string;
  readonly url: () => string;
  readonly user: string;
  readonly secret: string;
  /** What is said of a secret that is wrong. */
  readonly refusal: RegExp;
  /** What is said where nobody can be asked. */
  readonly advice: RegExp;
}

let weed: Weed;
let dav: WebServer;
before(
  async () => {
    [weed, dav] = await Promise.all([startWeed(), startWsgidav()]);
  },
  { timeout: 120_000 },
);
after(async () => {
  await Promise.all([weed?.close(), dav?.close()]);
});

const services: readonly Service[] = [
  {
    name: 'S3 (SeaweedFS)',
    remote: () => `    url = s3://${bucket}/helpers\n    endpointurl = ${weed.endpoint}\n`,
    url: () => weed.endpoint,
    user: admin.id,
    secret: admin.secret,
    refusal: /SignatureDoesNotMatch/,
    advice: /no AWS access keys for storage remote 'store'[\s\S]*hint: .*aws configure/,
  },
  {
    name: 'WebDAV (WsgiDAV)',
    remote: () => `    url = webdav://127.0.0.1:${dav.port}/helpers\n`,
    url: () => `http://127.0.0.1:${dav.port}`,
    user: plainUser,
    secret: plainUser,
    refusal: /access denied/,
    advice: /hint: no user is set; set one with: dvc remote modify --local store user /,
  },
];

/** One of Git's ways to know a secret, in a world of its own. */
interface Way {
  readonly name: string;
  /** Value of `credential.helper`; undefined: none, whoever knows is asked. */
  readonly helper: (world: World) => string | undefined;
}

const ways: readonly Way[] = [
  { name: 'store', helper: () => 'store' },
  { name: 'cache', helper: (world) => `cache --socket ${world.path('cache', 'socket')}` },
  { name: 'an askpass program', helper: () => undefined },
];

interface Scene {
  readonly world: World;
  readonly asker: Asking;
  readonly team: Team;
  /** What helpers have for the service, `user:secret`; '' for nothing. */
  kept(): string;
  seed(user: string, secret: string): void;
  push(env?: NodeJS.ProcessEnv): Promise<Ran & { readonly seconds: number }>;
}

async function within(service: Service, way: Way, play: (scene: Scene) => Promise<void>): Promise<void> {
  const world = openWorld({ AWS_EC2_METADATA_DISABLED: 'true' });
  const asker = openAsking(world);
  mkdirSync(world.path('cache'), { mode: 0o700 });
  world.git(world.directory, 'config', '--global', '--unset-all', 'credential.helper');
  const helper = way.helper(world);
  if (helper !== undefined) world.git(world.directory, 'config', '--global', 'credential.helper', helper);
  const credential = (verb: string, lines: readonly string[]): string =>
    world.run(world.directory, 'git', ['credential', verb], { input: `${lines.join('\n')}\n\n` }).stdout;
  const team = createTeam(world, 'team');
  team.write('.dvc/config', `[core]\n    remote = store\n['remote "store"']\n${service.remote()}`);
  try {
    await play({
      world,
      asker,
      team,
      kept() {
        const said = credential('fill', [`url=${service.url()}`]);
        const [, user, secret] = /^username=(.*)\npassword=(.*)$/m.exec(said) ?? [];
        return user === undefined ? '' : `${user}:${secret}`;
      },
      seed: (user, secret) =>
        void credential('approve', [`url=${service.url()}`, `username=${user}`, `password=${secret}`]),
      async push(env = asker.env) {
        const began = performance.now();
        const ran = await team.git(team.alice, ['push', 'origin', 'main'], env);
        return { ...ran, seconds: (performance.now() - began) / 1000 };
      },
    });
  } finally {
    world.run(world.directory, 'git', ['credential-cache', '--socket', world.path('cache', 'socket'), 'exit']);
    world.remove();
  }
}

const isUser = (prompt: string): boolean => prompt.startsWith("Username for 'http://127.0.0.1:");
const isPassword = (prompt: string): boolean => prompt.startsWith("Password for 'http://");

for (const service of services) {
  const { user, secret } = service;
  describe(service.name, { timeout: 600_000 }, () => {
    for (const way of ways) {
      const keeps = way.name === 'store' || way.name === 'cache';
      test(`${way.name}: a wrong secret is refused and asked for anew, the right one opens${keeps ? ' and stays' : ''}`, () =>
        within(service, way, async ({ asker, team, world, seed, kept, push }) => {
          trackAndCommit(team, 'model.bin', `model of ${service.name} and ${way.name}`);
          if (keeps) {
            seed(user, 'wrong');
            assert.equal(kept(), `${user}:wrong`);
            // Whoever is asked for another one and gives none: the wrong one is gone all the same.
            assert.equal((await push()).code, 1);
            assert.equal(kept(), '');
            assert.equal(team.refs(), '');
            seed(user, 'wrong');
            asker.forget();
            asker.answers(user, secret);
          } else asker.answers(user, 'wrong', user, secret);
          const pushed = await push();
          assert.equal(pushed.code, 0, pushed.stderr);
          assert.match(pushed.stderr, /dvcexp: storage remote 'store' \(.*\) needs /);
          const rounds = keeps ? 1 : 2;
          assert.equal(asker.prompts().filter(isUser).length, rounds, asker.prompts().join('\n'));
          assert.equal(asker.prompts().filter(isPassword).length, rounds);
          assert.equal(kept(), keeps ? `${user}:${secret}` : '');
          assert.ok(!pushed.stderr.includes(`${secret}\n`) && !pushed.stderr.includes('wrong'));

          // From now on helpers know, and a program is asked again.
          trackAndCommit(team, 'more.bin', `more of ${service.name} and ${way.name}`);
          asker.answers(user, secret);
          const again = await push();
          assert.equal(again.code, 0, again.stderr);
          assert.equal(asker.prompts().length, 2 * (rounds + (keeps ? 0 : 1)));
          const cloned = await team.clone('bob', [], { ...asker.env, GIT_ASKPASS: '' });
          assert.equal(cloned.code, 0, cloned.stderr);
          const brought = objectsIn(team.path('bob', '.dvc', 'cache')).size;
          assert.equal(brought, keeps ? 2 : 0, cloned.stderr);
          assert.ok(world.git(team.path('bob'), 'log', '--oneline').split('\n').length === 2);
        }));
    }

    test('nobody can be asked: a push ends before any ref moves, a fetch goes on, and neither waits', () =>
      within(service, { name: 'none', helper: () => undefined }, async ({ team, push }) => {
        trackAndCommit(team, 'model.bin', `silence of ${service.name}`);
        const silent = { GIT_TERMINAL_PROMPT: '0', GIT_ASKPASS: '', SSH_ASKPASS: '' };
        const pushed = await push(silent);
        assert.equal(pushed.code, 1, pushed.stderr);
        assert.match(pushed.stderr, service.advice);
        assert.match(pushed.stderr, /! \[remote rejected\] main -> main \(dvc: /);
        assert.equal(team.refs(), '');
        assert.ok(pushed.seconds < 30, `${pushed.seconds} s`);
        // Somebody else has pushed without data.
        await team.git(team.alice, ['-c', 'remote.origin.vcs=', 'push', 'origin', 'main']);
        const began = performance.now();
        const cloned = await team.clone('bob', [], silent);
        assert.equal(cloned.code, 0, cloned.stderr);
        assert.match(cloned.stderr, /warning: /);
        assert.ok((performance.now() - began) / 1000 < 30);
      }));

    test('a program that is dismissed is not asked twice, and one that is always wrong three times', () =>
      within(service, { name: 'none', helper: () => undefined }, async ({ asker, team, push }) => {
        trackAndCommit(team, 'model.bin', `refusals of ${service.name}`);
        const dismissed = await push();
        assert.equal(dismissed.code, 1, dismissed.stderr);
        assert.ok(asker.prompts().length <= 2, asker.prompts().join('\n'));
        const before = asker.prompts().length;
        asker.answers(...[1, 2, 3, 4, 5].flatMap((round) => [user, `wrong${round}`]));
        const refused = await push();
        assert.equal(refused.code, 1, refused.stderr);
        assert.match(refused.stderr, service.refusal);
        assert.equal(asker.prompts().length - before, 6);
        assert.equal(team.refs(), '');
      }));
  });
}
