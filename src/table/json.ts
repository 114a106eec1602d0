import type { FileValues } from '../dvc/file-values.ts';
import { formatNumber, isYamlList, isYamlMap, type Yaml } from '../dvc/yaml-value.ts';
import { isoTime } from './format.ts';
import type { Row, Table } from './rows.ts';

/** The table as git-dvcexp(1) describes it under JSON. Numbers keep all their digits. */
export function tableToJson({ workspace, groups }: Table): string {
  const values = (row: Row): string =>
    object([
      ['metrics', files(row.metrics)],
      ['params', files(row.params)],
      ['problems', JSON.stringify(row.problems)],
    ]).slice(1, -1);
  const commit = (row: Row, first: readonly (readonly [string, string])[]): string =>
    object([
      ['name', JSON.stringify(row.name ?? null)],
      ...first,
      ['id', JSON.stringify(row.id ?? null)],
      ['created', JSON.stringify(isoTime(row.created) ?? null)],
    ]).slice(1, -1);
  const experiment = (row: Row): string =>
    `{${commit(row, [['ref', JSON.stringify(row.ref ?? null)]])},${values(row)}}`;
  const shown = groups.map(({ baseline, experiments }) => {
    const made = experiments.map((row) => `\n        ${experiment(row)}`);
    return `\n    {${commit(baseline, [])},${values(baseline)},\n      "experiments":[${made.join(',')}]}`;
  });
  return `{"workspace":${workspace === undefined ? 'null' : `{${values(workspace)}}`},\n  "baselines":[${shown.join(',')}]}`;
}

function files(all: ReadonlyMap<string, FileValues>): string {
  return object(
    [...all].map(([path, { data, lack }]) => [
      path,
      lack === undefined ? `{"data":${valueToJson(data ?? null)}}` : `{"lack":${JSON.stringify(lack)}}`,
    ]),
  );
}

function object(members: readonly (readonly [string, string])[]): string {
  return `{${members.map(([key, value]) => `${JSON.stringify(key)}:${value}`).join(',')}}`;
}

/** JSON has no numbers for infinities and for what is none: these become text, `inf`, `-inf`, `nan`. */
export function valueToJson(value: Yaml): string {
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return JSON.stringify(value);
  if (isYamlList(value)) return `[${value.map(valueToJson).join(',')}]`;
  if (isYamlMap(value)) return object([...value].map(([key, each]) => [key, valueToJson(each)]));
  const text = formatNumber(value);
  return /\d/.test(text) ? text : JSON.stringify(text);
}
