// A Git remote over HTTPS that wants a password, and nothing but the token that a CI service puts into the environment.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { after, before, beforeEach, describe, test } from 'node:test';
import { createTeam, type Team, trackAndCommit } from '../e2e/team.ts';
import { type GitServer, type HttpOptions, startHttpServer } from '../kit/git-servers.ts';
import { makeCertificates } from '../kit/web-servers.ts';
import { objectsIn, openWorld, type Ran } from '../kit/world.ts';

const world = openWorld();
const token = 'ci-t0ken';
const login = { user: 'x-access-token', password: token };
/** Of every request: the host that was asked, and what proves who asks. */
const seen: { readonly host: string; readonly authorization: string | undefined; readonly url: string }[] = [];
let server: GitServer;
let elsewhere: GitServer;
let place: URL;
let team: Team;
let credentials: { user: string; password: string };

const note = ({ headers, url = '' }: IncomingMessage): void =>
  void seen.push({ host: headers.host ?? '', authorization: headers.authorization, url });

before(async () => {
  const { ca, cert, key } = makeCertificates(world.directory);
  const tls = { ca: readFileSync(ca), cert: readFileSync(cert), key: readFileSync(key) };
  credentials = { ...login };
  const gate: HttpOptions['gate'] = (request) => {
    note(request);
    const moved = /^\/moved(\/.*)/.exec(request.url ?? '')?.[1];
    return moved === undefined ? undefined : { status: 301, headers: { location: elsewhere.url(moved.slice(1)) } };
  };
  server = await startHttpServer(world.directory, { credentials, tls, gate });
  const other: HttpOptions['gate'] = (request) => {
    note(request);
    return undefined;
  };
  elsewhere = await startHttpServer(world.directory, { credentials: login, tls, gate: other });
  place = new URL(server.url(''));
  world.git(world.directory, 'config', '--global', 'http.sslCAInfo', ca);
  world.git(world.directory, 'config', '--global', 'credential.helper', 'dvcexp');
});
after(async () => {
  await Promise.all([server?.stop(), elsewhere?.stop()]);
  world.remove();
});
let teams = 0;
beforeEach(() => {
  seen.length = 0;
  teams += 1;
  team = createTeam(world, `team${teams}`);
  world.git(team.alice, 'remote', 'set-url', 'origin', server.url(`team${teams}/team.git`));
});

interface Service {
  readonly name: string;
  readonly user: string;
  readonly env: () => NodeJS.ProcessEnv;
}
const services: readonly Service[] = [
  {
    name: 'GITHUB_TOKEN',
    user: 'x-access-token',
    env: () => ({ GITHUB_ACTIONS: 'true', GITHUB_SERVER_URL: place.origin, GITHUB_TOKEN: token }),
  },
  {
    name: 'CI_JOB_TOKEN',
    user: 'gitlab-ci-token',
    env: () => ({ CI_SERVER_HOST: place.hostname, CI_SERVER_PORT: place.port, CI_JOB_TOKEN: token }),
  },
  {
    name: 'SYSTEM_ACCESSTOKEN',
    user: 'azure-devops',
    env: () => ({ SYSTEM_COLLECTIONURI: `${place.origin}/team/`, SYSTEM_ACCESSTOKEN: token }),
  },
];
const proofs = (host: string): readonly (string | undefined)[] =>
  seen.filter((request) => request.host === host).map(({ authorization }) => authorization);

const clone = (url: string, name: string, env: NodeJS.ProcessEnv): Promise<Ran> =>
  team.git(team.directory, ['clone', '-c', 'remote.origin.vcs=dvcexp', url, name], env);
const cached = (clone: string): number => objectsIn(team.path(clone, '.dvc', 'cache')).size;

describe('a token of a CI service', { timeout: 300_000 }, () => {
  for (const { name, user, env } of services) {
    test(`${name}: push, clone and fetch, the data along`, async () => {
      credentials.user = user;
      trackAndCommit(team, 'model.bin', `model of ${name}`);
      const refused = await team.git(team.alice, ['push', 'origin', 'main']);
      assert.equal(refused.code, 128, 'without it nobody is let in');
      const pushed = await team.git(team.alice, ['push', 'origin', 'main'], env());
      assert.equal(pushed.code, 0, pushed.stderr);
      assert.equal(objectsIn(team.storage).size, 1);
      const cloned = await clone(server.url(`team${teams}/team.git`), 'bob', env());
      assert.equal(cloned.code, 0, cloned.stderr);
      assert.equal(cached('bob'), 1);
      trackAndCommit(team, 'more.bin', `more of ${name}`);
      assert.equal((await team.git(team.alice, ['push', 'origin', 'main'], env())).code, 0);
      const fetched = await team.git(team.path('bob'), ['fetch', 'origin'], env());
      assert.equal(fetched.code, 0, fetched.stderr);
      assert.equal(cached('bob'), 2);
      assert.ok([pushed, cloned, fetched].every(({ stdout, stderr }) => !(stdout + stderr).includes(token)));
      const shown = new Set(proofs(place.host).filter((proof) => proof !== undefined));
      assert.deepEqual([...shown], [`Basic ${Buffer.from(`${user}:${token}`).toString('base64')}`]);
    });

    test(`${name}: to no other name, port or server that it is led to`, async () => {
      credentials.user = user;
      trackAndCommit(team, 'model.bin', `model of ${name}`);
      assert.equal((await team.git(team.alice, ['push', 'origin', 'main'], env())).code, 0);
      seen.length = 0;
      const path = `team${teams}/team.git`;
      const others = [
        server.url(path).replace('127.0.0.1', 'localhost'),
        elsewhere.url(path),
        server.url(`moved/${path}`),
        server.url(path).replace('https://', 'https://somebody@'),
      ];
      for (const [index, url] of others.entries()) {
        const ran = await clone(url, `other${index}`, env());
        assert.notEqual(ran.code, 0, url);
        assert.match(ran.stderr, /could not read (?:Username|Password) for|Authentication failed/, url);
        assert.ok(!ran.stderr.includes(token));
      }
      assert.ok(seen.length >= others.length && seen.some(({ url }) => url.startsWith('/moved/')));
      const hosts = new Set(seen.map(({ host }) => host));
      assert.deepEqual(
        [...hosts].sort(),
        [place.host, `localhost:${place.port}`, new URL(elsewhere.url('')).host].sort(),
      );
      assert.deepEqual(
        seen.filter(({ authorization = '' }) => Buffer.from(authorization.slice(6), 'base64').includes(token)),
        [],
      );
    });
  }
});
