// Differences that several scenarios share. Each names its reason; docs/differential.md lists them.
import type { Accepted, Transport } from '../scenario.ts';

/** Where plain Git pushes by itself. Over http it uses a helper of its own, which is in the same position as we are. */
export const direct: readonly Transport[] = ['path', 'file', 'ssh', 'git'];

const failedToPush = "error: failed to push some refs to '<url>/origin.git'";

/** The push breaks off before any ref has been judged. */
export const gaveUp = (command: string, also: readonly string[] = []): Accepted => ({
  reason:
    'When a helper gives up in a push, Git ends with 1 and says that the push failed; without one it ends with 128.',
  on: direct,
  differences: () => [
    { where: `${command}: exit code`, plain: ['128'], ours: ['1'] },
    { where: `${command}: stderr`, plain: [], ours: [...also, failedToPush].sort() },
  ],
});

/** Git judges a ref for itself, and so a helper is not even asked, or has no word for what Git says of the other refs. */
export const atomicFailure = (command: string, ref: string, status: number, others: readonly string[]): Accepted => ({
  reason: 'In an atomic push Git keeps what failed to itself, and a helper has no status for the refs that did not.',
  on: direct,
  differences: ({ transport }) => {
    const hungUp = transport === 'git' ? [] : ['fatal: the remote end hung up unexpectedly'];
    const failed = `error: atomic push failed for ref ${ref}. status: ${status}`;
    const told = (how: string): readonly string[] => others.map((other) => ` ! [${how}${other} (atomic push failed)`);
    const plain = [failed, ...hungUp, ...told('rejected]        ')].sort();
    return [{ where: `${command}: stderr`, plain, ours: told('remote rejected] ') }];
  },
});
