import { openAllowance } from '../git/allowance.ts';
import { type InnerGit, InnerGone } from '../git/inner-git.ts';
import { openNativeGit } from '../git/native-git.ts';
import { type Address, checkDepth, checkPassword, resolveAddress } from '../git/policy.ts';
import { openRelay } from '../git/relay.ts';
import { isOwnPushOption, unquote, withOption } from '../git/session-options.ts';
import { HelperError } from '../model/error.ts';
import type { Operation } from '../model/operation.ts';
import { printable } from '../report/printable.ts';
import { downloadCopied, fetchBatch, type Listing, listForFetch, passFetch, passThrough } from './fetch.ts';
import { carryPush } from './push.ts';
import { openSession, type Session, type SessionContext } from './session.ts';
import { type Command, parseCommand } from './wire.ts';

type Direction = 'fetch' | 'push';

/** Four times what the arguments of a process may come to, which is where most of them end. */
const mostOptionBytes = 8 * 1024 * 1024;

/** Inner Git for one direction, and for the other when that has an address of its own (`url.<base>.pushInsteadOf`). */
interface Peers {
  readonly current: InnerGit;
  /** Options go here, so that a second inner Git hears those given before it was there. */
  option(line: Buffer, known: boolean): Promise<string>;
  turn(direction: Direction, operation: Operation): Promise<InnerGit>;
}

function openPeers(session: Session, operation: Operation): Peers {
  const { context } = session;
  const { remoteName, url, configuration, env, stderr } = context;
  const byFetch = session.byFetch();
  const warning = checkPassword(context, configuration);
  if (warning !== undefined) context.stderr(`warning: ${warning}\n`);
  const resolve = (direction: Direction): Address => resolveAddress({ remoteName, url, direction }, configuration, env);
  const open = (address: Address): InnerGit => {
    if (address.url.kind !== 'helper') return openNativeGit(address, { env, configuration, stderr, byFetch });
    const { helper, address: target } = address.url;
    // A remote without a name is called by its URL, and the nested helper knows it by the inner one.
    const name = remoteName === url || remoteName.startsWith('dvcexp::') ? target : remoteName;
    return openRelay({ helper, address: target, remoteName: name, env, byFetch }, operation);
  };

  const address = resolve('fetch');
  let current = open(address);
  let text = address.text;
  const given: (readonly [line: Buffer, known: boolean])[] = [];
  return {
    get current() {
      return current;
    },
    option: (line, known) => {
      given.push([line, known]);
      return current.option(line, known);
    },
    turn: async (direction) => {
      const wanted = resolve(direction);
      if (wanted.text === text) return current;
      await current.finish('good-bye');
      current = open(wanted);
      text = wanted.text;
      await current.capabilities(operation);
      for (const [line, known] of given) await current.option(line, known);
      return current;
    },
  };
}

async function answerOption(
  command: Command,
  session: Session,
  peers: Peers,
  spend: (size: number) => void,
): Promise<string> {
  spend(command.line.length);
  const { word: name, rest: value } = parseCommand(Buffer.from(command.rest));
  const next = withOption(session.options, name, value);
  if (next !== undefined) session.setOptions(next);
  // Ours never reach the server, which may well take no push options at all.
  if (name === 'push-option' && isOwnPushOption(unquote(value))) return 'ok';
  return await peers.option(command.line, next !== undefined);
}

function warnDataless(session: Session): void {
  session
    .voice()
    .warn('this Git remote is reached by import and export, which carry no DVC data', 'see git help gitremote-helpers');
}

/** The loop: every command Git may give, by gitremote-helpers(7). Answers the exit code. */
async function converse(session: Session, operation: Operation): Promise<number> {
  const { wire } = session.context;
  let peers: Peers;
  try {
    peers = openPeers(session, operation);
  } catch (error) {
    // Git is about to speak, and would complain that nobody listens.
    await wire.command();
    throw error;
  }
  const spend = openAllowance(mostOptionBytes, 'Git gives too many options');
  let pushListing: readonly Buffer[] = [];
  let fetchListing: Listing | undefined;
  let fetched = false;
  for (;;) {
    const command = await wire.command();
    switch (command?.word) {
      case undefined:
      case '':
        if (fetchListing?.cloning && !fetched)
          await downloadCopied(fetchListing.names, fetchListing.head, session, operation);
        return await peers.current.finish(command === undefined ? 'hang-up' : 'good-bye');
      case 'capabilities':
        await wire.reply(await peers.current.capabilities(operation));
        break;
      case 'option':
        await wire.answer(await answerOption(command, session, peers, spend));
        break;
      case 'connect':
      case 'stateless-connect': {
        const channel = await peers.current.connect(command.line.toString(), session.options, operation);
        if (channel === 'fallback') {
          await wire.answer('fallback');
          break;
        }
        await wire.answer('');
        if (command.rest === 'git-upload-pack') {
          return await passFetch(channel, command.word === 'stateless-connect', session, operation);
        }
        return await passThrough(channel, session);
      }
      case 'list':
        if (command.rest === 'for-push') {
          pushListing = await (await peers.turn('push', operation)).list(true, session.options, operation);
          await wire.reply(pushListing);
        } else {
          fetchListing = await listForFetch(peers.current, session, operation);
          await wire.reply(fetchListing.lines);
        }
        break;
      case 'fetch': {
        const batch = await wire.batch(command.line);
        await wire.reply(await fetchBatch(batch, peers.current, fetchListing, session, operation));
        fetched = true;
        break;
      }
      case 'push': {
        const batch = await wire.batch(command.line);
        await wire.reply(await carryPush(batch, pushListing, peers.current, session, operation));
        break;
      }
      case 'import':
      case 'export':
        warnDataless(session);
        return await passThrough(await peers.current.handOver(command.line), session);
      default:
        throw new HelperError('unsupported', `unknown command '${printable(command?.word ?? '')}' from Git`);
    }
  }
}

/**
 * Serves Git until the conversation is over, and answers the exit code. Throws `HelperError` for what has still to be
 * said to the user, `GitGone` when Git went away in between.
 */
export async function serve(context: SessionContext, operation: Operation): Promise<number> {
  checkDepth(context.env);
  const session = openSession(context);
  // Servers and helpers that a failure leaves behind end with us.
  const over = new AbortController();
  try {
    return await converse(session, { signal: AbortSignal.any([operation.signal, over.signal]) });
  } catch (error) {
    if (!(error instanceof InnerGone)) throw error;
    if (error.words !== '') context.stderr(error.words);
    return error.exitCode;
  } finally {
    await session.close();
    over.abort();
  }
}
