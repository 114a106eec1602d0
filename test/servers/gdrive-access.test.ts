// Who is let in, what lies where, and what is said when it does not work out.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, afterEach, before, describe, test } from 'node:test';
import type { HelperError } from '../../src/model/error.ts';
import type { CredentialSource, Storage } from '../../src/storage/remote.ts';
import { contentOf, failsWith, listAll, noise, operation, readAll } from '../conformance/storage.ts';
import { ada, bob, type Drive, driveScopes, startDrive } from '../kit/google-drive/drive.ts';
import { refusing } from '../kit/trusting.ts';
import { openDrive } from './drive-remote.ts';
import { freshFolder } from './web-remote.ts';

const md5 = (bytes: string | Uint8Array): string => createHash('md5').update(bytes).digest('hex');
const keyOf = (bytes: string | Uint8Array): string => `files/md5/${md5(bytes).slice(0, 2)}/${md5(bytes).slice(2)}`;
const key = keyOf('data');

let drive: Drive;
let folder: string;
before(async () => {
  drive = await startDrive();
  folder = mkdtempSync(join(tmpdir(), 'dvcexp-drive-test-'));
});
after(async () => {
  rmSync(folder, { recursive: true, force: true });
  await drive?.close();
});
afterEach(() => {
  drive.faults = [];
  drive.accounts.delegation = false;
  drive.store.quotas.clear();
});

async function using(opening: Promise<Storage>, work: (storage: Storage) => Promise<unknown>): Promise<void> {
  const storage = await opening;
  try {
    await work(storage);
  } finally {
    await storage.close();
  }
}

function file(name: string, content: unknown): string {
  const path = join(folder, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
  return path;
}

const nobody = { GDRIVE_CREDENTIALS_DATA: undefined };

/** Every word of the error, with the check that no secret is among them. */
const says =
  (code: string, words: RegExp) =>
  (error: unknown): boolean => {
    const told = [(error as HelperError).message, ...(error as HelperError).hints].join('\n');
    const { client, serviceAccount } = drive;
    const secrets = [client.secret, serviceAccount.private_key.slice(60, 90), 'c4nary', 'ya29', '1//'];
    for (const secret of secrets) assert.ok(!told.includes(secret), told);
    return failsWith(code, words)(error);
  };

/** Writes and reads as whoever it is. */
async function works(storage: Storage): Promise<void> {
  await storage.write(key, contentOf('data'), operation);
  assert.equal(String(await readAll(storage, key)), 'data');
}

const paths = (base: string, top?: string): string[] =>
  drive
    .tree(top)
    .map(({ path }) => path)
    .filter((path) => path.startsWith(`${base}/`));

describe('who is let in', { timeout: 120_000 }, () => {
  const at = (): string => `${drive.folderId}/${freshFolder()}`;
  const service = { gdrive_use_service_account: 'true' };

  test('a service account, by the environment or by a file', async () => {
    await using(openDrive(drive, at(), service), works);
    await using(openDrive(drive, at()), works);
    const path = file('robot.json', drive.serviceAccount);
    const options = { ...service, gdrive_service_account_json_file_path: path };
    await using(openDrive(drive, at(), options, { env: nobody }), works);
  });

  test('a person, by what DVC writes: in the environment, in a file, in its own cache', async () => {
    const token = drive.userCredentials();
    await using(openDrive(drive, at(), {}, { env: { GDRIVE_CREDENTIALS_DATA: JSON.stringify(token) } }), works);
    const options = { gdrive_user_credentials_file: file('ada.json', token) };
    await using(openDrive(drive, at(), options, { env: nobody }), works);
    const own = { gdrive_client_id: drive.client.id, gdrive_client_secret: drive.client.secret };
    file(`cache/pydrive2fs/${drive.client.id}/default.json`, token);
    const env = { ...nobody, XDG_CACHE_HOME: join(folder, 'cache') };
    await using(openDrive(drive, at(), own, { env }), works);
    file(`cache/pydrive2fs/${drive.client.id}/work.json`, drive.userCredentials(bob));
    await using(openDrive(drive, at(), { ...own, profile: 'work' }, { env }), (storage) =>
      assert.rejects(storage.write(key, contentOf('data'), operation), says('auth', /'.*work\.json'.*'Editor'/s)),
    );
  });

  test("a person, by what Git's credential helpers keep: before DVC's token, and told what became of it", async () => {
    const own = { gdrive_client_id: drive.client.id, gdrive_client_secret: drive.client.secret };
    const env = { ...nobody, XDG_CACHE_HOME: join(folder, 'kept') };
    file(`kept/pydrive2fs/${drive.client.id}/default.json`, { ...drive.userCredentials(), refresh_token: 'gone' });
    const told: string[] = [];
    const credentialsWith = (password: string): CredentialSource => ({
      canAsk: true,
      ask: async () => assert.fail('nobody can type a token'),
      async find(place, username) {
        told.push(`find ${place.protocol}://${place.host}/${place.path} ${username}`);
        return { username: username ?? '', password };
      },
      approve: () => void told.push('approve'),
      reject: () => void told.push('reject'),
    });
    const credentials = credentialsWith(drive.refreshToken());
    await using(openDrive(drive, at(), { ...own, profile: 'work' }, { env, credentials }), works);
    const { id } = drive.client;
    assert.deepEqual(told, [`find https://oauth2.googleapis.com/${id} work@${id}`, 'approve']);
    const gone = credentialsWith('1//c4nary');
    await using(openDrive(drive, at(), own, { env, credentials: gone }), (storage) =>
      assert.rejects(storage.stat(key, operation), says('auth', /sign in anew: git dvcexp credential login store/)),
    );
    assert.equal(told.at(-1), 'reject');
    // Not of the client that DVC brings along, nor for a service account.
    told.length = 0;
    await assert.rejects(openDrive(drive, at(), {}, { env, credentials }), says('auth', /no credentials/));
    await assert.rejects(
      openDrive(drive, at(), { ...own, ...service }, { env, credentials }),
      says('auth', /no credentials/),
    );
    assert.deepEqual(told, []);
  });

  test('what gcloud keeps of a person, and an access token alone', async () => {
    const { id, secret } = drive.client;
    const gcloud = {
      type: 'authorized_user',
      client_id: id,
      client_secret: secret,
      refresh_token: drive.refreshToken(),
    };
    await using(openDrive(drive, at(), {}, { env: { GDRIVE_CREDENTIALS_DATA: JSON.stringify(gcloud) } }), works);
    const { access_token } = drive.accounts.token(
      new URLSearchParams({
        grant_type: 'refresh_token',
        refresh_token: drive.refreshToken(),
        client_id: id,
        client_secret: secret,
      }),
      undefined,
    ) as { access_token: string };
    const alone = {
      ...drive.userCredentials(),
      refresh_token: null,
      access_token,
      token_expiry: '2999-01-01T00:00:00Z',
    };
    const asked = drive.requests('oauth.token');
    await using(openDrive(drive, at(), {}, { env: { GDRIVE_CREDENTIALS_DATA: JSON.stringify(alone) } }), works);
    assert.equal(drive.requests('oauth.token'), asked);
    drive.accounts.expireTokens();
    await using(openDrive(drive, at(), {}, { env: { GDRIVE_CREDENTIALS_DATA: JSON.stringify(alone) } }), (storage) =>
      assert.rejects(
        storage.stat(key, operation),
        says('auth', /the access token has ended, and there is no other[\s\S]*GDRIVE_CREDENTIALS_DATA/),
      ),
    );
  });

  test('a file of this machine may name another token server', async () => {
    const own = { token_uri: `${drive.url}/token` };
    for (const content of [
      { ...drive.userCredentials(), ...own },
      { ...drive.serviceAccount, ...own },
    ]) {
      const begun = drive.log.length;
      const options = { gdrive_user_credentials_file: file('elsewhere.json', content) };
      await using(openDrive(drive, at(), options, { env: nobody }), works);
      const asked = drive.log.slice(begun).filter((entry) => entry.operation === 'oauth.token');
      assert.deepEqual(
        asked.map(({ host }) => host),
        [undefined],
      );
    }
  });

  test('a service account that acts for a person, once an administrator allows it', async () => {
    const options = { ...service, gdrive_service_account_user_email: ada };
    await using(openDrive(drive, 'root/delegated', options), (storage) =>
      assert.rejects(
        storage.write(key, contentOf('data'), operation),
        says('auth', /unauthorized_client[\s\S]*may robot@.* act for ada@example\.org\?/),
      ),
    );
    drive.accounts.delegation = true;
    await using(openDrive(drive, 'root/delegated', options), works);
    const owners = [...drive.store.items.values()]
      .filter(({ name }) => name === md5('data').slice(2))
      .map((each) => each.owner);
    assert.ok(owners.includes(ada), String(owners));
  });

  test('one token for everybody who asks at once', async () => {
    const asked = drive.requests('oauth.token');
    const all = ['a', 'b', 'c', 'd'];
    await using(openDrive(drive, at()), async (storage) => {
      await Promise.all(all.map((each) => storage.write(keyOf(each), contentOf(each), operation)));
      assert.equal(drive.requests('oauth.token'), asked + 1);
      drive.faults = [
        { match: /alt=media/, times: 4, reason: 'authError' },
        { match: /^POST \/token/, delayMs: 200 },
      ];
      await Promise.all(all.map((each) => readAll(storage, keyOf(each))));
      assert.equal(drive.requests('oauth.token'), asked + 2);
    });
  });

  test('where nothing may be shown, nobody is asked', async () => {
    const begun = drive.log.length;
    await assert.rejects(openDrive(drive, at(), service, { judge: refusing }), says('trust', /no secret is shown/));
    assert.equal(drive.log.length, begun);
  });

  test("nobody: what to type, with and without an OAuth client of one's own", async () => {
    const env = { ...nobody, XDG_CACHE_HOME: join(folder, 'nothing') };
    const open = (options: Record<string, string>): Promise<Storage> => openDrive(drive, at(), options, { env });
    await assert.rejects(
      open({}),
      says('auth', /no credentials[\s\S]*gdrive_client_id[\s\S]*gdrive_use_service_account true/),
    );
    await assert.rejects(open({ gdrive_client_id: 'mine' }), says('auth', /git dvcexp credential login store$/));
    await assert.rejects(open(service), says('auth', /--local store gdrive_service_account_json_file_path/));
    const gone = { ...service, gdrive_service_account_json_file_path: join(folder, 'gone.json') };
    await assert.rejects(open(gone), says('auth', /there is no '.*gone\.json'/));
  });

  test('files that are no credentials are refused, and nothing of them is told', async () => {
    const refused: readonly (readonly [unknown, RegExp])[] = [
      ['c4nary: root:x:0:0', /is no JSON/],
      [['c4nary'], /no credentials/],
      [{ type: 'external_account', credential_source: { file: 'c4nary' } }, /of a kind that is not accepted/],
      [{ ...drive.serviceAccount, private_key: 'c4nary' }, /no whole key/],
      [{ ...drive.userCredentials(), refresh_token: null, access_token: null }, /no credentials of Google's/],
    ];
    for (const [content, words] of refused) {
      const options = { gdrive_user_credentials_file: file('refused.json', content) };
      await assert.rejects(openDrive(drive, at(), options, { env: nobody }), says('config', words));
    }
    const directory = { gdrive_user_credentials_file: folder };
    await assert.rejects(openDrive(drive, at(), directory, { env: nobody }), says('config', /holds no credentials/));
    // What only its place in the cache speaks for does not choose where its secrets go.
    for (const token_uri of ['https://oauth2.googleapis.com.c4nary.example/', 'http://oauth2.googleapis.com/']) {
      file(`elsewhere/pydrive2fs/${drive.client.id}/default.json`, { ...drive.userCredentials(), token_uri });
      const own = { gdrive_client_id: drive.client.id };
      const env = { ...nobody, XDG_CACHE_HOME: join(folder, 'elsewhere') };
      await assert.rejects(openDrive(drive, at(), own, { env }), says('config', /'token_uri' that is not Google's/));
    }
    const options = { gdrive_client_id: `../${drive.client.id}` };
    const env = { ...nobody, XDG_CACHE_HOME: join(folder, 'cache', 'x') };
    file(`cache/x/${drive.client.id}/default.json`, drive.userCredentials());
    await assert.rejects(openDrive(drive, at(), options, { env }), says('auth', /no credentials/));
  });

  test('Google lets nobody in: a token taken back, a client unknown, a key deleted, a clock that is wrong', async () => {
    const refused = (credentials: object, words: RegExp): Promise<void> => {
      const env = { GDRIVE_CREDENTIALS_DATA: JSON.stringify(credentials) };
      return using(openDrive(drive, at(), {}, { env }), (storage) =>
        assert.rejects(storage.stat(key, operation), says('auth', words)),
      );
    };
    const token = drive.userCredentials();
    drive.accounts.revoke(String(token.refresh_token));
    await refused(
      token,
      /invalid_grant[\s\S]*seven days[\s\S]*remove it and sign in anew: git dvcexp credential login store/,
    );
    await refused({ ...drive.userCredentials(), client_id: 'other' }, /invalid_client[\s\S]*gdrive_client_id <id>/);
    await refused({ ...drive.serviceAccount, client_email: 'gone@lab' }, /invalid_grant: .*account not found/);
    drive.faults = [
      {
        match: /^POST \/token/,
        status: 400,
        body: '{"error":"invalid_grant","error_description":"Invalid JWT: Check your iat and exp values in the JWT claim."}',
      },
    ];
    await refused(drive.serviceAccount, /clock right/);
  });
});

describe('what lies where', { timeout: 120_000 }, () => {
  const user = (email = ada) => ({ env: { GDRIVE_CREDENTIALS_DATA: JSON.stringify(drive.userCredentials(email)) } });

  test('My Drive, the hidden folder of the client, a shared drive, a folder on it', async () => {
    await using(openDrive(drive, 'root/mine/deep', {}, user()), works);
    await using(openDrive(drive, 'appDataFolder/store', {}, user()), works);
    await using(openDrive(drive, `${drive.sharedDriveId}/store`), works);
    const inside = drive.addFolder('inside', drive.sharedDriveId);
    await using(openDrive(drive, inside), async (storage) => {
      await works(storage);
      assert.deepEqual(await listAll(storage, ''), [{ key, size: 4 }]);
      assert.equal((await storage.stat(key, operation))?.size, 4);
    });
    assert.equal(paths('files', inside).length, 3);
    const listings = drive.log.filter(({ operation, url }) => operation === 'files.list' && url.includes(inside));
    assert.ok(listings.length > 0 && listings.every(({ url }) => url.includes(`driveId=${drive.sharedDriveId}`)));
  });

  test('folders of one name are one folder: all are read, the one with the smallest ID is written to', async () => {
    const base = drive.addFolder(freshFolder(), drive.folderId);
    const tops = [drive.addFolder('files', base), drive.addFolder('files', base)];
    const middles = tops.map((each) => drive.addFolder('md5', each));
    const [one, two] = ['one', 'two'].map(keyOf) as [string, string];
    const put = async (bytes: string, middle: string): Promise<void> => {
      const [, , prefix = '', name = ''] = keyOf(bytes).split('/');
      await drive.addFile(name, drive.addFolder(prefix, middle), bytes);
    };
    await put('one', middles[0]!);
    await put('two', middles[1]!);
    await using(openDrive(drive, base), async (storage) => {
      assert.deepEqual((await listAll(storage, 'files/md5/')).map((entry) => entry.key).sort(), [one, two].sort());
      assert.equal(String(await readAll(storage, one)), 'one');
      assert.equal(String(await readAll(storage, two)), 'two');
      await storage.write('files/md5/note', contentOf('x'), operation);
    });
    const written = [...drive.store.items.values()].find(
      ({ name, parent }) => name === 'note' && middles.includes(parent!),
    );
    assert.equal(written?.parent, [...middles].sort()[0]);
  });

  test('files of one name: the whole one counts, whatever comes first', async () => {
    const base = drive.addFolder(freshFolder(), drive.folderId);
    await using(openDrive(drive, base), async (storage) => {
      await works(storage);
      const { id } = drive.tree(base).find(({ path }) => path === key)!;
      const parent = drive.store.items.get(id)!.parent!;
      await drive.addFile(key.slice(-30), parent, 'rotten and newer');
      assert.equal((await storage.stat(key, operation))?.size, 4);
      assert.equal(String(await readAll(storage, key)), 'data');
      assert.deepEqual(await listAll(storage, 'files/'), [{ key, size: 4 }]);
    });
  });

  test('names are compared exactly, although Google takes upper and lower case for one', async () => {
    const base = drive.addFolder(freshFolder(), drive.folderId);
    const clash = drive.addFolder('FILES', base);
    await using(openDrive(drive, base), async (storage) => {
      await storage.write('files/Name', contentOf('upper'), operation);
      assert.equal(await storage.stat('files/name', operation), undefined);
      await storage.write('files/name', contentOf('lower'), operation);
      assert.equal(String(await readAll(storage, 'files/Name')), 'upper');
      assert.equal(String(await readAll(storage, 'files/name')), 'lower');
    });
    assert.deepEqual([...drive.store.children(clash)], []);
  });

  test('what is in the trash is not there', async () => {
    const base = drive.addFolder(freshFolder(), drive.folderId);
    await using(openDrive(drive, base), async (storage) => {
      await works(storage);
      const gone = drive.tree(base).find(({ path }) => path === key)!;
      drive.store.items.get(gone.id)!.trashed = true;
      assert.equal(await storage.stat(key, operation), undefined);
      await assert.rejects(readAll(storage, key), says('missing', /has no object/));
      await works(storage);
    });
    drive.store.items.get(base)!.trashed = true;
    await using(openDrive(drive, base), (storage) =>
      assert.rejects(storage.stat(key, operation), says('unavailable', /in the trash[\s\S]*restore/)),
    );
  });

  test('an object that Google knows to hold other bytes is told of, and sent again', async () => {
    const base = drive.addFolder(freshFolder(), drive.folderId);
    await using(openDrive(drive, base), async (storage) => {
      await works(storage);
      const { id } = drive.tree(base).find(({ path }) => path === key)!;
      const item = drive.store.items.get(id)!;
      const other = await drive.addFile('x', base, 'rott');
      drive.store.setContent(item, drive.store.items.get(other)!.content!);
      assert.equal(await storage.stat(key, operation), undefined);
      assert.deepEqual(await listAll(storage, 'files/'), []);
      await assert.rejects(readAll(storage, key), says('corrupt', new RegExp(`hash to '${md5('rott')}'`)));
      await works(storage);
      assert.equal(drive.tree(base).find(({ path }) => path === key)?.id, id);
    });
  });

  test('other bytes than the name promises are not published', async () => {
    const base = drive.addFolder(freshFolder(), drive.folderId);
    await using(openDrive(drive, base), async (storage) => {
      for (const size of [10, 2 << 20, 6 << 20]) {
        await assert.rejects(storage.write(key, contentOf(noise(size)), operation), says('corrupt', /hash to '/));
      }
    });
    assert.deepEqual(
      drive.tree(base).filter(({ size }) => size !== undefined),
      [],
    );
    assert.equal(drive.unfinished().length, 0);
  });

  test('an object that is there is not sent again', async () => {
    await using(openDrive(drive, `${drive.folderId}/${freshFolder()}`), async (storage) => {
      await works(storage);
      const sent = drive.requests('upload.multipart');
      await works(storage);
      assert.equal(drive.requests('upload.multipart'), sent);
    });
  });
});

describe('folders that are not there', { timeout: 120_000 }, () => {
  const reading = { createBase: false };

  test('no folder of this ID, none that this account may see, no folder at all', async () => {
    const absent = /there is no folder '.*' that robot@.* may see[\s\S]*share it/;
    for (const root of ['1nothing', drive.store.resolve('root', { email: ada, clientId: '', scopes: driveScopes })]) {
      await using(openDrive(drive, `${root}/x`), async (storage) => {
        await assert.rejects(storage.stat(key, operation), says('unavailable', absent));
        await assert.rejects(storage.write(key, contentOf('data'), operation), says('unavailable', absent));
      });
    }
    const file = await drive.addFile('no-folder', drive.folderId, 'x');
    await using(openDrive(drive, file), (storage) =>
      assert.rejects(listAll(storage, ''), says('unavailable', /is no folder/)),
    );
  });

  test('a base that is not there looks like no lost objects', async () => {
    const base = freshFolder();
    await using(openDrive(drive, `${drive.folderId}/${base}/deep`, {}, reading), async (storage) => {
      const words = says('unavailable', /no such folder in Google Drive[\s\S]*first push/);
      await assert.rejects(storage.stat(key, operation), words);
      await assert.rejects(listAll(storage, 'files/'), words);
      await assert.rejects(readAll(storage, key), words);
    });
    assert.deepEqual(paths(base), []);
    await using(openDrive(drive, `${drive.folderId}/${base}/deep`), async (storage) => {
      assert.equal(await storage.stat(key, operation), undefined);
      assert.deepEqual(await listAll(storage, 'files/'), []);
      await works(storage);
    });
    await using(openDrive(drive, `${drive.folderId}/${base}/deep`, {}, reading), async (storage) =>
      assert.equal((await storage.stat(key, operation))?.size, 4),
    );
  });

  test('one process makes each folder once, and two that race are both understood', async () => {
    const base = freshFolder();
    const objects = Array.from({ length: 40 }, (_, at) => `object ${at}`);
    const write = (storage: Storage): Promise<unknown> =>
      Promise.all(objects.map((each) => storage.write(keyOf(each), contentOf(each), operation)));
    await using(openDrive(drive, `${drive.folderId}/${base}`), write);
    const folders = drive.tree().filter(({ path, size }) => path.startsWith(`${base}/`) && size === undefined);
    assert.equal(new Set(folders.map(({ path }) => path)).size, folders.length);

    const race = freshFolder();
    const [left, right] = await Promise.all([1, 2].map(() => openDrive(drive, `${drive.folderId}/${race}`)));
    await Promise.all([write(left!), write(right!)]);
    await Promise.all([left!.close(), right!.close()]);
    await using(openDrive(drive, `${drive.folderId}/${race}`, {}, reading), async (storage) => {
      const found = new Set((await listAll(storage, 'files/md5/')).map((entry) => entry.key));
      assert.deepEqual([...found].sort(), objects.map(keyOf).sort());
      for (const each of objects) assert.equal(String(await readAll(storage, keyOf(each))), each);
    });
  });

  test('a folder that somebody removes meanwhile is made again', async () => {
    const base = drive.addFolder(freshFolder(), drive.folderId);
    await using(openDrive(drive, base), async (storage) => {
      await works(storage);
      for (const child of [...drive.store.children(base)]) drive.store.remove(child);
      await works(storage);
      assert.deepEqual(
        (await listAll(storage, '')).map((entry) => entry.key),
        [key],
      );
    });
  });
});

describe('what Google refuses', { timeout: 120_000 }, () => {
  const at = (): string => `${drive.folderId}/${freshFolder()}`;

  test('no room: once for a person, once for a service account, and nothing is tried again', async () => {
    const ada_ = { env: { GDRIVE_CREDENTIALS_DATA: JSON.stringify(drive.userCredentials()) } };
    drive.store.quotas.set(ada, 0).set(drive.serviceAccount.client_email, 0);
    await using(openDrive(drive, at()), async (storage) => {
      const sent = drive.requests('upload.multipart');
      const words = says('full', /no room left[\s\S]*shared drive[\s\S]*gdrive_service_account_user_email/);
      await assert.rejects(storage.write(key, contentOf('data'), operation), words);
      assert.equal(drive.requests('upload.multipart'), sent + 1);
      await assert.rejects(storage.write('big', contentOf(noise(6 << 20)), operation), words);
    });
    await using(openDrive(drive, at(), {}, ada_), (storage) =>
      assert.rejects(storage.write(key, contentOf('data'), operation), says('full', /no room left[\s\S]*Trash/)),
    );
  });

  test('a reader may read and not write', async () => {
    const base = drive.addFolder(freshFolder(), drive.folderId);
    await using(openDrive(drive, base), works);
    const env = { GDRIVE_CREDENTIALS_DATA: JSON.stringify(drive.userCredentials(bob)) };
    await using(openDrive(drive, base, {}, { env }), async (storage) => {
      assert.equal(String(await readAll(storage, key)), 'data');
      await assert.rejects(
        storage.write(keyOf('more'), contentOf('more'), operation),
        says('auth', /access denied[\s\S]*'Editor'/),
      );
    });
  });

  test('what is flagged as malware, with and without the option', async () => {
    const base = drive.addFolder(freshFolder(), drive.folderId);
    await using(openDrive(drive, base), async (storage) => {
      await works(storage);
      drive.store.items.get(drive.tree(base).find(({ path }) => path === key)!.id)!.abusive = true;
      await assert.rejects(
        readAll(storage, key),
        says('corrupt', /malware or spam[\s\S]*gdrive_acknowledge_abuse true/),
      );
    });
    await using(openDrive(drive, base, { gdrive_acknowledge_abuse: 'true' }), async (storage) =>
      assert.equal(String(await readAll(storage, key)), 'data'),
    );
  });

  test('an API that is not enabled, a scope that was not given, a policy', async () => {
    for (const [reason, words] of [
      ['accessNotConfigured', /switch on the 'Google Drive API'/],
      ['domainPolicy', /administrator/],
      ['insufficientPermissions', /not been given the scope/],
    ] as const) {
      drive.faults = [{ match: /^GET .*\/files/, reason, status: 403 }];
      await using(openDrive(drive, at()), (storage) =>
        assert.rejects(storage.stat(key, operation), says('auth', words)),
      );
    }
  });
});
