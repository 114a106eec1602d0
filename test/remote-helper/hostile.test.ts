// A little of `npm run test:fuzz` with the same cases every time, and the shortest messages that once did harm.
import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { after, before, test } from 'node:test';
import { openAllowance } from '../../src/git/allowance.ts';
import { openByteReader } from '../../src/git/byte-stream.ts';
import { encodePacket, flushPacket } from '../../src/git/pkt-line.ts';
import { runGit } from '../../src/git/process.ts';
import { readAdvertisement } from '../../src/git/receive-pack.ts';
import { run } from '../fuzz/campaign.ts';
import { type Grounds, openGrounds } from '../fuzz/grounds.ts';
import { nestedHelper } from '../fuzz/nested-helper.ts';
import { outerGit } from '../fuzz/outer-git.ts';
import { checkStderr, play } from '../fuzz/play.ts';
import { readers } from '../fuzz/readers.ts';
import { uploadPack } from '../fuzz/upload-pack.ts';

const timeout = 120_000;
let grounds: Grounds;
before(() => {
  grounds = openGrounds();
});
after(() => grounds.world.remove());

for (const campaign of readers) {
  test(`${campaign.name}, changed`, { timeout }, async () => {
    await run(campaign, { seed: 7, from: 0, cases: 150 });
  });
}
for (const [open, cases] of [
  [uploadPack, 40],
  [nestedHelper, 30],
  [outerGit, 20],
] as const) {
  const campaign = open(() => grounds);
  test(`${campaign.name}, changed`, { timeout }, async () => {
    await run(campaign, { seed: 7, from: 0, cases });
  });
}

test('a nested helper that says half a MiB behind its list is not waited for', { timeout }, async () => {
  await run(
    nestedHelper(() => grounds),
    { seed: 958791343, from: 41, cases: 1 },
  );
});

const advertise = (...packets: readonly Buffer[]): ReturnType<typeof readAdvertisement> =>
  readAdvertisement(openByteReader(Readable.from(packets)));
const oid = 'a'.repeat(40);

test('a list of refs cannot say more to Git than names', { timeout }, async () => {
  const line = `${oid} refs/heads/a\n\nok refs/heads/main`;
  await assert.rejects(advertise(encodePacket(line), flushPacket), /protocol error: unexpected/);
  await assert.rejects(advertise(encodePacket('x'), flushPacket), /protocol error: unexpected 'x'/);
  await assert.rejects(advertise(encodePacket(`${oid} refs/heads/a`), Buffer.from('0001')), /protocol error/);
  const odd = encodePacket(`${oid} refs/heads/a\0object-format=sha1\n\nok`);
  assert.equal((await advertise(odd, flushPacket))?.objectFormat, 'sha1');
  await assert.rejects(advertise(encodePacket(`${oid} refs/heads/a\0object-format=md5`), flushPacket), /by 'md5'/);
});

test('what costs no bytes is bounded too', () => {
  const spend = openAllowance(1_000_000, 'too much');
  assert.throws(() => {
    for (let count = 0; count < 10_001; count += 1) spend(0);
  }, /^HelperError: too much$/);
});

test('a push is of full names, one word each', { timeout }, async () => {
  const long = `push HEAD:refs/heads/${'a'.repeat(65_000)}`;
  for (const line of ['push HEAD:D', 'push HEAD:', 'push HEAD', 'push HEAD:refs/heads/a b', 'push HEAD:a\r', long]) {
    const played = await play(grounds.stage(grounds.bare), [Buffer.from(`list for-push\n${line}\n\n`)]);
    assert.equal(played.code, 128, line);
    assert.match(played.stderr, /^fatal: Git sent 'push HEAD.*\n$/);
    assert.equal(played.uploads.length, 0);
  }
});

test('a batch is of one command', { timeout }, async () => {
  const said = 'list for-push\npush HEAD:refs/heads/a\nfetch x y\n\n';
  const played = await play(grounds.stage(grounds.bare), [Buffer.from(said)]);
  assert.equal(played.code, 128);
  assert.equal(played.stderr, "fatal: Git sent 'fetch x y' among lines of 'push'\n");
});

test('a name that is not UTF-8 is answered as it is', { timeout }, async () => {
  grounds.reset();
  const said = Buffer.from(
    'list for-push\npush refs/heads/main:refs/exps/exec/\xff\npush :refs/heads/\xfe\n\n\n',
    'latin1',
  );
  const { stdout } = await play(grounds.stage(grounds.bare), [said]);
  assert.match(stdout, /^error refs\/exps\/exec\/\xef\xbf\xbd|^error refs\/exps\/exec\/\xff /m);
  assert.match(stdout, /^(?:ok|error) refs\/heads\/\xfe(?: |$)/m);
});

test('a server that takes a push without a word and dies has not taken it', { timeout }, async () => {
  const ad = encodePacket(`${grounds.shared} refs/heads/main`);
  grounds.program('mute', `printf '${ad.toString()}0000'; exit 3`);
  const said = 'option servpath mute\nlist for-push\npush refs/heads/main:refs/heads/one\n\n\n';
  const { code, stdout } = await play(grounds.stage(grounds.bare), [Buffer.from(said)]);
  assert.doesNotMatch(stdout, /^ok refs/m);
  assert.equal(code, 3);
});

test('arguments that no process can be given', { timeout }, async () => {
  for (const option of ['push-option "a\\000b"', `push-option ${'x'.repeat(900_000)}`]) {
    const said = `option ${option}\nlist for-push\npush refs/heads/main:refs/heads/one\n\n\n`;
    const { stdout, stderr } = await play(grounds.stage(grounds.bare), [Buffer.from(said)]);
    assert.doesNotMatch(stdout, /^ok refs/m);
    assert.match(stderr, /^fatal: cannot run 'git': (?:an argument holds a NUL|too many or too long arguments)\n/);
    assert.equal(checkStderr(stderr), undefined);
  }
  await assert.rejects(runGit(['version', 'x\0'], { env: process.env }), /an argument holds a NUL/);
});
