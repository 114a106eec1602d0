import { join } from 'node:path';
import type { Command } from './machine.ts';
import type { Contestant } from './options.ts';
import type { Programs } from './programs.ts';
import type { Phase } from './workloads.ts';

/** Where a contestant works: a clone of its own, and a prefix of its own in the storage. */
export interface Place {
  readonly clone: string;
  readonly bucket: string;
  readonly prefix: string;
  readonly endpoint: string;
  /** DVC's memory of what it has seen; new for every clone, as on a machine that sees the project for the first time. */
  readonly siteCache: string;
}

/** What each contestant types for the same job. */
export function commandOf(programs: Programs, contestant: Contestant, phase: Phase, place: Place): Command {
  const env = { DVC_SITE_CACHE_DIR: place.siteCache };
  switch (contestant) {
    case 'ours':
      return { cwd: place.clone, program: programs.git, args: gitArguments(phase), env };
    case 'dvc':
      return {
        cwd: place.clone,
        program: programs.dvc,
        args: ['exp', phase === 'fetch' ? 'pull' : 'push', 'origin', '--all-commits'],
        env,
      };
    case 's5cmd':
      return { cwd: place.clone, program: programs.s5cmd, args: s5cmdArguments(phase, place), env };
  }
}

function gitArguments(phase: Phase): readonly string[] {
  return [phase === 'fetch' ? 'fetch' : 'push', 'origin', 'refs/exps/*:refs/exps/*'];
}

/** It knows neither Git nor MD5: it copies the objects, and that is all. */
function s5cmdArguments(phase: Phase, { bucket, prefix, endpoint }: Place): readonly string[] {
  const all = ['--endpoint-url', endpoint, '--log', 'error'];
  const cache = `${join('.dvc', 'cache')}/`;
  const storage = `s3://${bucket}/${prefix}/`;
  if (phase === 'push') return [...all, 'cp', cache, storage];
  if (phase === 'push again') return [...all, 'sync', cache, storage];
  return [...all, 'cp', `${storage}*`, cache];
}
