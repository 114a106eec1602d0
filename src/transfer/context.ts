import { join } from 'node:path';
import { openRepository, type Repository } from '../git/repository.ts';
import { locateRepository, type RepositoryLocation } from '../git/work-tree.ts';
import type { GitOid } from '../model/git.ts';
import type { Operation } from '../model/operation.ts';
import type { Settings } from '../model/settings.ts';
import type { StorageConfig } from '../model/storage-config.ts';
import { printable } from '../report/printable.ts';
import { openVoice, type Voice } from '../report/voice.ts';
import { type OpenContext, openStorage } from '../storage/open.ts';
import type { CredentialSource, Retry, Storage } from '../storage/remote.ts';
import { removeBackup } from '../trust/backups.ts';
import { openCredentials } from '../trust/credentials.ts';
import { openJudge, type RepositoryJudge } from '../trust/judge.ts';
import type { UrlSettings } from '../trust/pins.ts';
import { askTerminal, hasTerminal } from '../trust/terminal.ts';
import type { DownloadTools } from './download.ts';
import { familiarRemotes } from './familiar.ts';
import { openLedger } from './ledger.ts';
import { identityOf } from './plan.ts';
import { programStarter } from './programs.ts';
import { openProjects, type Projects } from './projects.ts';
import { placeOf } from './storage-place.ts';
import { openUploadMemory } from './upload-memory.ts';

/** What the data side may know of the session with Git. */
export interface DataMoverContext {
  readonly cwd: string;
  /** GIT_DIR, absolute or relative to cwd. */
  readonly gitDirectory: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly platform: string;
  readonly home: string;
  readonly settings: Settings;
  /** Last value of a key of Git's configuration; undefined when unset. */
  readonly configuration: (key: string) => string | undefined;
  /** Values of `dvcexp.<url>.<name>` in Git's configuration. */
  readonly urlSettings: UrlSettings;
  /** The Git remote's name, or its URL when it has none. */
  readonly remoteName: string;
  readonly progress: boolean;
  /** 0 = `-q`, 1, 2 = `-v`. */
  readonly verbosity: number;
  readonly stderr: (text: string) => void;
  /** stderr is a terminal. */
  readonly terminal: boolean;
}

/** What a session moves. */
export interface Way {
  readonly direction: 'push' | 'fetch';
  /** What it is about: where the storage remotes are found that this clone counts as known, when it has met none. */
  readonly commits: readonly GitOid[];
  /** Nobody is asked, and nothing is remembered. */
  readonly onlyLooks?: boolean;
}

/** All that push and fetch share: opened once for a session, closed by the mover. */
export interface Session {
  readonly context: DataMoverContext;
  readonly voice: Voice;
  readonly location: RepositoryLocation;
  /** Our own folder in the common Git directory: ledger, journal, uploads. */
  readonly directory: string;
  readonly repository: Repository;
  readonly projects: Projects;
  /** Tools for one storage remote, which is opened when first asked for and closed with the session. */
  toolsFor(place: { readonly storage: StorageConfig }, way: Way): Promise<DownloadTools>;
  /** What opening a storage remote takes, for whoever does that in a way of his own. */
  contextFor(way: Way): OpenContext;
  close(): Promise<void>;
}

export function openSession(context: DataMoverContext, operation: Operation): Session {
  const voice = openVoice(context);
  const location = locateRepository(context.cwd, context.gitDirectory, context.env, context.configuration);
  const directory = join(location.commonDirectory, 'dvcexp');
  const repository = openRepository({ cwd: context.cwd, env: context.env, signal: operation.signal });
  const fsync = context.configuration('core.fsync') ?? '';
  const projects = openProjects(repository, {
    ...context,
    location,
    remote: context.settings.remote,
    fsyncObjects: /(?:^|,)\s*(?:all|loose-object|objects)\b/.test(fsync),
    warn: (warning) => voice.warn(warning),
  });
  const opened = new Map<string, Promise<Storage>>();
  const git = { cwd: context.cwd, env: context.env, signal: operation.signal };
  const credentials = openCredentials({
    git,
    platform: context.platform,
    configuration: context.configuration,
    proven: (place) => removeBackup(directory, place),
    aside: (line, work) =>
      voice.pause(() => {
        // Also where Git is told to be quiet: it says what the question is about.
        context.stderr(`${printable(line)}\n`);
        return work();
      }),
  });
  let judge: RepositoryJudge | undefined;
  // One for the session, which moves one way: what the user answers counts for all of it.
  const judgeFor = ({ direction, commits, onlyLooks = false }: Way): RepositoryJudge => {
    judge ??= openJudge({
      direction,
      surroundings: context,
      git,
      settings: context.urlSettings,
      workTree: location.workTree,
      familiar: () => familiarRemotes(commits, repository, projects),
      ask: onlyLooks ? undefined : askerFor(context, voice, operation),
      say: (line) => voice.say(line),
      remembers: !onlyLooks,
    });
    return judge;
  };
  const contextFor = (way: Way): OpenContext => ({
    ...context,
    start: programStarter(context.env),
    warn: (message) => voice.warn(message),
    judge: judgeFor(way),
    credentials: mayAsk(way, context.settings) ? credentials : withoutAsking(credentials),
  });
  return {
    context,
    voice,
    location,
    directory,
    repository,
    projects,
    contextFor,
    async toolsFor({ storage: config }, way) {
      let complaints = 0;
      let told = false;
      const onRetry = ({ error, tried, throttled }: Retry): void => {
        if (throttled) complaints += 1;
        // One failure may be a bad moment. After two somebody waits and has to know what for.
        if (told || tried < 2) return;
        told = true;
        voice.remark(`dvcexp: ${error.message}; trying again`);
      };
      const place = await placeOf(config, context);
      const ledger = openLedger(directory, place, Math.floor(Date.now() / 1000));
      return {
        voice,
        directory,
        ledger,
        jobs: context.settings.jobs,
        throttled: () => complaints,
        announce: () => judgeFor(way).announce(config),
        open() {
          const identity = identityOf(config, undefined);
          const known = opened.get(identity);
          if (known !== undefined) return known;
          // A directory where this clone has put things before is not new but gone: a share that is not mounted.
          const createBase = way.direction === 'push' && ledger.empty;
          const storage = openStorage(config, {
            ...contextFor(way),
            retry: { onRetry },
            createBase,
            ...(way.direction === 'push' && place !== undefined ? { uploads: openUploadMemory(directory, place) } : {}),
          });
          opened.set(identity, storage);
          return storage;
        },
      };
    },
    async close() {
      await repository.close();
      await Promise.allSettled([...opened.values()].map(async (storage) => (await storage).close()));
      await credentials.settle();
    },
  };
}

/**
 * A push waits for its data, and so does whoever wants a fetch to fail without it (`git dvcexp` does). Any other fetch
 * goes on without: who has no access to storage must not be asked for keys by every `git fetch`.
 */
function mayAsk({ direction, onlyLooks = false }: Way, { onFetchError }: Settings): boolean {
  return !onlyLooks && (direction === 'push' || onFetchError === 'fail');
}

/** What helpers have, and no question to the user. */
function withoutAsking(credentials: CredentialSource): CredentialSource {
  const { find } = credentials;
  return {
    ...credentials,
    ask: (place, username, _need, operation) => find(place, username, operation),
    canAsk: false,
  };
}

/** Asks yes or no, where a person reads along and Git may ask too; else undefined. */
function askerFor(
  { env, platform, terminal }: DataMoverContext,
  voice: Voice,
  { signal }: Operation,
): ((lines: readonly string[]) => Promise<boolean>) | undefined {
  if (!terminal || !hasTerminal(env, platform)) return undefined;
  return async (lines) => {
    const answer = await voice.pause(() => askTerminal(lines, signal));
    return /^\s*y(?:es)?\s*$/i.test(answer ?? '');
  };
}
