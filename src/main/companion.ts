// git dvcexp: wires the companion's commands to the outside world, and that is all.
import { homedir } from 'node:os';
import { join } from 'node:path';
import { runCompanion } from '../cli/app.ts';
import { openProcessContext } from './context.ts';

const context = openProcessContext();
const { cwd, env, platform, stderr, terminal, signal } = context;
const code = await runCompanion(
  context.argv,
  {
    cwd,
    env,
    platform,
    nodeVersion: process.versions.node,
    stderr,
    home: homedir(),
    stdout: (text) => void context.stdout.write(text),
    terminal,
    stdoutTerminal: process.stdout.isTTY === true,
    // Beside this program once it is bundled.
    manual: join(import.meta.dirname, 'man'),
    completion: join(import.meta.dirname, '..', 'completion'),
    columns: process.stdout.columns,
    pageAssets: join(import.meta.dirname, 'page'),
  },
  { signal },
);
process.exitCode = context.signalExitCode() ?? code;
