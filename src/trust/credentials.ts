import { type CredentialAnswer, fillCredential, reportCredential } from '../git/credential.ts';
import type { Operation } from '../model/operation.ts';
import { trace } from '../report/trace.ts';
import type { Credential, CredentialPlace, CredentialSource } from '../storage/remote.ts';
import type { GitOptions } from './pins.ts';
import { hasTerminal } from './terminal.ts';

export interface CredentialOptions {
  readonly git: GitOptions;
  readonly platform: string;
  readonly configuration: (key: string) => string | undefined;
  /** Told of a place whose secret the service has taken. */
  readonly proven?: (place: CredentialPlace) => void;
  /** Runs the work while nothing else is written to the terminal, after a line for people. */
  readonly aside: <T>(line: string, work: () => Promise<T>) => Promise<T>;
}

/** Git's credential system, and what this process has heard from it. */
export interface GitCredentials extends CredentialSource {
  /** Waits until helpers have heard what was proven and refused. */
  settle(): Promise<void>;
}

/** So many wrong answers for one place, and nobody is asked again. */
const mostQuestions = 3;

export function openCredentials(options: CredentialOptions): GitCredentials {
  const { git } = options;
  const entries = new Map<string, Entry>();
  const refused = new Set<string>();
  const approved = new Set<string>();
  const proven = new Set<string>();
  // One after the other: an entry is forgotten before somebody is asked for another.
  let telling: Promise<void> = Promise.resolve();
  let asking: boolean | undefined;

  const entryOf = (place: CredentialPlace, username: string | undefined): Entry => {
    const name = JSON.stringify([place.protocol, place.host, place.path, username]);
    const entry = entries.get(name) ?? { found: undefined, asked: undefined, questions: 0 };
    entries.set(name, entry);
    return entry;
  };
  const fill = async (
    place: CredentialPlace,
    username: string | undefined,
    prompt: boolean,
    { signal }: Operation,
  ): Promise<Credential | undefined> => {
    await telling;
    const question = { ...place, username };
    const answer = await fillCredential(question, { ...git, signal, prompt });
    if (answer === undefined || refused.has(nameOf(place, answer))) return undefined;
    trace(() => `credentials: ${prompt ? 'given' : 'found'} for ${place.protocol}://${place.host}`);
    // Kept by the helpers as long as it is good; an older Git would take it for one without end.
    if (answer.expiresSeconds !== undefined) approved.add(nameOf(place, answer));
    return { username: answer.username, password: answer.password };
  };
  const find: CredentialSource['find'] = async (place, username, operation) => {
    const entry = entryOf(place, username);
    const finding = entry.found ?? fill(place, username, false, operation);
    entry.found = finding;
    return await finding.catch((error: unknown) => {
      // Whoever began to look was stopped; others may look again.
      if (entry.found === finding) entry.found = undefined;
      throw error;
    });
  };
  const tell = (verdict: 'approve' | 'reject', place: CredentialPlace, credential: Credential): void => {
    telling = telling.then(() => reportCredential(verdict, place, credential, git)).catch(() => undefined);
  };
  const canAsk = (): boolean => {
    asking ??= hasAskpass(options) || hasTerminal(git.env, options.platform);
    return asking;
  };

  return {
    find,
    get canAsk() {
      return canAsk();
    },
    async ask(place, username, need, operation) {
      const known = await find(place, username, operation);
      if (known !== undefined) return known;
      const entry = entryOf(place, username);
      if (!canAsk() || entry.questions >= mostQuestions) return undefined;
      entry.asked ??= put(entry, () => options.aside(`dvcexp: ${need}`, () => fill(place, username, true, operation)));
      return await entry.asked;
    },
    approve(place, credential) {
      const name = nameOf(place, credential);
      if (!proven.has(name)) options.proven?.(place);
      proven.add(name);
      if (approved.has(name)) return;
      approved.add(name);
      tell('approve', place, credential);
    },
    reject(place, credential) {
      const name = nameOf(place, credential);
      if (refused.has(name)) return;
      refused.add(name);
      for (const entry of entries.values()) {
        entry.found = entry.found?.then((found) =>
          found !== undefined && nameOf(place, found) === name ? undefined : found,
        );
      }
      tell('reject', place, credential);
    },
    settle: () => telling,
  };
}

/** What helpers have, for a look that changes nothing: nobody is asked, and helpers neither keep nor forget anything. */
export function onlyLooking(credentials: CredentialSource): CredentialSource {
  const refused = new Set<string>();
  const find: CredentialSource['find'] = async (place, username, operation) => {
    const found = await credentials.find(place, username, operation);
    return found === undefined || refused.has(nameOf(place, found)) ? undefined : found;
  };
  return {
    find,
    ask: (place, username, _need, operation) => find(place, username, operation),
    canAsk: false,
    approve: () => undefined,
    reject: (place, credential) => void refused.add(nameOf(place, credential)),
  };
}

interface Entry {
  found: Promise<Credential | undefined> | undefined;
  asked: Promise<Credential | undefined> | undefined;
  questions: number;
}

async function put(entry: Entry, question: () => Promise<Credential | undefined>): Promise<Credential | undefined> {
  entry.questions += 1;
  try {
    const given = await question();
    // Whoever gave no answer is not asked again.
    if (given === undefined) entry.questions = mostQuestions;
    else entry.found = Promise.resolve(given);
    return given;
  } finally {
    entry.asked = undefined;
  }
}

function nameOf({ protocol, host, path }: CredentialPlace, credential: Credential | CredentialAnswer): string {
  return JSON.stringify([protocol, host, path, credential.username, credential.password]);
}

/** A program that asks in a window (gitcredentials(7)); an empty GIT_ASKPASS turns all of them off. */
function hasAskpass({ git: { env }, configuration }: CredentialOptions): boolean {
  return (env.GIT_ASKPASS ?? configuration('core.askpass') ?? env.SSH_ASKPASS ?? '') !== '';
}
