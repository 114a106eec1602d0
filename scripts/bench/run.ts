import type { Cost } from './machine.ts';
import type { Contestant, WorkloadName } from './options.ts';
import type { Phase } from './workloads.ts';

/** One measured command, whose result was found right. */
export interface Run extends Cost {
  readonly workload: WorkloadName;
  readonly phase: Phase;
  readonly contestant: Contestant;
  /** From 1. */
  readonly round: number;
  /** How many objects the job is about. */
  readonly objects: number;
  /** Method → requests that the server answered. */
  readonly requests: Readonly<Record<string, number>>;
  /** CPU seconds of the S3 server; null where the system does not tell. */
  readonly serverCpuS: number | null;
}

/** One that ended badly, ran out of time, or whose result was wrong. */
export interface Failure {
  readonly workload: WorkloadName;
  readonly phase: Phase;
  readonly contestant: Contestant;
  readonly round: number;
  readonly reason: string;
}

/** Takes what happens while it happens. */
export interface RunSink {
  say(line: string): void;
  add(run: Run): void;
  fail(failure: Failure): void;
}
