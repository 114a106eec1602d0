import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { openKeychain } from '../../../src/storage/s3/keychain.ts';
import { readS3Settings } from '../../../src/storage/s3/settings.ts';
import { failsWith } from '../../conformance/storage.ts';
import { anyGuard } from '../../kit/trusting.ts';

const home = mkdtempSync(join(tmpdir(), 'dvcexp-keys-'));
after(() => rmSync(home, { recursive: true, force: true }));

test('a credential_process that takes for ever, as one that asks does, is given up', {
  timeout: 30_000,
}, async () => {
  const config = join(home, 'config');
  writeFileSync(config, '[profile asking]\ncredential_process = sleep 1\n');
  const env = { PATH: process.env.PATH, AWS_CONFIG_FILE: config, AWS_EC2_METADATA_DISABLED: 'true' };
  const options = { profile: 'asking' };
  const settings = readS3Settings(
    { name: 'store', scheme: 's3', url: 's3://bucket/x', options, committed: new Set() },
    { env, home },
  );
  await assert.rejects(
    openKeychain(settings, { env, guard: anyGuard }, 300).get({ signal: new AbortController().signal }),
    failsWith('auth', /no answer within 0\.3 s/),
  );
});
