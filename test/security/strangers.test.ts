// What an ordinary client does for a repository that somebody else wrote, tried against us: what left the machine, and
// what changed on disk. The stranger's server is at an address that is not this machine's own.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { awsKeys, noKeys } from '../e2e/small-s3.ts';
import { addExperiment, createTeam, filesBelow, insides, type Team, trackAndCommit } from '../e2e/team.ts';
import { inOwnNetwork, strangersHost } from '../kit/own-network.ts';
import { openRecorder, type Recorder } from '../kit/recorder.ts';
import { objectsIn, openWorld, type Ran, track, type World } from '../kit/world.ts';

inOwnNetwork(import.meta.filename, () => {
  let world: World;
  let team: Team;
  let stranger: Recorder;
  let serial = 0;
  before(async () => {
    stranger = await openRecorder(strangersHost);
  });
  after(async () => {
    await stranger.close();
    world.remove();
  });
  beforeEach(() => {
    world ??= openWorld({ ...noKeys, GIT_TRACE_DVCEXP: '1' });
    team = createTeam(world, `team${serial++}`);
    stranger.seen.length = 0;
    stranger.answer = (_request, response) => void response.writeHead(404).end();
  });

  const ambient = { ...awsKeys, AWS_SESSION_TOKEN: 'cAnArY-token', AWS_SECRET_ACCESS_KEY: 'cAnArY-secret' };
  const remote = (...lines: string[]): string =>
    `[core]\n    remote = storage\n['remote "storage"']\n${lines.map((line) => `    ${line}\n`).join('')}`;
  const endpoint = (): string => remote('url = s3://bucket/x', `endpointurl = ${stranger.url}`);

  /** Refs reach the Git remote without the helper, as whoever attacks pushes them. */
  function plant(): void {
    world.git(team.alice, '-c', 'remote.origin.vcs=', 'push', '-q', '--force', team.bare, '--all');
    world.git(team.alice, 'push', '-q', '--force', team.bare, 'refs/exps/*:refs/exps/*');
    world.git(team.bare, 'symbolic-ref', 'HEAD', 'refs/heads/main');
  }
  const nothingLeaked = (ran: Ran): void => {
    assert.deepEqual(stranger.secrets(), []);
    assert.ok(!stranger.seen.join().includes('cAnArY'));
    assert.doesNotMatch(ran.stderr, insides);
    assert.ok(!`${ran.stdout}${ran.stderr}`.includes('cAnArY'), ran.stderr);
  };

  test('an endpoint of the repository gets no request that keys of the environment sign', async () => {
    team.write('.dvc/config', endpoint());
    trackAndCommit(team, 'model.bin', 'model');
    plant();
    const cloned = await team.clone('victim', [], ambient);
    assert.equal(cloned.code, 0, cloned.stderr);
    nothingLeaked(cloned);
    assert.ok(stranger.seen.length > 0, 'public data would have come');
    const victim = team.path('victim');
    assert.ok(existsSync(join(victim, 'model.bin.dvc')), 'the code is there');

    // Public data comes without keys, and says nothing of trust.
    stranger.answer = (request, response) => {
      const found = request.url?.endsWith('a5f71f6c4dea2ed4d5b6b6d7') === false;
      response.writeHead(found ? 403 : 404).end();
    };
    const fetched = await team.git(victim, ['dvcexp', 'fetch'], ambient);
    assert.equal(fetched.code, 1);
    nothingLeaked(fetched);
    const command = `git dvcexp trust ${stranger.url}/bucket`;
    assert.match(fetched.stderr, new RegExp(`^hint: if you trust it: ${command.replaceAll('.', '\\.')}$`, 'm'));

    const before = team.refs();
    track(victim, 'mine.bin', 'mine');
    world.git(victim, 'add', 'mine.bin.dvc');
    world.git(victim, 'commit', '-qm', 'mine');
    stranger.seen.length = 0;
    const pushed = await team.git(victim, ['push', 'origin', 'main'], ambient);
    assert.equal(pushed.code, 1, pushed.stderr);
    assert.match(pushed.stderr, /! \[remote rejected\] main -> main \(dvc: data not uploaded: storage not trusted\)/);
    assert.match(pushed.stderr, /^hint: if you trust it: git dvcexp trust http/m);
    assert.equal(team.refs(), before, 'no ref moved');
    assert.deepEqual(stranger.seen, [], 'not even a question');

    // The very command that the refusal names.
    assert.equal(world.run(victim, 'sh', ['-c', command]).code, 0);
    stranger.answer = (_request, response) => void response.writeHead(200).end('<ListBucketResult/>');
    await team.git(victim, ['push', 'origin', 'main'], ambient);
    assert.ok(stranger.secrets().length > 0, 'the recorder would have seen them');
  });

  test('no kind of storage shows ambient secrets to an endpoint of the repository', async () => {
    const key = world.path('google.json');
    const account = { client_id: 'x', client_secret: 'cAnArY-client', refresh_token: 'cAnArY-refresh' };
    const tokens = await openRecorder();
    tokens.answer = (_request, response) => void response.end('{"access_token": "cAnArY-bearer", "expires_in": 3600}');
    writeFileSync(key, JSON.stringify({ type: 'authorized_user', token_uri: `${tokens.url}/token`, ...account }));
    const home = world.env.HOME ?? '';
    mkdirSync(join(home, '.aws'), { recursive: true });
    writeFileSync(
      join(home, '.aws', 'credentials'),
      '[team]\naws_access_key_id = cAnArY-id\naws_secret_access_key = cAnArY-key\n',
    );
    const azureKey = Buffer.from('cAnArY-azure').toString('base64');
    try {
      for (const [lines, env] of [
        [['url = s3://b/x', `endpointurl = ${stranger.url}`], ambient],
        [['url = s3://b/x', `endpointurl = ${stranger.url}`, 'profile = team'], {}],
        [
          ['url = azure://box/x', `connection_string = BlobEndpoint=${stranger.url}/ada`],
          { AZURE_STORAGE_KEY: azureKey },
        ],
        [
          ['url = azure://box/x', `connection_string = AccountName=ada;BlobEndpoint=${stranger.url}/ada`],
          { AZURE_STORAGE_SAS_TOKEN: 'sv=1&sig=cAnArY', AZURE_STORAGE_KEY: azureKey },
        ],
        [['url = gs://b/x', `endpointurl = ${stranger.url}`], { GOOGLE_APPLICATION_CREDENTIALS: key }],
        [[`url = ${stranger.url}/x`, 'auth = basic', 'user = ada'], ambient],
        [[`url = ${stranger.url.replace('http', 'webdav')}/x`, 'user = ada'], ambient],
      ] as const) {
        team.write('.dvc/config', remote(...lines));
        track(team.alice, 'model.bin', lines.join());
        team.commit(lines.join());
        plant();
        const victim = `victim${serial++}`;
        nothingLeaked(await team.clone(victim, [], env));
        nothingLeaked(await team.git(team.path(victim), ['push', 'origin', 'main:other'], env));
        assert.ok(!stranger.seen.join().includes(azureKey), lines.join());
      }
    } finally {
      await tokens.close();
      rmSync(join(home, '.aws'), { recursive: true });
    }
  });

  test('CI says whom it trusts, by DVCEXP_TRUST', async () => {
    team.write('.dvc/config', endpoint());
    trackAndCommit(team, 'model.bin', 'model');
    const other = await team.git(team.alice, ['push', 'origin', 'main'], {
      ...ambient,
      DVCEXP_TRUST: 'http://192.0.2.2',
    });
    assert.equal(other.code, 1);
    nothingLeaked(other);
    await team.git(team.alice, ['push', 'origin', 'main'], { ...ambient, DVCEXP_TRUST: stranger.url });
    assert.ok(stranger.secrets().length > 0);
  });

  for (const [scheme, option] of [
    ['http', 'auth = basic'],
    ['webdav', 'timeout = 5'],
  ] as const) {
    test(`${scheme}: a commit that moves the URL does not get the password of config.local`, async () => {
      const good = await openRecorder();
      try {
        good.answer = (_request, response) => void response.writeHead(404).end();
        const at = (url: string): string => remote(`url = ${url.replace('http', scheme)}/data`, option);
        team.write('.dvc/config', at(good.url));
        trackAndCommit(team, 'model.bin', 'model');
        const main = world.git(team.alice, 'rev-parse', 'HEAD');
        team.write('.dvc/config', at(stranger.url));
        const experiment = addExperiment(world, team, 'moved', () => track(team.alice, 'model.bin', 'other'));
        world.git(team.alice, 'checkout', '-qb', 'moved', experiment);
        world.git(team.alice, 'checkout', '-q', '-B', 'main', main);
        plant();
        assert.equal((await team.clone('victim', ['-c', 'dvcexp.fetchData=none'])).code, 0);
        const victim = team.path('victim');
        writeFileSync(
          join(victim, '.dvc/config.local'),
          `['remote "storage"']\n    user = ada\n    password = cAnArY-password\n`,
        );
        const own = await team.git(victim, ['dvcexp', 'fetch', 'HEAD']);
        assert.ok(good.secrets().length > 0, `its own place gets it: ${own.stderr}`);
        for (const args of [
          ['-c', 'dvcexp.fetchData=all', 'fetch', 'origin', '+refs/exps/*:refs/exps/*', 'moved'],
          ['-c', 'dvcexp.fetchData=all', 'pull', '--ff-only', 'origin', 'moved'],
        ]) {
          const fetched = await team.git(victim, args);
          nothingLeaked(fetched);
        }
        // It asks for the password, and is not given it.
        stranger.answer = (_request, response) =>
          void response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end();
        const named = await team.git(victim, ['dvcexp', 'fetch', 'origin/moved']);
        nothingLeaked(named);
        assert.match(named.stderr, /to send it all the same: git config --local/);
        world.git(victim, 'checkout', '-qf', 'origin/moved');
        const checkedOut = await team.git(victim, ['dvcexp', 'fetch', 'HEAD']);
        nothingLeaked(checkedOut);
      } finally {
        await good.close();
      }
    });
  }

  test('what proves who we are is not sent unencrypted to a stranger, whoever keeps it', async () => {
    world.git(world.directory, 'config', '--global', 'credential.helper', 'store');
    const store = join(world.env.HOME ?? '', '.git-credentials');
    writeFileSync(store, `http://ada:cAnArY@${strangersHost}:${new URL(stranger.url).port}\n`);
    stranger.answer = (request, response) => {
      const known = request.headers.authorization !== undefined;
      response.writeHead(known ? 404 : 401, { 'www-authenticate': 'Basic realm="x"' }).end();
    };
    team.write('.dvc/config', remote(`url = ${stranger.url}/x`, 'auth = basic', 'user = ada', 'password = committed'));
    trackAndCommit(team, 'model.bin', 'committed');
    plant();
    nothingLeaked(await team.clone('first'));
    team.write('.dvc/config', remote(`url = ${stranger.url}/x`));
    track(team.alice, 'model.bin', 'kept');
    team.commit('kept');
    plant();
    const cloned = await team.clone('victim');
    nothingLeaked(cloned);
    const fetched = await team.git(team.path('victim'), ['dvcexp', 'fetch']);
    nothingLeaked(fetched);
    const [, command = ''] = /(git config --local \S*allowInsecure true)$/m.exec(fetched.stderr) ?? [];
    assert.notEqual(command, '', fetched.stderr);
    assert.equal(world.run(team.path('victim'), 'sh', ['-c', command]).code, 0);
    await team.git(team.path('victim'), ['dvcexp', 'fetch']);
    assert.ok(stranger.secrets().length > 0, 'the user said so');
    writeFileSync(store, '');
  });

  test('keys that run commands or name files do nothing', async () => {
    const canary = world.path('canary');
    const script = world.path('evil');
    writeFileSync(
      script,
      `#!/bin/sh\ntouch '${canary}'\necho '{"Version":1,"AccessKeyId":"A","SecretAccessKey":"B"}'\n`,
      {
        mode: 0o755,
      },
    );
    team.write(
      'aws.ini',
      `[default]\ncredential_process = ${script}\n[profile evil]\ncredential_process = ${script}\n`,
    );
    team.write('key.json', `{"type":"external_account","credential_source":{"executable":{"command":"${script}"}}}`);
    for (const lines of [
      ['url = s3://bucket/x', `endpointurl = ${stranger.url}`, 'configpath = ../aws.ini'],
      ['url = s3://bucket/x', `endpointurl = ${stranger.url}`, 'credentialpath = ../aws.ini', 'profile = default'],
      [`url = webdav://${stranger.host}/x`, `bearer_token_command = ${script}`],
      [`url = webdav://${stranger.host}/x`, `proxy_to = ${script}`],
      ['url = gs://bucket/x', `endpointurl = ${stranger.url}`, 'credentialpath = ../key.json'],
      [`url = ssh://-oProxyCommand=${script}/x`],
      ['url = ssh://host/x', `proxycommand = ${script}`],
      [
        'url = ../../nowhere',
        `['machine "m"']`,
        'cloud = aws',
        `startup_script = ${script}`,
        `ssh_private = ${script}`,
      ],
    ]) {
      team.write('.dvc/config', remote(...lines));
      track(team.alice, 'model.bin', lines.join());
      team.commit(lines.join());
      plant();
      const victim = `victim${serial++}`;
      nothingLeaked(await team.clone(victim));
      await team.push('main');
      assert.ok(!existsSync(canary), lines.join('\n'));
    }
  });

  test("a config.local that the repository brings is not taken for the user's own", async () => {
    team.write('.dvc/config', endpoint());
    team.write('.dvc/config.local', endpoint());
    team.write('.dvc/.gitignore', '/cache\n/tmp\n');
    trackAndCommit(team, 'model.bin', 'model');
    plant();
    const victim = team.path('victim');
    assert.equal((await team.clone('victim', [], ambient)).code, 0);
    assert.ok(existsSync(join(victim, '.dvc/config.local')));
    const fetched = await team.git(victim, ['dvcexp', 'fetch'], ambient);
    assert.match(fetched.stderr, /ignoring '.*config\.local': Git tracks it/);
    nothingLeaked(fetched);
    // Behind a link it is as much theirs.
    world.git(team.alice, 'mv', '.dvc', 'real');
    symlinkSync('real', join(team.alice, '.dvc'));
    team.commit('linked');
    plant();
    assert.equal((await team.clone('linked', [], ambient)).code, 0);
    for (const args of [
      ['dvcexp', 'fetch'],
      ['dvcexp', 'trust', '--list'],
      ['push', 'origin', 'main:other'],
    ])
      nothingLeaked(await team.git(team.path('linked'), args, ambient));
  });

  test('files of the user that a repository names are not sent, shown or changed', async () => {
    const home = world.env.HOME ?? '';
    writeFileSync(join(home, 'precious'), 'cAnArY-precious');
    for (const lines of [
      [`url = ssh://${strangersHost}/x`, 'keyfile = ~/precious', 'user = ada'],
      [`url = webdavs://${stranger.host}/x`, 'cert_path = ~/precious', 'key_path = ~/precious'],
      [`url = s3://b/x`, `endpointurl = ${stranger.url}`, 'ssl_verify = ~/precious', 'sse_customer_key = ~/precious'],
      [
        `url = gdrive://root/x`,
        'gdrive_service_account_json_file_path = ~/precious',
        'gdrive_use_service_account = true',
      ],
    ]) {
      team.write('.dvc/config', remote(...lines));
      track(team.alice, 'model.bin', lines.join());
      team.commit(lines.join());
      plant();
      const cloned = await team.clone(`victim${serial++}`, [], ambient);
      nothingLeaked(cloned);
    }
    assert.equal(readFileSync(join(home, 'precious'), 'utf8'), 'cAnArY-precious');
  });

  test('no object is published because a repository says so', async () => {
    team.write('.dvc/config', `${endpoint()}    acl = public-read\n    grant_read = uri=http://x\n`);
    stranger.answer = (request, response) => {
      const text = request.method === 'GET' ? '<ListBucketResult/>' : '';
      response.writeHead(request.method === 'HEAD' ? 404 : 200).end(text);
    };
    trackAndCommit(team, 'model.bin', 'model');
    const pushed = await team.git(team.alice, ['push', 'origin', 'main'], { ...ambient, DVCEXP_TRUST: 'all' });
    assert.match(pushed.stderr, /ignoring 'acl', 'grant_read' of storage remote 'storage'/);
    const puts = stranger.seen.filter((text) => text.startsWith('PUT'));
    assert.ok(puts.length > 0, pushed.stderr);
    assert.ok(puts.every((text) => !/^x-amz-(?:acl|grant)/im.test(text)));
  });

  test('TLS is not switched off by a repository', async () => {
    const { makeCertificate, openTlsRecorder } = await import('../kit/tls-recorder.ts');
    const server = await openTlsRecorder(strangersHost, makeCertificate(world.path(`tls${serial++}`), strangersHost));
    try {
      for (const lines of [
        [`url = https://${server.host}/x`, 'ssl_verify = false'],
        [`url = webdavs://${server.host}/x`, 'ssl_verify = false'],
        ['url = s3://b/x', `endpointurl = https://${server.host}`, 'ssl_verify = false', 'use_ssl = false'],
      ]) {
        team.write('.dvc/config', remote(...lines));
        track(team.alice, 'model.bin', lines.join());
        team.commit(lines.join());
        plant();
        const cloned = await team.clone(`victim${serial++}`, [], ambient);
        assert.match(cloned.stderr, /cannot trust the server/);
        nothingLeaked(cloned);
      }
      assert.deepEqual(server.seen, []);
    } finally {
      await server.close();
    }
  });

  test("a folder of the user's: nothing is written where a repository says, beyond the first place", async () => {
    team.write('.dvc/config', remote('url = ../../storage'));
    trackAndCommit(team, 'model.bin', 'model');
    assert.equal((await team.push('main')).code, 0);
    const home = world.env.HOME ?? '';
    for (const place of ['~/.ssh', '../.git', '../.git/hooks', '/etc', '../../../../../../etc']) {
      team.write('.dvc/config', remote(`url = ${place}`));
      track(team.alice, 'model.bin', place);
      team.commit(place);
      const pushed = await team.push('main');
      assert.equal(pushed.code, 1, place);
      assert.match(pushed.stderr, /where this clone has not been before: nothing is sent there/);
    }
    assert.ok(!existsSync(join(home, '.ssh')));
    assert.deepEqual(objectsIn('/etc/files').size, 0);
    assert.ok(!filesBelow(join(team.alice, '.git', 'files')).length);
  });

  test("a cloud's metadata service is no storage", async () => {
    for (const url of ['http://169.254.169.254', 'http://[fd00:ec2::254]', 'http://metadata.google.internal']) {
      team.write('.dvc/config', remote(`url = ${url}/latest`));
      track(team.alice, 'model.bin', url);
      team.commit(url);
      plant();
      const cloned = await team.clone(`victim${serial++}`, [], { ...ambient, http_proxy: stranger.url });
      assert.match(cloned.stderr, /tells this machine's own secrets and stores nothing/);
      assert.deepEqual(stranger.seen, []);
    }
  });
});
