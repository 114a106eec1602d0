// git-remote-dvcexp: wires the conversation with Git to the data side, and that is all.
import { homedir } from 'node:os';
import { openProcessContext } from './context.ts';
import { runRemoteHelper } from './run.ts';

const context = openProcessContext();
process.exit(
  await runRemoteHelper(context, async (request) => {
    const { openDataMover } = await import('../transfer/session.ts');
    const { cwd, env, platform, stderr, terminal } = context;
    return await openDataMover({ ...request, cwd, env, platform, stderr, terminal, home: homedir() });
  }),
);
