import type { Operation } from '../model/operation.ts';
import type { Channel } from './channel.ts';
import type { SessionOptions } from './session-options.ts';

/**
 * Inner Git has ended and has said itself why, on stderr: this program ends with the same exit code, and adds at most
 * what Git itself would say after that.
 */
export class InnerGone extends Error {
  readonly exitCode: number;
  /** For stderr, as it is; '' for nothing. */
  readonly words: string;

  constructor(exitCode: number, words = '') {
    super(`inner Git ended with exit code ${exitCode}`);
    this.name = 'InnerGone';
    this.exitCode = exitCode;
    this.words = words;
  }
}

/** `hang-up`: Git has gone without a word, and the server sees what it would see without us. */
export type Farewell = 'good-bye' | 'hang-up';

/** One line of a `push` batch, as Git wrote it behind the word: `[+]<source>:<destination>`, source '' for a deletion. */
export type Refspec = Buffer;

/**
 * The wrapped transport for one direction, in the words of gitremote-helpers(7): either we are the transport (native), or
 * a nested `git remote-<x>` is (relay). Every call throws `InnerGone` when the other side ends. Lines are without LF
 * and byte for byte, for names that are not UTF-8.
 */
export interface InnerGit {
  /** What Git may use, one capability a line. */
  capabilities(operation: Operation): Promise<readonly string[]>;
  /** The answer to `option <name> <value>`. `known`: this program acts on it itself where it is the transport. */
  option(line: Buffer, known: boolean): Promise<string>;
  /**
   * `connect <service>` or `stateless-connect <service>`: a channel to the server, or `fallback`. Never a channel for
   * pushing: a push must be seen.
   */
  connect(line: string, options: SessionOptions, operation: Operation): Promise<Channel | 'fallback'>;
  /** The reply to `list` or `list for-push`. */
  list(forPush: boolean, options: SessionOptions, operation: Operation): Promise<readonly Buffer[]>;
  /** The reply to a `fetch` batch, given when its objects are here. */
  fetch(batch: readonly Buffer[], options: SessionOptions, operation: Operation): Promise<readonly Buffer[]>;
  /** Pushes; the reply is `ok …`, `error …` and `option …` lines, of other refs too. `list(true)` must have gone before. */
  push(refspecs: readonly Refspec[], options: SessionOptions, operation: Operation): Promise<readonly Buffer[]>;
  /** `import` and `export`: the rest of the conversation is between Git and a nested helper that has got this line. */
  handOver(line: Buffer): Promise<Channel>;
  /** Ends the conversation, and answers the exit code of the other side. */
  finish(how: Farewell): Promise<number>;
}
