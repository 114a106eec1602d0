// The protocol of a person's sign-in, with a browser that is not one.
import assert from 'node:assert/strict';
import * as http from 'node:http';
import { after, afterEach, before, describe, test } from 'node:test';
import { runCompanion } from '../../src/cli/app.ts';
import { signInToDrive } from '../../src/storage/gdrive/sign-in.ts';
import { contentOf, failsWith, operation } from '../conformance/storage.ts';
import { createTeam, trackAndCommit } from '../e2e/team.ts';
import { clientEnv } from '../kit/google-drive/clients.ts';
import { ada, type Drive, startDrive } from '../kit/google-drive/drive.ts';
import { openWorld, type Ran, type World } from '../kit/world.ts';
import { driveContext, openDrive } from './drive-remote.ts';

let drive: Drive;
before(async () => {
  drive = await startDrive();
});
after(() => drive?.close());
afterEach(() => {
  drive.consent.answer = 'allow';
  drive.consent.email = ada;
});

interface Page {
  readonly status: number;
  readonly location: string | undefined;
  readonly text: string;
}

function get(url: string, method = 'GET'): Promise<Page> {
  return new Promise((resolve, reject) => {
    const asked = http.request(url, { method, agent: false, timeout: 5000 }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part) => (text += part));
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, location: response.headers.location, text }),
      );
    });
    asked.on('timeout', () => asked.destroy(new Error('no answer')));
    asked.on('error', reject);
    asked.end();
  });
}

/** The consent page, without the proxy. */
const consentPage = (url: string): Promise<Page> => get(url.replace(/^https:\/\/accounts\.google\.com/, drive.url));

type Options = Readonly<Record<string, string>>;
const own = (): Options => ({ gdrive_client_id: drive.client.id, gdrive_client_secret: drive.client.secret });

function signIn(browse: (url: string) => unknown, options: Options = own(), signal = operation.signal) {
  const config = { name: 'store', scheme: 'gdrive', url: 'gdrive://root/x', options, committed: new Set<string>() };
  return signInToDrive(config, driveContext(drive, { env: { GDRIVE_CREDENTIALS_DATA: undefined } }), {
    show: (url) => void browse(url),
    signal,
  });
}

describe('signing in to Google Drive', { timeout: 60_000 }, () => {
  test('yes: a token that lasts, and that opens Drive', async () => {
    let page: Promise<Page> | undefined;
    let address = '';
    const found = await signIn((url) => {
      address = url;
      page = consentPage(url).then(({ location = '' }) => get(location));
    });
    const asked = new URL(address);
    assert.equal(asked.origin, 'https://accounts.google.com');
    const given = (name: string): string => asked.searchParams.get(name) ?? '';
    assert.match(given('redirect_uri'), /^http:\/\/127\.0\.0\.1:\d+$/);
    assert.equal(given('code_challenge_method'), 'S256');
    assert.match(given('code_challenge'), /^[\w-]{43}$/);
    assert.match(given('state'), /^[\w-]{43}$/);
    assert.equal(given('access_type'), 'offline');
    assert.ok(!address.includes(drive.client.secret));
    assert.match((await page)?.text ?? '', /You are signed in/);

    const { clientId, clientSecret, refreshToken } = found;
    const token = { client_id: clientId, client_secret: clientSecret, refresh_token: refreshToken };
    const env = { GDRIVE_CREDENTIALS_DATA: JSON.stringify(token) };
    const storage = await openDrive(drive, 'root/signed-in', {}, { env });
    await storage.write('files/x', contentOf('x'), operation);
    await storage.close();
    // Nobody listens any more.
    await assert.rejects(get(given('redirect_uri')), /ECONNREFUSED/);
  });

  test('no', async () => {
    drive.consent.answer = 'deny';
    let page: Promise<Page> | undefined;
    const browse = (url: string): void => {
      page = consentPage(url).then(({ location = '' }) => get(location));
    };
    await assert.rejects(signIn(browse), failsWith('auth', /'store': Google says no \(access_denied\)/));
    assert.match((await page)?.text ?? '', /not signed in/);
  });

  test('whoever does not know the state is not heard', async () => {
    const others: Page[] = [];
    const found = await signIn(async (url) => {
      const { location = '' } = await consentPage(url);
      const back = new URL(location);
      const { state } = Object.fromEntries(back.searchParams);
      for (const query of [
        '',
        '?code=x',
        '?code=x&state=wrong',
        `?state=${state}`,
        `//?code=x&error=y&state=${state?.slice(1)}`,
      ]) {
        others.push(await get(`${back.origin}/${query}`));
      }
      others.push(await get(location, 'POST'));
      await get(location);
    });
    assert.deepEqual(
      others.map(({ status }) => status),
      Array(6).fill(400),
    );
    assert.ok(found.refreshToken);
  });

  test('an answer that somebody else began is worth nothing', async () => {
    let code = '';
    await signIn(async (url) => {
      const { location = '' } = await consentPage(url);
      code = new URL(location).searchParams.get('code') ?? '';
      await get(location);
    });
    const stolen = async (url: string): Promise<void> => {
      const { searchParams } = new URL(url);
      await get(
        `${searchParams.get('redirect_uri')}/?code=${encodeURIComponent(code)}&state=${searchParams.get('state')}`,
      );
    };
    await assert.rejects(signIn(stolen), failsWith('auth', /invalid_grant/));
  });

  test('an interrupt ends the wait', async () => {
    const stop = new AbortController();
    await assert.rejects(
      signIn(() => setTimeout(() => stop.abort(), 20), own(), stop.signal),
      { name: 'AbortError' },
    );
  });

  test("without an OAuth client of one's own", async () => {
    await assert.rejects(
      signIn(() => assert.fail('nothing to show'), {}),
      failsWith('config', /OAuth client of your own[\s\S]*gdrive_client_id[\s\S]*--local store gdrive_client_secret/),
    );
  });
});

describe('git dvcexp credential login', { timeout: 120_000 }, () => {
  let world: World;
  before(() => {
    world = openWorld({ ...clientEnv(drive), GDRIVE_CREDENTIALS_DATA: '' });
  });
  after(() => world?.remove());

  /** As whoever opens the address that is printed. */
  async function run(cwd: string, ...args: readonly string[]): Promise<Ran> {
    let [stdout, stderr] = ['', ''];
    const none = { terminal: false, stdoutTerminal: false, manual: '', completion: '', pageAssets: undefined };
    const write = (text: string): void => {
      stdout += text;
      const [url] = /https:\/\/accounts\.google\.com\S+/.exec(text) ?? [];
      if (url !== undefined) void consentPage(url).then(({ location = '' }) => get(location));
    };
    const code = await runCompanion(
      ['credential', 'login', ...args],
      {
        ...none,
        ...{ cwd, env: world.env, home: world.path('home'), platform: process.platform },
        ...{ nodeVersion: process.versions.node, stdout: write, stderr: (text) => (stderr += text) },
      },
      { signal: AbortSignal.timeout(60_000) },
    );
    return { code, stdout, stderr };
  }

  test('what it has Git keep opens storage for the next push; without a helper it fails', async () => {
    const team = createTeam(world, 'signed');
    team.write('.dvc/config.local', '[\'remote "storage"\']\n    url = gdrive://root/signed in\n');
    const refused = await run(team.alice, 'storage');
    assert.equal(refused.code, 128);
    assert.match(refused.stderr, /takes an OAuth client of your own/);
    const { id, secret } = drive.client;
    const options = `    gdrive_client_id = ${id}\n    gdrive_client_secret = ${secret}\n`;
    team.write('.dvc/config.local', `['remote "storage"']\n    url = gdrive://root/signed in\n${options}`);
    const forgotten = await run(team.alice);
    assert.equal(forgotten.code, 128);
    assert.match(forgotten.stderr, /signed in, and Git does not keep it\nhint: .*credential\.helper store/);
    trackAndCommit(team, 'model.bin', 'model');
    const nobody = await team.push('main');
    assert.match(nobody.stderr, /hint: sign in once with: git dvcexp credential login storage/);

    world.git(world.directory, 'config', '--global', 'credential.helper', 'store');
    const signed = await run(team.alice, 'storage');
    assert.equal(signed.code, 0, signed.stderr);
    assert.match(signed.stdout, /Git keeps the token for storage remote 'storage' now/);
    assert.ok(!`${signed.stdout}${signed.stderr}`.includes('1//'), 'the token is not shown');
    const pushed = await team.push('main');
    assert.equal(pushed.code, 0, pushed.stderr);
    assert.match(pushed.stderr, /uploaded 1 object/);
  });

  test('other storage is not signed in to', async () => {
    const team = createTeam(world, 'other');
    const ran = await run(team.alice);
    assert.equal(ran.code, 128);
    assert.match(ran.stderr, /no signing in to storage of the kind 'local'/);
    assert.equal((await run(world.directory)).code, 129);
  });
});
