import assert from 'node:assert/strict';
import { test } from 'node:test';
import { figure, median } from '../../scripts/bench/figures.ts';
import { type Contestant, parseOptions } from '../../scripts/bench/options.ts';
import type { Run } from '../../scripts/bench/run.ts';
import { parseRequests } from '../../scripts/bench/s3-service.ts';
import { requestsBetween } from '../../scripts/bench/service.ts';
import { formatWorkload, ratio } from '../../scripts/bench/summary.ts';
import { workloads } from '../../scripts/bench/workloads.ts';

const run = (contestant: Contestant, round: number, wallS: number, peakRssMib = 100): Run => ({
  workload: 'large',
  phase: 'push',
  contestant,
  round,
  objects: 1,
  wallS,
  cpuS: 1,
  peakRssMib,
  loadBefore: 0,
  requests: { PUT: 1 },
  serverCpuS: null,
});

test('median of odd, even and no numbers', () => {
  assert.equal(median([3, 1, 2]), 2);
  assert.equal(median([4, 1, 2, 3]), 2.5);
  assert.ok(Number.isNaN(median([])));
  assert.deepEqual([0, 0.0123, 0.5, 12.34, 123.4, null].map(figure), ['0', '0.0123', '0.50', '12.3', '123', '-']);
});

test('a ratio is the median over rounds that both finished, not the ratio of medians', () => {
  const runs = [run('ours', 1, 1), run('ours', 2, 9), run('ours', 3, 4), run('dvc', 1, 10), run('dvc', 2, 10)];
  assert.equal(
    ratio(runs, 'ours', 'dvc', ({ wallS }) => wallS),
    0.5,
  );
  assert.ok(Number.isNaN(ratio(runs, 'ours', 's5cmd', ({ wallS }) => wallS)));
});

test('goals are judged by ratio and by the highest peak of all rounds', () => {
  const large = workloads(false).find(({ name }) => name === 'large');
  assert.ok(large);
  const text = formatWorkload(
    large,
    [run('ours', 1, 7, 100), run('ours', 2, 7, 201), run('dvc', 1, 10), run('dvc', 2, 10)],
    [],
  );
  assert.match(text, /wall time to dvc: at most 0\.75\. reached: 0\.70\./);
  assert.match(text, /peak MiB: at most 200\. MISSED: 201\./);
  assert.doesNotMatch(formatWorkload(large, [run('dvc', 1, 10)], []), /Goal/);
  const failure = { workload: 'large', phase: 'push', contestant: 'ours', round: 1, reason: 'it broke' } as const;
  assert.match(formatWorkload(large, [], [failure]), /FAILED: git-remote-dvcexp in round 1:[\s\S]*it broke/);
});

test('requests are counted by action over all other labels', () => {
  const metrics = (puts: number): string => `# TYPE SeaweedFS_s3_request_total counter
SeaweedFS_s3_request_total{bucket="a",code="200",type="PUT"} ${puts}
SeaweedFS_s3_request_total{bucket="b",code="404",type="PUT"} 1
SeaweedFS_s3_request_total{bucket="b",code="200",type="LIST"} 2
SeaweedFS_s3_request_seconds_count{type="PUT"} 99`;
  const before = parseRequests(metrics(10));
  assert.deepEqual(Object.fromEntries(before), { PUT: 11, LIST: 2 });
  assert.deepEqual(requestsBetween(before, parseRequests(metrics(1.5e1))), { PUT: 5 });
});

test('arguments that cannot be are refused by name', () => {
  assert.deepEqual(parseOptions(['--only', 's5cmd,ours', 'large', '--rounds', '2']), {
    over: 's3',
    rounds: 2,
    quick: false,
    only: ['ours', 's5cmd'],
    workloads: ['large'],
  });
  assert.equal(parseOptions([]).rounds, 5);
  assert.equal(parseOptions(['--quick']).rounds, 1);
  assert.throws(() => parseOptions(['--rounds', '0']), /'0' is no positive number/);
  assert.throws(() => parseOptions(['--only', 'rclone']), /'rclone' is no contestant; there are ours, dvc, s5cmd/);
  assert.deepEqual(parseOptions(['--over', 'ssh']).only, ['ours', 'dvc', 'rclone', 'scp']);
  assert.throws(() => parseOptions(['--over', 'ssh', '--only', 's5cmd']), /'s5cmd' is no contestant; .* rclone, scp/);
  assert.throws(() => parseOptions(['--over', 'ftp']), /'ftp' is no service; there are s3, ssh/);
  assert.throws(() => parseOptions(['huge']), /'huge' is no workload/);
});
