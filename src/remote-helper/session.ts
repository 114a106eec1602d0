import { existsSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import type { Configuration } from '../git/configuration.ts';
import { type Environment, runGit } from '../git/process.ts';
import { defaultOptions, type SessionOptions } from '../git/session-options.ts';
import { locateRepository } from '../git/work-tree.ts';
import { isAbort } from '../model/error.ts';
import type { Operation } from '../model/operation.ts';
import { readSettings, type Settings } from '../model/settings.ts';
import { openVoice, type Voice } from '../report/voice.ts';
import type { DataMover } from '../transfer/data-mover.ts';
import { openPending, type Pending } from './pending.ts';
import type { Wire } from './wire.ts';

/** What the data side is opened with, beyond what the composition root knows itself. */
export interface MoverRequest {
  readonly settings: Settings;
  readonly configuration: (key: string) => string | undefined;
  readonly urlSettings: (name: string) => ReturnType<Configuration['subsections']>;
  readonly remoteName: string;
  /** GIT_DIR as Git gave it. */
  readonly gitDirectory: string;
  readonly progress: boolean;
  readonly verbosity: number;
}

/** The world as one run of the helper sees it. */
export interface SessionContext {
  /** First argument: the Git remote's name, or its URL when it has none. */
  readonly remoteName: string;
  /** Second argument; as the first where Git gave one only. */
  readonly url: string;
  readonly cwd: string;
  readonly env: Environment;
  /** As `process.platform`. */
  readonly platform: string;
  readonly configuration: Configuration;
  readonly wire: Wire;
  readonly stderr: (text: string) => void;
  /** Loads the data side; called when data may have to move, and once at most. */
  readonly openDataMover: (request: MoverRequest) => Promise<DataMover>;
}

/** What fetch and push share: Git's options so far, our settings, the data side. */
export interface Session {
  readonly context: SessionContext;
  readonly options: SessionOptions;
  setOptions(options: SessionOptions): void;
  /** With the push options known by now. Throws `config` or `usage` on a value that cannot be. */
  settings(): Settings;
  voice(): Voice;
  /** Is Git served by `list` and `fetch`, and not by a connection? Windows has no pipe that tells when Git reads no more. */
  byFetch(): boolean;
  /** Is there a place for data, and is it wanted? Throws as `settings`. */
  movesData(): boolean;
  /** Undefined outside of a repository, where no data can be placed. */
  readonly gitDirectory: string | undefined;
  pending(): Pending | undefined;
  /** Is Git making a new clone, which it deletes when the helper fails? To be asked first before a ref is there. */
  cloning(operation: Operation): Promise<boolean>;
  mover(): Promise<DataMover>;
  close(): Promise<void>;
}

export function openSession(context: SessionContext): Session {
  let options = defaultOptions;
  let pending: Pending | undefined;
  let mover: Promise<DataMover> | undefined;
  let noRefsYet: Promise<boolean> | undefined;
  const gitDirectory = context.env.GIT_DIR || undefined;
  const configured = (key: string): string | undefined => context.configuration.get(key);
  const settings = (): Settings => readSettings(configured, context.env, options.ownPushOptions);

  return {
    context,
    gitDirectory,
    settings,
    get options() {
      return options;
    },
    setOptions: (next) => {
      options = next;
    },
    voice: () => openVoice({ ...options, stderr: context.stderr, env: context.env }),
    byFetch: () => {
      const standard = context.platform === 'win32';
      try {
        return (settings().fetchBy ?? (standard ? 'fetch' : 'connect')) === 'fetch';
      } catch {
        // A setting that cannot be is said where settings count; until then nothing moves.
        return standard;
      }
    },
    movesData: () => gitDirectory !== undefined && !settings().noCache,
    pending: () => {
      if (gitDirectory === undefined) return undefined;
      pending ??= openPending(locateRepository(context.cwd, gitDirectory, context.env, configured).commonDirectory);
      return pending;
    },
    cloning: async ({ signal }) => {
      if (options.cloning || gitDirectory === undefined) return options.cloning;
      // Git only says so where it leaves the fetching to the helper. A new clone has an absolute GIT_DIR and no ref yet.
      if (!isAbsolute(gitDirectory) || existsSync(join(gitDirectory, 'commondir'))) return false;
      noRefsYet ??= runGit(['for-each-ref', '--count=1'], { env: context.env, cwd: context.cwd, signal }).then(
        ({ stdout }) => stdout.length === 0,
        (error: unknown) => {
          // A clone that Git gives up is removed while we look at it.
          if (isAbort(error)) throw error;
          return true;
        },
      );
      return await noRefsYet;
    },
    mover: async () => {
      if (gitDirectory === undefined) throw new TypeError('no repository to move data for');
      mover ??= context.openDataMover({
        settings: settings(),
        configuration: configured,
        urlSettings: (name) => context.configuration.subsections('dvcexp', name),
        remoteName: context.remoteName,
        gitDirectory,
        progress: options.progress,
        verbosity: options.verbosity,
      });
      return await mover;
    },
    close: async () => {
      await (await mover?.catch(() => undefined))?.close();
    },
  };
}
