// A misbehaving server of a fetch, and a Git that takes no nonsense from it.
import { PassThrough } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import { openByteReader } from '../../src/git/byte-stream.ts';
import type { Channel } from '../../src/git/channel.ts';
import { parseConfiguration } from '../../src/git/configuration.ts';
import { InnerGone } from '../../src/git/inner-git.ts';
import { encodePacket } from '../../src/git/pkt-line.ts';
import { HelperError } from '../../src/model/error.ts';
import { passFetch } from '../../src/remote-helper/fetch.ts';
import { openSession } from '../../src/remote-helper/session.ts';
import { GitGone, openWire } from '../../src/remote-helper/wire.ts';
import type { Campaign } from './campaign.ts';
import type { Dice } from './dice.ts';
import type { Grounds } from './grounds.ts';
import type { Pieces } from './mutate.ts';
import { checkStderr, notingMover } from './play.ts';
import { inChunks } from './readers.ts';
import { both, packets, responses as plain, type Response, responsesFor } from './transcripts.ts';

/** Long for a conversation within one process, on a busy machine too. */
const silenceMs = 300;

interface Git {
  readonly stdin: PassThrough;
  readonly stdout: PassThrough;
  /** Everything it read until it was done, or had enough. */
  heard(): Buffer;
  /** It has all it asked for. */
  readonly done: boolean;
  readonly asked: readonly string[];
  giveUp(): void;
}

/** Cuts the first packet off; 'bad' for what is none, undefined for more to come. */
function cutPacket(bytes: Buffer): { readonly text: string; readonly length: number } | 'bad' | undefined {
  if (bytes.length < 4) return undefined;
  const head = bytes.toString('latin1', 0, 4);
  if (!/^[0-9a-fA-F]{4}$/.test(head)) return 'bad';
  const length = Number.parseInt(head, 16);
  if (length === 3) return 'bad';
  if (length < 4) return { text: head, length: 4 };
  return bytes.length < length ? undefined : { text: `=${bytes.toString('latin1', 4, length)}`, length };
}

/**
 * A reader of the protocol that was written for this, and knows what `response` asks: nothing of the product's in it.
 * `arrive` is called when it has all, and stores the objects.
 */
function openGit({ answer, requests, wants }: Response, arrive: () => void): Git {
  const stdin = new PassThrough();
  const stdout = new PassThrough();
  const heard: Buffer[] = [];
  const asked: string[] = [];
  let held: Buffer = Buffer.alloc(0);
  let message = 0;
  let started = false;
  let done = false;
  let over = false;
  const end = (): void => {
    over = true;
    stdin.end();
    void setImmediate().then(() => stdout.destroy());
  };
  const isPack = (): boolean => message === answer.length - 1 && wants.length > 0;
  const finishMessage = (): void => {
    if (isPack() && !started) {
      end();
      return;
    }
    const request = requests[message];
    started = false;
    message += 1;
    if (request !== undefined) {
      if (request.includes('want ')) asked.push(...wants);
      stdin.write(request);
    }
    // The last request is out: nothing more will be said.
    if (message >= requests.length) stdin.end();
    if (message < answer.length) return;
    done = true;
    arrive();
    end();
  };
  const take = (text: string): void => {
    if (isPack() && /^=(?:packfile|NAK)/.test(text)) started = true;
    if (text === '0000') finishMessage();
    else if (text.startsWith('=ERR ') || (isPack() && text.startsWith('=\u0001') && !started)) end();
  };
  stdout.on('data', (chunk: Buffer) => {
    if (over) return;
    heard.push(chunk);
    held = Buffer.concat([held, chunk]);
    for (let packet = cutPacket(held); packet !== undefined && !over; packet = cutPacket(held)) {
      if (packet === 'bad') {
        end();
        return;
      }
      held = held.subarray(packet.length);
      take(packet.text);
    }
  });
  return {
    stdin,
    stdout,
    asked,
    heard: () => Buffer.concat(heard),
    get done() {
      return done;
    },
    giveUp: end,
  };
}

/** A server that says its messages when it is asked, whatever is in them; `linger`: it does not hang up. */
function openServer(
  messages: readonly Buffer[],
  code: number,
  linger: boolean,
  dice: Dice,
): { channel: Channel; silent: Promise<void> } {
  const output = new PassThrough();
  let next = 0;
  let end: (code: number) => void = () => undefined;
  const ended = new Promise<number>((resolve) => (end = resolve));
  let fallSilent: () => void = () => undefined;
  const silent = new Promise<void>((resolve) => (fallSilent = resolve));
  const hangUp = (): void => {
    output.end();
    end(code);
  };
  const speak = (): void => {
    const message = messages[next];
    next += 1;
    if (message !== undefined) for (const chunk of inChunks(message, dice)) output.write(chunk);
    if (next >= messages.length && !linger) {
      hangUp();
      return;
    }
    // Nobody answers any more: what was said was not what the other side waits for.
    const said = next;
    setTimeout(() => said === next && fallSilent(), silenceMs);
  };
  speak();
  const channel: Channel = {
    reader: openByteReader(output),
    write: async () => {
      speak();
      return true;
    },
    finish: () => {
      // It has been told that nothing more comes: what it has not been asked for it keeps.
      if (next < messages.length && !linger) hangUp();
    },
    ended,
    leave: async () => {
      hangUp();
      return await ended;
    },
    close: async () => hangUp(),
  };
  return { channel, silent };
}

/** The server's messages: the honest one's, the last one taking what was added. */
function group(pieces: Pieces, { answer }: Response): Buffer[] {
  let at = 0;
  return answer.map((message, index) => {
    const end = index === answer.length - 1 ? pieces.length : at + message.length;
    const bytes = Buffer.concat(pieces.slice(at, end));
    at = end;
    return bytes;
  });
}

const expectedErrors = [HelperError, GitGone, InnerGone];

export function uploadPack(grounds: () => Grounds): Campaign {
  let all: readonly Response[] | undefined;
  const responses = (): readonly Response[] => (all ??= responsesFor(grounds().shared, grounds().incoming));
  return {
    name: 'a server of a fetch',
    // The shape alone: names of objects are put in when the case is played.
    honest: plain.map(({ answer }) => answer.flat()),
    dictionary: [
      ...packets('ERR no', 'NAK', 'packfile', 'version 2', 'version 1', 'acknowledgments', `${both} refs/heads/more`),
      ...['0000', '0001', '0002', '0003', '0004', 'HTTP/1.1 500\r\n'].map((text) => Buffer.from(text)),
      encodePacket(Buffer.concat([Buffer.from([3]), Buffer.from('no more')])),
      encodePacket(Buffer.concat([Buffer.from([1]), Buffer.alloc(65_000, 'z')])),
    ],
    judge: async (pieces, honest, dice) => {
      const { world, work, shared, arrive, depart } = grounds();
      const response = responses()[honest] ?? { answer: [], requests: [], wants: [] };
      const real = pieces.map((piece) => Buffer.from(piece.toString('latin1').replaceAll(both, shared), 'latin1'));
      const unchanged = Buffer.concat(pieces).equals(Buffer.concat(plain[honest]?.answer.flat() ?? []));
      const code = unchanged || dice.chance(0.9) ? 0 : 3;
      const linger = !unchanged && dice.chance(0.3);
      depart();
      const git = openGit(response, arrive);
      const controller = new AbortController();
      const { channel, silent } = openServer(group(real, response), code, linger, dice);
      // A server that says nothing more: the user loses patience, unless Git has all it wants.
      void silent.then(async () => {
        if (git.done) return;
        git.giveUp();
        controller.abort();
        await channel.close();
      });
      const { mover, downloads } = notingMover();
      let early = false;
      const download: typeof mover.download = async (request, operation) => {
        // Of experiments that were named and are here already, data is brought before Git sees the list.
        const ahead = request.wants.every(({ oid }) => !git.asked.includes(oid));
        if (ahead) return { outcome: 'whole', retry: [] };
        early ||= !git.done;
        return await mover.download(request, operation);
      };
      let stderr = '';
      const session = openSession({
        ...{ remoteName: 'origin', url: 'x', cwd: work, env: { ...world.env, GIT_DIR: '.git' } },
        ...{ configuration: parseConfiguration(''), platform: 'linux', wire: openWire(git.stdin, git.stdout) },
        stderr: (text) => (stderr += text),
        openDataMover: async () => ({ ...mover, download }),
      });
      let answer: number | undefined;
      try {
        answer = await passFetch(channel, false, session, { signal: controller.signal });
      } catch (error) {
        if (!expectedErrors.some((kind) => error instanceof kind)) return `threw ${String(error)}`;
      }
      git.giveUp();
      if (early) return 'data was asked for before Git had its objects';
      const sent = Buffer.concat(group(real, response)).toString('latin1');
      const withoutInternal = sent.replace(/[0-9a-f]{4}[0-9a-f]{40} refs\/exps\/(?:exec\/EXEC_HEAD|stash)\n/g, '');
      const heard = git.heard().toString('latin1');
      if (
        !sent.startsWith(heard) &&
        !withoutInternal.startsWith(heard) &&
        !/exps\/(?:exec|stash|apply|temp|celery)/.test(sent)
      ) {
        return `said what the server did not say: …${JSON.stringify(heard.slice(-200))}`;
      }
      const asked = git.asked.length > 0;
      if (answer === 0 && asked && !git.done) return 'exit 0, and Git has not got what it asked for';
      if (answer === 0 && asked && downloads.length !== 1) return `exit 0 and ${downloads.length} downloads`;
      if (unchanged && (answer !== 0 || downloads.length !== (asked ? 1 : 0)))
        return `honest, and ended with ${answer}`;
      if (code !== 0 && answer === 0 && !git.done) return "the server's exit code was lost";
      return checkStderr(stderr);
    },
  };
}
