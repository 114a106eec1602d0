import { isAbsolute, relative, sep } from 'node:path';
import { HelperError } from '../model/error.ts';
import { type Origin, originUrl } from '../model/origin.ts';
import { realPath } from '../model/real-path.ts';
import type { StorageConfig } from '../model/storage-config.ts';
import { locateStorage } from '../storage/open.ts';
import type { Guard, Judge, SecretUse, Surroundings } from '../storage/remote.ts';
import {
  type GitOptions,
  isTrustedBy,
  pinKey,
  readSettings,
  remember,
  type UrlSettings,
  type UrlWords,
} from './pins.ts';
import { type Facts, judge } from './rule.ts';
import { questionFor, refusalFor } from './words.ts';

export interface JudgeOptions {
  readonly direction: Facts['direction'];
  readonly surroundings: Surroundings;
  readonly git: GitOptions;
  readonly settings: UrlSettings;
  /** Top of the work tree; undefined in a bare repository. */
  readonly workTree: string | undefined;
  /**
   * Storage remotes of what the user looks at, for a clone that has met none yet: they become the known ones. Called
   * once at most.
   */
  readonly familiar: () => Promise<readonly StorageConfig[]>;
  /** Asks yes or no; undefined: nobody can be asked. */
  readonly ask: ((lines: readonly string[]) => Promise<boolean>) | undefined;
  readonly say: (line: string) => void;
  /** False: nothing is written to the configuration. */
  readonly remembers: boolean;
}

export interface RepositoryJudge extends Judge {
  /** To be called before data of the user goes to a storage remote: says, once for a clone, where the repository sends it. */
  announce(config: StorageConfig): Promise<void>;
}

/**
 * Judges storage remotes of one repository: what the user's own layers of configuration name may have everything, what
 * only the repository names is judged by `rule.ts`. Remembers in the repository's Git configuration whom it met
 * (`dvcexp.<url>.pin`) and what the user answered (`dvcexp.<url>.trust`).
 */
export function openJudge(options: JudgeOptions): RepositoryJudge {
  const { direction, git, settings, surroundings } = options;
  const record = recorder(options);
  const pins = openPins(options);
  const configured = new Map<string, Promise<UrlWords>>();
  const toAnnounce = new Map<StorageConfig, Origin>();
  const answered = new Map<string, Promise<'read' | 'write' | undefined>>();

  const factsOf = async (config: StorageConfig, origin: Origin, secret: SecretUse | undefined): Promise<Facts> => {
    const url = originUrl(origin);
    const reading = configured.get(url) ?? readSettings(origin, settings, git);
    configured.set(url, reading);
    const { trust, allowInsecure } = await reading;
    const ours = isTrustedBy(surroundings.env.DVCEXP_TRUST, origin) ? 'write' : wordOf(trust, origin);
    const said = (await answered.get(url)) ?? ours;
    const facts = { origin, direction, secret, said, insecureAllowed: allowInsecure, known: true };
    // Looked up only where it matters: what asks no question leaves no trace in the configuration.
    if (judge({ ...facts, known: false }).kind !== 'ask') return facts;
    return { ...facts, known: await pins.knows(config, origin, secret) };
  };

  const ask = async (
    config: StorageConfig,
    facts: Facts,
    why: 'changed' | 'stranger',
  ): Promise<'read' | 'write' | undefined> => {
    if (options.ask === undefined || !(await options.ask(questionFor(config, facts, why)))) return undefined;
    const word = direction === 'push' ? 'write' : 'read';
    await record(originUrl(facts.origin), 'trust', word);
    return word;
  };

  const decide = async (
    config: StorageConfig,
    origin: Origin,
    secret: SecretUse | undefined,
  ): Promise<HelperError | undefined> => {
    const facts = await factsOf(config, origin, secret);
    const verdict = judge(facts);
    if (verdict.kind === 'go') return undefined;
    if (verdict.kind === 'refuse') return refusalFor(config, facts, verdict.why);
    const url = originUrl(origin);
    const answer = answered.get(url) ?? ask(config, facts, verdict.why);
    answered.set(url, answer);
    return (await answer) === undefined ? refusalFor(config, facts, verdict.why) : undefined;
  };

  return {
    async guardFor(config, origin) {
      if (origin.namedBy === 'user' || isOwnFolder(origin, config, options.workTree)) return everything;
      const refusal = await decide(config, origin, undefined);
      if (refusal !== undefined) throw refusal;
      toAnnounce.set(config, origin);
      return guard((use) => decide(config, origin, use), direction);
    },
    async announce(config) {
      const origin = toAnnounce.get(config);
      if (origin !== undefined) await pins.announce(config, origin);
    },
  };
}

type Record = (url: string, name: string, value: string) => Promise<void>;

function recorder({ git, remembers }: JudgeOptions): Record {
  return async (url, name, value) => {
    if (remembers) await remember(url, name, value, git);
  };
}

const everything: Guard = { admit: async () => undefined };

function guard(decide: (use: SecretUse) => Promise<HelperError | undefined>, direction: Facts['direction']): Guard {
  const decided = new Map<string, Promise<HelperError | undefined>>();
  return {
    async admit(use) {
      const key = `${use.from} ${use.shows}`;
      const decision = decided.get(key) ?? decide(use);
      decided.set(key, decision);
      const refusal = await decision;
      if (refusal !== undefined && direction === 'push') throw refusal;
      return refusal;
    },
  };
}

function wordOf(trust: string | undefined, origin: Origin): Facts['said'] {
  if (trust === undefined || trust === 'read' || trust === 'write' || trust === 'never') return trust;
  throw new HelperError('config', `dvcexp.${originUrl(origin)}.trust is none of read, write, never`);
}

/** A folder of the work tree itself, links followed: nothing leaves the repository's own reach. */
function isOwnFolder(origin: Origin, config: StorageConfig, workTree: string | undefined): boolean {
  if (origin.protocol !== 'file' || workTree === undefined) return false;
  const way = relative(realPath(workTree), realPath(config.url));
  return (
    !isAbsolute(way) && way.split(sep)[0] !== '..' && !way.split(sep).some((part) => part.toLowerCase() === '.git')
  );
}

interface Pins {
  /** Has this clone met the origin, for a secret of one storage remote under the name of that? */
  knows(config: StorageConfig, origin: Origin, secret: SecretUse | undefined): Promise<boolean>;
  /** Says once where data of the user goes that only the repository names. */
  announce(config: StorageConfig, origin: Origin): Promise<void>;
}

function openPins(options: JudgeOptions): Pins {
  const { settings, surroundings, familiar, say, workTree } = options;
  const record = recorder(options);
  const known = new Map<string, Set<string>>();
  for (const { subsection, value } of settings('pin')) add(subsection, value);
  const announced = new Set(settings('pushed').map(({ subsection }) => subsection));
  let met: Promise<void> | undefined;

  function add(url: string, name: string): boolean {
    const names = known.get(url) ?? new Set();
    known.set(url, names);
    if (names.has(name)) return false;
    names.add(name);
    return true;
  }
  const pin = async (config: StorageConfig, origin: Origin): Promise<void> => {
    const key = pinKey(origin, config, workTree);
    if (origin.namedBy === 'repository' && add(key, config.name)) await record(key, 'pin', config.name);
  };
  const meet = async (first: StorageConfig): Promise<void> => {
    const configs = await familiar();
    for (const config of configs.length === 0 ? [first] : configs) {
      // One that cannot be opened is nobody's to trust.
      const origin = await locateStorage(config, surroundings).catch(() => undefined);
      if (origin !== undefined) await pin(config, origin);
    }
  };
  return {
    async knows(config, origin, secret) {
      if (known.size === 0) met ??= meet(config);
      await met;
      const names = known.get(pinKey(origin, config, workTree));
      // A password in the user's own options is for the storage remote of that name, wherever others are.
      return secret?.from === 'options' ? names?.has(config.name) === true : names !== undefined;
    },
    async announce(config, origin) {
      const key = pinKey(origin, config, workTree);
      if (announced.has(key)) return;
      announced.add(key);
      say(`dvcexp: uploading to ${config.scheme === 'local' ? config.url : originUrl(origin)} (named by .dvc/config)`);
      await record(key, 'pushed', 'true');
    },
  };
}
