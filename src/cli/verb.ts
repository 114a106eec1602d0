import type { Argv } from 'yargs';
import type { Operation } from '../model/operation.ts';
import type { CommandContext } from './context.ts';

/** What every command line may say. */
export interface CommonOptions {
  /** Folders to change to before anything else, each from the one before it. */
  readonly C: readonly string[] | undefined;
}

/** Runs one command; its answer is the exit code. */
export type Command = (context: CommandContext, operation: Operation) => Promise<number>;

/** Hands a command to the program. */
export type Run = (options: CommonOptions, command: Command) => Promise<void>;

/** One verb of `git dvcexp`: adds its words and options to the parser. What it does is loaded when it is run. */
export type Verb = (parser: Argv<CommonOptions>, run: Run) => Argv<CommonOptions>;
