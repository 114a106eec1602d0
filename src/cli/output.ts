import { type RunningProcess, runGit, startProcess } from '../git/process.ts';
import { programsOnPath } from '../git/programs.ts';
import type { Operation } from '../model/operation.ts';
import { choosePaint, type Paint } from '../report/color.ts';
import type { CommandContext } from './context.ts';
import { type CommandRepository, firstLine } from './repository.ts';

/** Where the answer of a command goes. */
export interface Output {
  readonly paint: Paint;
  /** Lines go through a pager, which lets a person move along those that are too long. */
  readonly paged: boolean;
  /** One line, without its line feed. */
  line(text: string): void;
  /** Must be called: waits until a person has left the pager. */
  close(): Promise<void>;
}

const linesAtOnce = 500;

/**
 * Stdout, through the pager that Git would use where it is a terminal (git-var(1), GIT_PAGER). One that is not installed is
 * done without.
 *
 * @param wide some lines are longer than the terminal, and are not to be folded
 */
export async function openOutput(
  { git, configuration }: CommandRepository,
  context: CommandContext,
  operation: Operation,
  wide = false,
): Promise<Output> {
  const paint = choosePaint(context.stdoutTerminal, configuration.get, context.env);
  const pager = context.stdoutTerminal ? await pagerOf({ git, configuration }, context) : undefined;
  if (pager === undefined) {
    const held: string[] = [];
    const write = (): void => {
      if (held.length > 0) context.stdout(`${held.splice(0).join('\n')}\n`);
    };
    return {
      paint,
      paged: false,
      line(text) {
        // A write for each of a thousand lines takes longer than to find them.
        if (held.push(text) >= linesAtOnce) write();
      },
      close: async () => write(),
    };
  }
  // As Git starts it: `less` leaves by itself where all fits on the screen, and shows colours. A line that it does not fold has to be moved along.
  const env = { ...context.env, LESS: context.env.LESS ?? (wide ? 'RSX' : 'FRX'), LV: context.env.LV ?? '-c' };
  const child: RunningProcess = startProcess('sh', ['-c', pager], { env, stdout: 'inherit', signal: operation.signal });
  return {
    paint,
    paged: true,
    line: (text) => void child.stdin.write(`${text}\n`),
    async close() {
      child.stdin.end();
      await child.ended;
    },
  };
}

async function pagerOf(
  { git, configuration }: Pick<CommandRepository, 'git' | 'configuration'>,
  { env, platform }: CommandContext,
): Promise<string | undefined> {
  // `pager.dvcexp = <program>` and `git -p` have Git start one before us.
  if (env.GIT_PAGER_IN_USE !== undefined) return undefined;
  if (/^(?:false|no|off|0)$/i.test(configuration.get('pager.dvcexp') ?? '')) return undefined;
  const { stdout, code } = await runGit(['var', 'GIT_PAGER'], { ...git, accept: 'any' });
  const pager = firstLine(stdout);
  if (code !== 0 || pager === '' || pager === 'cat') return undefined;
  const [program = ''] = pager.split(' ', 1);
  const plain = /^[\w.-]+$/.test(program);
  return plain && programsOnPath(program, env.PATH ?? '', platform).length === 0 ? undefined : pager;
}
