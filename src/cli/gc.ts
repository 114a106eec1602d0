import { resolve } from 'node:path';
import { resolveCommit } from '../experiments/local-refs.ts';
import { HelperError } from '../model/error.ts';
import type { GitOid } from '../model/git.ts';
import type { Operation } from '../model/operation.ts';
import { printable } from '../report/printable.ts';
import { openVoice } from '../report/voice.ts';
import { type GcSource, gc } from '../upkeep/gc.ts';
import type { CommandContext } from './context.ts';
import { moverContext, settingsOf } from './data-side.ts';
import { gcLines, gcToJson } from './gc-words.ts';
import { openOutput } from './output.ts';
import { type CommandRepository, requireRepository } from './repository.ts';

export interface GcOptions {
  readonly quiet: boolean;
  readonly storage: string | undefined;
  readonly yes: boolean;
  readonly 'tips-only': boolean;
  readonly 'older-than': number | undefined;
  readonly except: readonly string[];
  readonly projects: readonly string[];
  readonly unshared: boolean;
  readonly 'run-cache': boolean;
  readonly fetch: boolean;
  readonly json: boolean;
}

/** As `git gc` (gc.pruneExpire): longer than a push takes, and than a clone remembers what it saw in storage. */
const graceDays = 14;
const dayMs = 24 * 60 * 60 * 1000;

/** `git dvcexp gc`. Exit code 0 when nothing failed, whether anything was to be removed or not. */
export async function gcCommand(options: GcOptions, context: CommandContext, operation: Operation): Promise<number> {
  const repository = await requireRepository(context, operation);
  const days = options['older-than'] ?? configuredDays(repository) ?? graceDays;
  const before = Date.now() - days * dayMs;
  const others = options.projects.map((path) => resolve(context.cwd, path));
  const sources: [GcSource, ...GcSource[]] = [sourceOf(options, repository, context)];
  for (const path of others) {
    // What names our own repository must not name theirs.
    const env = { ...context.env, GIT_DIR: undefined, GIT_WORK_TREE: undefined, GIT_INDEX_FILE: undefined };
    const there = { ...context, cwd: path, env };
    sources.push(sourceOf(options, await requireOther(path, there, operation), there));
  }
  const except = await exceptions(options.except, repository);
  const { storage, yes, unshared, fetch, json } = options;
  if (storage !== undefined && yes) {
    const voice = openVoice({
      ...moverContext({ quiet: options.quiet }, settingsOf({}, repository, context), repository, context),
      env: context.env,
    });
    voice.warn(
      `what other repositories keep in storage remote '${printable(storage)}' is removed as well, unless -p names them`,
    );
  }
  const report = await gc(
    sources,
    { storage, tipsOnly: options['tips-only'], except, fetch, before, runCache: options['run-cache'], unshared, yes },
    operation,
  );
  if (json) {
    context.stdout(`${JSON.stringify(gcToJson(report, options), null, 2)}\n`);
    return 0;
  }
  if (options.quiet) return 0;
  const output = await openOutput(repository, context, operation);
  try {
    for (const line of gcLines(report, { days, yes, paint: output.paint })) output.line(line);
  } finally {
    await output.close();
  }
  return 0;
}

function sourceOf(options: GcOptions, repository: CommandRepository, context: CommandContext): GcSource {
  const settings = {
    ...settingsOf({}, repository, context),
    onFetchError: 'fail',
  } as const;
  return { context: moverContext({ quiet: options.quiet }, settings, repository, context), git: repository.git };
}

async function requireOther(path: string, context: CommandContext, operation: Operation): Promise<CommandRepository> {
  try {
    return await requireRepository(context, operation);
  } catch (error) {
    if (!(error instanceof HelperError) || error.code === 'interrupted') throw error;
    throw new HelperError('usage', `-p: '${printable(path)}' is not inside a Git repository`);
  }
}

function configuredDays({ configuration }: CommandRepository): number | undefined {
  const text = configuration.get('dvcexp.gcolderthan');
  if (text === undefined) return undefined;
  if (/^[0-9]{1,5}$/.test(text) && Number(text) <= 36_500) return Number(text);
  throw new HelperError(
    'config',
    `git config dvcexp.gcOlderThan: '${printable(text)}' is not a number of days from 0 to 36500`,
  );
}

async function exceptions(words: readonly string[], { git }: CommandRepository): Promise<readonly GitOid[]> {
  const found: GitOid[] = [];
  for (const word of words) {
    const id = await resolveCommit(word, git);
    if (id === undefined) throw new HelperError('usage', `--except: '${printable(word)}' names no commit`);
    found.push(id);
  }
  return found;
}
