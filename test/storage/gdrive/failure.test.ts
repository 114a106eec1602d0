import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseComplaint } from '../../../src/storage/gdrive/complaint.ts';
import type { DriveCredentials } from '../../../src/storage/gdrive/credentials.ts';
import { dvcTokenFolder } from '../../../src/storage/gdrive/credentials.ts';
import { openFailures } from '../../../src/storage/gdrive/failure.ts';
import { readDriveSettings } from '../../../src/storage/gdrive/settings.ts';
import { BusyError, ExhaustedError } from '../../../src/storage/retry.ts';

const config = { name: 'store', scheme: 'gdrive', url: 'gdrive://root/x', options: {}, committed: new Set<string>() };
const robot: DriveCredentials = {
  credential: {
    ...{ kind: 'service_account', email: 'r@lab', key: '', tokenUrl: 'https://oauth2.googleapis.com/token' },
    ...{ subject: undefined, quotaProject: undefined },
  },
  accessToken: undefined,
  source: 'here',
  from: 'options',
};
const failures = openFailures(readDriveSettings(config, { env: {}, home: '/nonexistent' }), robot);

const answer = (status: number, reason?: string, message = 'Sorry.') => {
  const errors = reason === undefined ? undefined : [{ domain: 'global', reason, message }];
  const body = JSON.stringify({ error: { code: status, message, errors } });
  return failures.answered({ action: 'cannot x', key: 'k' }, parseComplaint(status, { 'retry-after': '7' }, body));
};

test('what passes, what does not, and what asks for patience', () => {
  for (const [status, reason] of [
    [403, 'userRateLimitExceeded'],
    [403, 'rateLimitExceeded'],
    [403, 'sharingRateLimitExceeded'],
    [429, undefined],
    [503, 'backendError'],
  ] as const) {
    const error = answer(status, reason);
    assert.ok(error instanceof BusyError, `${status} ${reason}`);
    assert.equal(error.retryAfterMs, 7000);
  }
  for (const status of [500, 502, 504, 408, 409]) {
    const error = answer(status, 'internalError');
    assert.equal(error.code, 'unavailable');
    assert.ok(!(error instanceof ExhaustedError) && !(error instanceof BusyError));
  }
  for (const [reason, code] of [
    ['storageQuotaExceeded', 'full'],
    ['quotaExceeded', 'full'],
    ['dailyLimitExceeded', 'unavailable'],
    ['downloadQuotaExceeded', 'unavailable'],
    ['insufficientFilePermissions', 'auth'],
    ['cannotDownloadAbusiveFile', 'corrupt'],
  ] as const) {
    const error = answer(403, reason);
    assert.ok(error instanceof ExhaustedError, reason);
    assert.equal(error.code, code, reason);
  }
  assert.equal(answer(403, 'somethingNew').code, 'auth');
  assert.equal(answer(403, 'constructor').code, 'auth');
  assert.equal(answer(400, 'invalid').code, 'config');
  assert.equal(answer(401, 'authError').code, 'auth');
});

test("answers that are none of Google's, and words that would write on a terminal", () => {
  for (const body of ['', '<html>proxy</html>', 'null', '[]', '{"error":[]}', '{"error":{"errors":[null]}}']) {
    const complaint = parseComplaint(502, {}, body);
    assert.deepEqual([complaint.reason, complaint.message], ['', '']);
    assert.match(failures.answered({ action: 'cannot x' }, complaint).message, /502 \(Bad Gateway\)/);
  }
  const { message } = answer(400, 'in\u001b[2Jvalid', 'a\nb');
  assert.ok(!message.includes('\u001b') && !message.includes('\n'));
});

test("DVC's token lies where Python's appdirs puts it", () => {
  const folder = (system: string, env = {}): string => dvcTokenFolder({ env, home: '/home/ada' }, system);
  assert.equal(folder('linux'), '/home/ada/.cache/pydrive2fs');
  assert.equal(folder('linux', { XDG_CACHE_HOME: '/fast' }), '/fast/pydrive2fs');
  assert.equal(folder('darwin', { XDG_CACHE_HOME: '/fast' }), '/home/ada/Library/Caches/pydrive2fs');
  assert.equal(folder('win32', { LOCALAPPDATA: '/local' }), '/local/pydrive2fs/Cache');
  assert.equal(folder('win32'), '/home/ada/AppData/Local/pydrive2fs/Cache');
});
