import { figure, formatTable, median } from './figures.ts';
import { type Contestant, contestants } from './options.ts';
import type { Failure, Run } from './run.ts';
import type { Goal, Phase, Workload } from './workloads.ts';

const names: Readonly<Record<Contestant, string>> = {
  ours: 'git-remote-dvcexp',
  dvc: 'dvc exp',
  s5cmd: 's5cmd',
  rclone: 'rclone',
  scp: 'scp',
};

/** One table per phase, with the goals below, as Markdown. */
export function formatWorkload(workload: Workload, runs: readonly Run[], failures: readonly Failure[]): string {
  const sections = workload.phases.map((phase) => {
    const here = runs.filter((run) => run.phase === phase);
    const failed = failures.filter((failure) => failure.phase === phase);
    if (here.length === 0 && failed.length === 0) return '';
    const goals = workload.goals.filter((goal) => goal.phase === phase).flatMap((goal) => judge(goal, here));
    return [
      `### ${workload.name}: ${phase}, ${here[0]?.objects ?? 0} objects`,
      formatPhase(here),
      ...goals,
      ...failed.map(formatFailure),
    ].join('\n\n');
  });
  return [`## ${workload.name}: ${workload.title}`, ...sections.filter((text) => text !== '')].join('\n\n');
}

function formatPhase(runs: readonly Run[]): string {
  const present = contestants.filter((contestant) => runs.some((run) => run.contestant === contestant));
  const peers = present.filter((contestant) => contestant !== 'ours');
  const head = [
    'contestant',
    'wall s',
    'min - max',
    ...peers.map((peer) => `to ${peer}`),
    'CPU s',
    ...peers.map((peer) => `CPU to ${peer}`),
    'peak MiB',
    'requests',
    'server CPU s',
    'rounds',
  ];
  return formatTable([head, ...present.map((contestant) => formatRow(contestant, peers, runs))]);
}

function formatRow(contestant: Contestant, peers: readonly Contestant[], all: readonly Run[]): readonly string[] {
  const own = all.filter((run) => run.contestant === contestant);
  const middle = (of: (run: Run) => number | null): string => figure(median(own.map((run) => of(run) ?? Number.NaN)));
  const walls = own.map(({ wallS }) => wallS);
  return [
    names[contestant],
    middle(({ wallS }) => wallS),
    `${figure(Math.min(...walls))} - ${figure(Math.max(...walls))}`,
    ...peers.map((peer) => figure(ratio(all, contestant, peer, wall))),
    middle(({ cpuS }) => cpuS),
    ...peers.map((peer) => figure(ratio(all, contestant, peer, cpu))),
    middle(({ peakRssMib }) => peakRssMib),
    middle(({ requests }) => Object.values(requests).reduce((sum, count) => sum + count, 0)),
    middle(({ serverCpuS }) => serverCpuS),
    String(own.length),
  ];
}

const wall = (run: Run): number => run.wallS;
const cpu = (run: Run): number => run.cpuS;

/** Median over the rounds that both ran in of one's figure by the other's; NaN when there is no such round. */
export function ratio(
  runs: readonly Run[],
  contestant: Contestant,
  peer: Contestant,
  of: (run: Run) => number,
): number {
  const peers = new Map(runs.filter((run) => run.contestant === peer).map((run) => [run.round, of(run)]));
  return median(
    runs
      .filter((run) => run.contestant === contestant)
      .flatMap((run) => {
        const other = peers.get(run.round);
        return other === undefined ? [] : [of(run) / other];
      }),
  );
}

/** One line per thing to reach. */
function judge(goal: Goal, runs: readonly Run[]): readonly string[] {
  const own = runs.filter(({ contestant }) => contestant === 'ours');
  if (own.length === 0) return [];
  const ratios = contestants.flatMap((peer) => {
    const limit = goal.ratioTo?.[peer];
    const reached = ratio(runs, 'ours', peer, wall);
    if (limit === undefined || Number.isNaN(reached)) return [];
    return [verdict(goal.phase, `wall time to ${peer}`, limit, reached)];
  });
  const peak = goal.peakRssMib;
  const peaks = peak === undefined ? [] : [verdict(goal.phase, 'peak MiB', peak, Math.max(...own.map(peakOf)))];
  return [...ratios, ...peaks];
}

const peakOf = (run: Run): number => run.peakRssMib;

function verdict(phase: Phase, what: string, limit: number, reached: number): string {
  const word = reached <= limit ? 'reached' : 'MISSED';
  return `Goal for ${phase}, ${what}: at most ${figure(limit)}. ${word}: ${figure(reached)}.`;
}

function formatFailure({ contestant, round, reason }: Failure): string {
  return `FAILED: ${names[contestant]} in round ${round}:\n\n\`\`\`\n${reason.trim()}\n\`\`\``;
}
