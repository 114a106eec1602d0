import { join } from 'node:path';
import type { Command } from './machine.ts';
import type { Contestant } from './options.ts';
import type { Programs } from './programs.ts';
import type { Service, SshAccess } from './service.ts';
import type { Phase } from './workloads.ts';

/** Where a contestant works: a clone of its own, and a prefix of its own in the storage. */
export interface Place {
  readonly clone: string;
  readonly bucket: string;
  readonly prefix: string;
  readonly service: Service;
  /** DVC's memory of what it has seen; new for every clone, as on a machine that sees the project for the first time. */
  readonly siteCache: string;
}

/** What each contestant types for the same job. */
export function commandOf(programs: Programs, contestant: Contestant, phase: Phase, place: Place): Command {
  const env = { ...place.service.env, DVC_SITE_CACHE_DIR: place.siteCache };
  const command = (program: string, args: readonly string[]): Command => ({ cwd: place.clone, program, args, env });
  switch (contestant) {
    case 'ours':
      return command(programs.git, [phase === 'fetch' ? 'fetch' : 'push', 'origin', 'refs/exps/*:refs/exps/*']);
    case 'dvc':
      return command(programs.dvc, ['exp', phase === 'fetch' ? 'pull' : 'push', 'origin', '--all-commits']);
    case 's5cmd':
      return command(programs.s5cmd, s5cmdArguments(phase, place));
    case 'rclone':
      return command(programs.rclone, rcloneArguments(phase, place));
    case 'scp':
      return command(programs.scp, scpArguments(phase, place));
  }
}

const cache = join('.dvc', 'cache');

/** It knows neither Git nor MD5: it copies the objects, and that is all. So do the two below. */
function s5cmdArguments(phase: Phase, { bucket, prefix, service }: Place): readonly string[] {
  const { endpointurl = '', url } = service.options(bucket, prefix);
  const all = ['--endpoint-url', endpointurl, '--log', 'error'];
  if (phase === 'push') return [...all, 'cp', `${cache}/`, `${url}/`];
  if (phase === 'push again') return [...all, 'sync', `${cache}/`, `${url}/`];
  return [...all, 'cp', `${url}/*`, `${cache}/`];
}

/** Without the checksum that it would have the server compute by a command for every file. */
function rcloneArguments(phase: Phase, place: Place): readonly string[] {
  const { port, user, keyfile, knownHosts } = accessOf(place);
  const options = `host=127.0.0.1,port=${port},user=${user},key_file=${keyfile},known_hosts_file=${knownHosts}`;
  const storage = `:sftp,${options},disable_hashcheck=true,shell_type=none:${pathOf(place)}`;
  const both = phase === 'fetch' ? [storage, cache] : [cache, storage];
  return ['--config', '', '--quiet', '--transfers', '16', '--checkers', '16', 'copy', ...both];
}

function scpArguments(phase: Phase, place: Place): readonly string[] {
  const { port, user, keyfile, knownHosts } = accessOf(place);
  const known = ['-o', `UserKnownHostsFile=${knownHosts}`, '-o', 'GlobalKnownHostsFile=/dev/null'];
  const all = ['-F', '/dev/null', '-q', '-B', '-r', '-P', port, '-i', keyfile, ...known];
  const storage = `${user}@127.0.0.1:${pathOf(place)}`;
  // A folder that is there is copied into, one that is not is what the copy will be called.
  if (phase === 'fetch') return [...all, storage, cache];
  return phase === 'push' ? [...all, `${cache}/`, storage] : [...all, join(cache, 'files'), `${storage}/`];
}

function accessOf({ service }: Place): SshAccess {
  if (service.access === undefined) throw new Error('this contestant needs a storage over ssh');
  return service.access;
}

/** On the server. */
function pathOf({ service, bucket, prefix }: Place): string {
  return new URL(service.options(bucket, prefix).url).pathname;
}
