// Who is let in, where secrets go, what is said when it does not work out, and what a failure leaves behind.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, afterEach, before, describe, test } from 'node:test';
import type { HelperError } from '../../src/model/error.ts';
import type { Storage } from '../../src/storage/remote.ts';
import { contentOf, failsWith, listAll, noise, operation, readAll } from '../conformance/storage.ts';
import { type FaultProxy, openFaultProxy, type Rule } from '../kit/fault-proxy.ts';
import { filesIn, password, startNginx, startWsgidav, type WebServer } from '../kit/web-servers.ts';
import { freshFolder, login, openWeb } from './web-remote.ts';

const key = 'files/md5/ab/cdef0123456789abcdef0123456789';
let dav: WebServer;
let proxy: FaultProxy;
before(async () => {
  dav = await startWsgidav();
  proxy = await openFaultProxy(dav);
});
after(async () => {
  await proxy?.close();
  await dav?.close();
});
afterEach(() => {
  proxy.rules = [];
  proxy.seen.length = 0;
});

async function using(opening: Promise<Storage>, work: (storage: Storage) => Promise<unknown>): Promise<void> {
  const storage = await opening;
  try {
    await work(storage);
  } finally {
    await storage.close();
  }
}

const throughProxy = (options: Readonly<Record<string, string>> = login): Promise<Storage> =>
  openWeb(`webdav://127.0.0.1:${proxy.port}/${freshFolder()}/store`, options);

/** Every word of the error, with the check that no secret is among them. */
const says =
  (code: string, words: RegExp) =>
  (error: unknown): boolean => {
    const told = [(error as HelperError).message, ...(error as HelperError).hints].join('\n');
    assert.ok(!told.includes(password) && !told.includes('s3cret'), told);
    return failsWith(code, words)(error);
  };

describe('who is let in', { timeout: 120_000 }, () => {
  test('a wrong password, and none', async () => {
    const url = `webdav://127.0.0.1:${dav.port}/x`;
    await using(openWeb(url, { user: 'ada', password: 's3cret' }), (storage) =>
      assert.rejects(storage.stat(key, operation), says('auth', /access denied[\s\S]*--local store password/)),
    );
    await using(openWeb(url), (storage) =>
      assert.rejects(
        storage.write(key, contentOf('x'), operation),
        says('auth', /no user is set[\s\S]*--local store user/),
      ),
    );
    await using(openWeb(url, { token: 's3cret' }), (storage) =>
      assert.rejects(readAll(storage, key), says('auth', /--local store token/)),
    );
    await using(openWeb(url.replace('//', `//ada:${encodeURIComponent(password)}@`)), async (storage) => {
      assert.equal(await storage.stat(key, operation), undefined);
      assert.ok(!storage.displayUrl.includes('ada'));
    });
  });

  test('Digest where the server wants it, for WebDAV unasked and for HTTP by auth=digest', async () => {
    const server = await startWsgidav({ digest: true });
    try {
      const at = `127.0.0.1:${server.port}/${freshFolder()}`;
      await using(openWeb(`webdav://${at}`, login), async (storage) => {
        await storage.write(key, contentOf('digested'), operation);
        assert.equal(String(await readAll(storage, key)), 'digested');
      });
      await using(openWeb(`http://${at}`, { ...login, auth: 'digest' }), async (storage) =>
        assert.equal((await storage.stat(key, operation))?.size, 8),
      );
      await using(openWeb(`http://${at}`, { user: 'ada', password: 's3cret', auth: 'digest' }), (storage) =>
        assert.rejects(storage.stat(key, operation), says('auth', /--local store password/)),
      );
    } finally {
      await server.close();
    }
  });

  test('a certificate of ours, and an authority named by ssl_verify, Git or SSL_CERT_FILE', async () => {
    const server = await startNginx({ dav: true, tls: true });
    const beside = (name: string): string => join(dirname(server.caFile), name);
    const own = { method: 'PUT', cert_path: beside('client.pem'), key_path: beside('client.key') };
    const url = `https://127.0.0.1:${server.port}/store`;
    const works = (options: Record<string, string>, context = {}): Promise<void> =>
      using(openWeb(url, { ...own, ...options }, context), async (storage) => {
        await storage.write(key, contentOf('secured'), operation);
        assert.equal(String(await readAll(storage, key)), 'secured');
      });
    const tunnel = await openFaultProxy(server);
    const through = `http://127.0.0.1:${tunnel.port}`;
    try {
      const configuration = (name: string): string | undefined => ({ 'http.sslCAInfo': server.caFile })[name];
      const proxied = (name: string): string | undefined => (name === 'http.proxy' ? through : configuration(name));
      await works({ ssl_verify: server.caFile });
      await works({ ssl_verify: 'false' });
      await works({}, { env: { SSL_CERT_FILE: server.caFile } });
      await works({}, { configuration });
      await works({}, { configuration: proxied });
      assert.ok(tunnel.seen.length > 0 && tunnel.seen.every(({ method }) => method === 'CONNECT'));
      tunnel.seen.length = 0;
      await works({}, { configuration: proxied, env: { no_proxy: '127.0.0.1' } });
      assert.equal(tunnel.seen.length, 0);
      await using(openWeb(url, own), (storage) =>
        assert.rejects(
          storage.stat(key, operation),
          says('config', /cannot trust[\s\S]*ssl_verify[\s\S]*http\.sslCAInfo/),
        ),
      );
      await using(openWeb(url, { method: 'PUT', ssl_verify: server.caFile }), (storage) =>
        assert.rejects(storage.write(key, contentOf('x'), operation), says('config', /400/)),
      );
    } finally {
      await tunnel.close();
      await server.close();
    }
  });
});

describe('redirects', { timeout: 60_000 }, () => {
  test('are followed by questions, and credentials stay at home', async () => {
    mkdirSync(join(dav.directory, 'moved/files/md5/ab'), { recursive: true });
    writeFileSync(join(dav.directory, 'moved', key), 'moved');
    const elsewhere = await openFaultProxy(dav);
    elsewhere.rules = [{ match: /./, status: 401 }];
    try {
      for (const options of [login, { custom_auth_header: 'X-Secret', password: 's3cret' }]) {
        proxy.rules = [
          {
            match: /^(GET|HEAD)/,
            status: 302,
            headers: { location: `http://127.0.0.1:${elsewhere.port}/moved/${key}` },
          },
        ];
        await using(throughProxy(options), (storage) =>
          assert.rejects(storage.stat(key, operation), says('auth', /redirects to[\s\S]*are not shown/)),
        );
      }
      assert.equal(elsewhere.seen.length, 2);
      for (const { headers } of elsewhere.seen) {
        assert.equal(headers.authorization, undefined);
        assert.equal(headers['x-secret'], undefined);
      }
      proxy.rules = [{ match: /\/store\/files/, times: 1, status: 307, headers: { location: `/moved/${key}` } }];
      await using(throughProxy(), async (storage) => assert.equal(String(await readAll(storage, key)), 'moved'));
      proxy.rules = [{ match: /^PUT/, status: 308, headers: { location: 'https://other.example/x?signature=s3cret' } }];
      await using(throughProxy(), (storage) =>
        assert.rejects(
          storage.write(key, contentOf('x'), operation),
          says('config', /leads to 'https:\/\/other\.example\/x'[\s\S]*dvc remote modify store url/),
        ),
      );
    } finally {
      await elsewhere.close();
    }
  });
});

describe('a base folder that is not there', { timeout: 60_000 }, () => {
  test('is unavailable, unless the first write makes it', async () => {
    const url = `webdav://127.0.0.1:${dav.port}/${freshFolder()}/a/b`;
    await using(openWeb(url, login, { createBase: false }), async (storage) => {
      const absent = says('unavailable', /no such folder[\s\S]*dvc remote modify store url/);
      await assert.rejects(storage.stat(key, operation), absent);
      await assert.rejects(readAll(storage, key), absent);
      await assert.rejects(listAll(storage, ''), absent);
      await assert.rejects(storage.write(key, contentOf('x'), operation), absent);
    });
    await using(openWeb(url, login), (storage) => storage.write(key, contentOf('x'), operation));
    await using(openWeb(url, login, { createBase: false }), async (storage) => {
      assert.equal((await storage.stat(key, operation))?.size, 1);
      await storage.write('files/md5/cd/other', contentOf('y'), operation);
      assert.equal((await listAll(storage, '')).length, 2);
    });
  });
});

describe('what goes wrong on the way', { timeout: 120_000 }, () => {
  const bytes = noise(3_000_000);
  const reads = (rules: Rule[]): Promise<void> =>
    using(throughProxy({ ...login, timeout: '1' }), async (storage) => {
      await storage.write(key, contentOf(bytes), operation);
      proxy.seen.length = 0;
      proxy.rules = rules;
      assert.ok((await readAll(storage, key)).equals(bytes));
    });

  test('a read that breaks or stalls is taken up where it broke', async () => {
    await reads([{ match: /^GET/, times: 2, dropResponseAfter: 1_000_000 }]);
    assert.deepEqual(
      proxy.seen.map(({ headers }) => headers.range?.startsWith('bytes=1')),
      [undefined, true, false],
    );
    await reads([{ match: /^GET/, times: 1, stallResponseAfter: 500_000 }]);
    assert.equal(proxy.seen.length, 2);
    await reads([{ match: /^GET/, times: 3, status: 503, headers: { 'retry-after': '0' } }]);
    await reads([{ match: /^GET/, times: 1, status: 429 }]);
  });

  test('an object that is another one meanwhile, of the same size, is not taken up', () =>
    using(throughProxy(), async (storage) => {
      await storage.write(key, contentOf(bytes), operation);
      proxy.rules = [{ match: /^GET/, times: 1, dropResponseAfter: 1_000_000 }];
      const reading = async (): Promise<void> => {
        let first = true;
        for await (const _ of storage.read(key, operation)) {
          if (first) await storage.write(key, contentOf(Buffer.alloc(bytes.length)), operation);
          first = false;
        }
      };
      await assert.rejects(reading(), says('corrupt', /changed meanwhile/));
    }));

  test('a read that always breaks ends with a reason', () =>
    assert.rejects(reads([{ match: /^GET/, dropResponseAfter: 0 }]), says('unavailable', /cannot read from/)));

  test('a write that breaks is tried again, and leaves nothing when it is given up', async () => {
    for (const [match, times] of [
      [/^PUT/, 2],
      [/^MOVE/, 2],
      [/^MKCOL/, 1],
      [/^PUT/, undefined],
      [/^MOVE/, undefined],
    ] as const) {
      const folder = freshFolder();
      const storage = openWeb(`webdav://127.0.0.1:${proxy.port}/${folder}/store`, { ...login, timeout: '2' });
      proxy.rules = [
        {
          match,
          ...(times === undefined ? {} : { times }),
          ...(match.source === '^PUT' ? { dropRequestAfter: 500_000 } : { dropResponseAfter: 0 }),
        },
      ];
      await using(storage, async (opened) => {
        const writing = opened.write(key, contentOf(bytes), operation);
        if (times === undefined && match.source === '^PUT') await assert.rejects(writing, says('unavailable', /cut/));
        else if (times === undefined) await writing.catch(says('unavailable', /./));
        else await writing;
      });
      const left = filesIn(join(dav.directory, folder));
      assert.deepEqual(
        left.filter((name) => name.endsWith('.tmp')),
        [],
        String(match),
      );
      for (const name of left) assert.ok(readFileSync(join(dav.directory, folder, name)).equals(bytes));
      if (times !== undefined) assert.equal(left.length, 1);
    }
  });

  test('a server that moves nothing is written to in one PUT', async () => {
    for (const status of [405, 403, 502]) {
      proxy.rules = [{ match: /^MOVE/, status }];
      const folder = freshFolder();
      await using(openWeb(`webdav://127.0.0.1:${proxy.port}/${folder}/store`, login), async (storage) => {
        await storage.write(key, contentOf('unmoved'), operation);
        await storage.write(`${key}2`, contentOf('unmoved'), operation);
      });
      assert.deepEqual(filesIn(join(dav.directory, folder)), [`store/${key}`, `store/${key}2`]);
    }
    proxy.rules = [
      { match: /^MOVE/, status: 405 },
      { match: /^PUT.*[^p]$/, dropRequestAfter: 2_000_000 },
    ];
    const folder = freshFolder();
    await using(openWeb(`webdav://127.0.0.1:${proxy.port}/${folder}/store`, login), (storage) =>
      assert.rejects(storage.write(key, contentOf(bytes), operation), says('unavailable', /cut/)),
    );
    assert.deepEqual(filesIn(join(dav.directory, folder)), []);
  });

  test('refusals are told with what to do about them', async () => {
    const refusals: readonly (readonly [number, string, RegExp])[] = [
      [507, 'full', /no room left in storage/],
      [413, 'io', /refuses objects of this size/],
      [423, 'unavailable', /locked/],
      [403, 'auth', /the user 'ada' of 'store' may not do this/],
      [405, 'config', /spoken to by WebDAV/],
      [409, 'unavailable', /folder 'files\/md5\/ab\/' is not there/],
      [429, 'unavailable', /429.*tried 5 times/],
      [503, 'unavailable', /503/],
      [500, 'unavailable', /500/],
      [418, 'config', /dvc remote modify store url/],
    ];
    for (const [status, code, words] of refusals) {
      proxy.rules = [{ match: /^PUT/, status }];
      await using(throughProxy(), (storage) =>
        assert.rejects(storage.write(key, contentOf('x'), operation), says(code, words), String(status)),
      );
    }
    const readonly = await startWsgidav({ readonly: true });
    try {
      await using(openWeb(`webdav://127.0.0.1:${readonly.port}/`, login), (storage) =>
        assert.rejects(storage.write(key, contentOf('x'), operation), says('auth', /may not do this/)),
      );
    } finally {
      await readonly.close();
    }
  });

  test('half a listing does not pass for the whole', async () => {
    await using(throughProxy(), async (storage) => {
      for (const name of ['aa/1', 'ab/2', 'ab/3']) await storage.write(name, contentOf('x'), operation);
      proxy.rules = [{ match: /^PROPFIND/, truncateTo: 500 }];
      await assert.rejects(listAll(storage, ''), says('unavailable', /no listing/));
      proxy.rules = [{ match: /^PROPFIND.*ab/, times: 1, dropResponseAfter: 300 }];
      assert.deepEqual((await listAll(storage, '')).map((entry) => entry.key).sort(), ['aa/1', 'ab/2', 'ab/3']);
    });
    assert.ok(existsSync(dav.directory));
  });
});
