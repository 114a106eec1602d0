import { parseArgs } from 'node:util';

export const contestants = ['ours', 'dvc', 's5cmd', 'rclone', 'scp'] as const;
export type Contestant = (typeof contestants)[number];

/** What the storage speaks → who can take part. */
const services = { s3: ['ours', 'dvc', 's5cmd'], ssh: ['ours', 'dvc', 'rclone', 'scp'] } as const;
export type ServiceName = keyof typeof services;

const workloadNames = ['startup', 'small', 'large', 'medium', 'experiments'] as const;
export type WorkloadName = (typeof workloadNames)[number];

export interface Options {
  readonly over: ServiceName;
  readonly rounds: number;
  /** A tenth of the size, to see whether everything works. */
  readonly quick: boolean;
  readonly only: readonly Contestant[];
  readonly workloads: readonly WorkloadName[];
}

export const usage: string = `usage: npm run bench -- [--over <service>] [--rounds <n>] [--quick] [--only <names>] [<workload>...]

  --over <service> what the storage speaks: ${Object.keys(services).join(' or ')} (default s3)
  --rounds <n>     rounds per workload; every contestant runs once in each (default 5, with --quick 1)
  --quick          a tenth of the size: shows that it works, measures nothing
  --only <names>   contestants, joined by commas, of: ${services.s3.join(', ')}; over ssh: ${services.ssh.join(', ')}
  workloads        of: ${workloadNames.join(', ')} (default: all)
`;

/** Throws an Error with a message for the user when the arguments cannot be. */
export function parseOptions(args: readonly string[]): Options {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      over: { type: 'string', default: 's3' },
      rounds: { type: 'string' },
      quick: { type: 'boolean', default: false },
      only: { type: 'string' },
    },
  });
  const rounds = Number(values.rounds ?? (values.quick ? 1 : 5));
  if (!Number.isInteger(rounds) || rounds < 1) throw new Error(`--rounds: '${values.rounds}' is no positive number`);
  const [over] = pick('service', Object.keys(services) as ServiceName[], [values.over]);
  if (over === undefined) throw new Error('--over: names a service');
  return {
    over,
    rounds,
    quick: values.quick,
    only: pick('contestant', services[over], values.only?.split(',') ?? []),
    workloads: pick('workload', workloadNames, positionals),
  };
}

/** Those of `known` that are asked for, in their own order; all when none is. */
function pick<Name extends string>(kind: string, known: readonly Name[], asked: readonly string[]): readonly Name[] {
  const unknown = asked.find((name) => !known.some((other) => other === name));
  if (unknown !== undefined) throw new Error(`'${unknown}' is no ${kind}; there are ${known.join(', ')}`);
  return asked.length === 0 ? known : known.filter((name) => asked.includes(name));
}
