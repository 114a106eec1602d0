import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { afterEach, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Lane, openLane } from '../../../src/storage/wire/lane.ts';

const size = 300_000;
const body = Buffer.from(Array.from({ length: size }, (_, index) => index % 251));
const head = (extra = '', length = size): string =>
  `HTTP/1.1 206 Partial Content\r\nContent-Length: ${length}\r\nETag: "e"\r\n${extra}\r\n`;

let server: Server | undefined;
let lane: Lane | undefined;
afterEach(() => {
  lane?.close();
  server?.close();
});

/** A server that gives the answers in turn, one to each request; a function speaks for itself. */
async function serve(...answers: readonly (readonly (string | Buffer)[] | ((socket: Socket) => void))[]): Promise<{
  readonly fill: (signal?: AbortSignal) => Promise<Readonly<Record<string, string>> | undefined>;
  readonly into: Buffer;
  readonly connections: () => number;
  readonly asked: () => string;
}> {
  let [connections, turn, asked] = [0, 0, ''];
  const listening = createServer((socket) => {
    connections += 1;
    let text = '';
    socket.on('error', () => undefined);
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
      if (!text.endsWith('\r\n\r\n')) return;
      [asked, text] = [text, ''];
      const answer = answers[turn++];
      if (typeof answer === 'function') answer(socket);
      else for (const part of answer ?? []) socket.write(part);
    });
  }).listen(0, '127.0.0.1');
  await once(listening, 'listening');
  const address = listening.address();
  assert.ok(address !== null && typeof address === 'object');
  const opened = openLane({
    host: '127.0.0.1',
    port: address.port,
    tls: undefined,
    connectMs: 2000,
    stallMs: 400,
  });
  server = listening;
  lane = opened;
  const into = Buffer.from(new SharedArrayBuffer(size));
  const request = { method: 'GET', host: 'host', path: '/bucket/key', headers: ['host', 'host', 'range', 'bytes=0-9'] };
  return {
    fill: (signal = new AbortController().signal) => opened.fill(request, into, signal),
    into,
    connections: () => connections,
    asked: () => asked,
  };
}

test('the body fills the buffer, and the connection is used again', { timeout: 20_000 }, async () => {
  const { fill, into, connections, asked } = await serve([head(), body], [head() + body.toString('latin1', 0, 7)], []);
  assert.deepEqual(await fill(), { 'content-length': String(size), etag: '"e"' });
  assert.ok(into.equals(body));
  assert.equal(asked(), 'GET /bucket/key HTTP/1.1\r\nhost: host\r\nrange: bytes=0-9\r\n\r\n');
  // The rest of this one never comes.
  await assert.rejects(fill(), { code: 'DVCEXP_STALLED' });
  assert.equal(connections(), 1);
});

test('headers and body may come in any pieces', { timeout: 20_000 }, async () => {
  const whole = Buffer.concat([Buffer.from(head()), body]);
  const cuts = [1, 17, head().length - 1, head().length, head().length + 1, size, whole.length];
  const { fill, into } = await serve((socket) => {
    let from = 0;
    const next = (): void => {
      const to = cuts.shift();
      if (to === undefined) return;
      socket.write(whole.subarray(from, to));
      from = to;
      setTimeout(next, 5);
    };
    next();
  });
  assert.equal((await fill())?.etag, '"e"');
  assert.ok(into.equals(body));
});

const others: readonly (readonly [what: string, answer: readonly (string | Buffer)[] | ((socket: Socket) => void)])[] =
  [
    ['another status', ['HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n', body]],
    ['a refusal', ['HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno']],
    ['another length', [head('', size - 1), body]],
    ['chunks', [head('Transfer-Encoding: chunked\r\n'), '10\r\n']],
    ['no length', ['HTTP/1.1 206 Partial Content\r\n\r\n', body]],
    ['endless headers', [`HTTP/1.1 206 Partial Content\r\nX: ${'y'.repeat(40_000)}`]],
    ['HTTP/1.0', [head().replace('1.1', '1.0'), body]],
    ['no HTTP', ['\0\x01\x02\r\n\r\n']],
    ['the end at once', (socket) => socket.destroy()],
    ['the end in the middle', (socket) => socket.end(Buffer.concat([Buffer.from(head()), body.subarray(0, 100_000)]))],
  ];
for (const [what, answer] of others) {
  test(`left to the other client: ${what}`, { timeout: 20_000 }, async () => {
    const { fill, into, connections } = await serve(answer, [head(), body]);
    assert.equal(await fill(), undefined);
    assert.equal((await fill())?.etag, '"e"', 'the next one has a connection of its own');
    assert.ok(into.equals(body));
    assert.equal(connections(), 2);
  });
}

test('bytes after the answer end the connection', { timeout: 20_000 }, async () => {
  const { fill, into, connections } = await serve([head(), body, 'more'], [head(), body]);
  assert.equal((await fill())?.etag, '"e"');
  await sleep(50);
  into.fill(0);
  assert.equal((await fill())?.etag, '"e"');
  assert.ok(into.equals(body));
  assert.equal(connections(), 2);
});

test('told to close, it closes; an abort rejects with its reason', { timeout: 20_000 }, async () => {
  const stop = new AbortController();
  // Once the request has come: any time by the clock may be too early, or so late that silence counts as a stall.
  const enough = (): void => stop.abort(new Error('enough'));
  const { fill, connections } = await serve([head('Connection: close\r\n'), body], enough);
  assert.equal((await fill())?.connection, 'close');
  await assert.rejects(fill(stop.signal), /enough/);
  await assert.rejects(fill(AbortSignal.abort(new Error('before'))), /before/);
  assert.equal(connections(), 2);
});
