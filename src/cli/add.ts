import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { addOutput } from '../checkout/add.ts';
import { isReserved } from '../checkout/folders.ts';
import { editMetafile, formatMetafile, type Recording } from '../dvc/metafile-edit.ts';
import type { Output } from '../dvc/outputs.ts';
import { runGit } from '../git/process.ts';
import { HelperError } from '../model/error.ts';
import type { Operation } from '../model/operation.ts';
import { printable } from '../report/printable.ts';
import { openVoice } from '../report/voice.ts';
import { word } from './commands.ts';
import type { CommandContext } from './context.ts';
import { loudness } from './data-side.ts';
import { type CommandRepository, requireRepository } from './repository.ts';
import { locate, whereabouts } from './targets.ts';
import { type WorkTreeOutputs, type WorkTreeProject, workTreeOutputs } from './work-tree-outputs.ts';

export interface AddOptions {
  readonly path: readonly string[];
  readonly quiet: boolean;
}

/** What is to be recorded, and where. Paths are from the top of the repository. */
interface Job {
  readonly path: string;
  readonly project: WorkTreeProject;
  /** The metafile that tells of it already. */
  readonly known: string | undefined;
}

/** `git dvcexp add <path>…`: data into the cache, and `.dvc` files and `.gitignore` as DVC writes them. */
export async function addCommand(options: AddOptions, context: CommandContext, operation: Operation): Promise<number> {
  const repository = await requireRepository(context, operation);
  const outputs = await workTreeOutputs(repository, context, operation);
  const jobs = new Map<string, Job>();
  for (const typed of options.path) {
    const job = jobFor(locate(typed, repository, context), outputs);
    jobs.set(job.path, job);
  }
  await refuseTracked([...jobs.keys()], repository);
  const voice = openVoice({ ...context, ...loudness(options, context) });
  const top = repository.location.workTree ?? '';
  const written = new Set<string>();
  for (const { path, project, known } of jobs.values()) {
    const recording = await addOutput(
      { ...project, path },
      {
        top,
        gitDirectory: repository.location.gitDirectory,
        meter: (files) => voice.meter('Adding data', { objects: files, bytes: undefined, still: true }),
      },
      operation,
    );
    const file = known ?? `${path}.dvc`;
    if (writeMetafile(join(top, file), file, path, recording)) written.add(file);
    const ignore = await addToIgnored(path, top, repository);
    if (ignore !== undefined) written.add(ignore);
  }
  tell([...written], options, context, repository);
  return 0;
}

function tell(
  written: readonly string[],
  { quiet }: AddOptions,
  context: CommandContext,
  repository: CommandRepository,
): void {
  if (quiet) return;
  const { here } = whereabouts(repository, context);
  const names = written.map((path) => word(here(path))).join(' ');
  context.stdout(names === '' ? 'nothing changed\n' : `to have Git know of it: git add ${names}\n`);
}

/** Throws `usage` for what cannot be an output. */
function jobFor(path: string, { projects, problems }: WorkTreeOutputs): Job {
  const shown = `'${printable(path)}'`;
  const refuse = (why: string, ...hints: string[]): HelperError =>
    new HelperError('usage', `${shown} ${why}`, { hints });
  const project = projects
    .filter(({ root }) => root === '' || path.startsWith(`${root}/`))
    .reduce<WorkTreeProject | undefined>(
      (best, each) => (best === undefined || each.root.length > best.root.length ? each : best),
      undefined,
    );
  if (project === undefined || path === '' || path === project.root) {
    throw refuse(
      'is in no DVC project',
      ...(problems[0] === undefined ? [] : [`${problems[0].path}: ${problems[0].message}`]),
    );
  }
  if (isReserved(path)) throw refuse('cannot be an output');
  const within = project.outputs.filter((output) => output.path === path || path.startsWith(`${output.path}/`));
  const below = project.outputs.find((output) => output.path.startsWith(`${path}/`));
  if (below !== undefined)
    throw refuse(`has an output in it already: '${printable(below.path)}', of ${printable(below.file)}`);
  const [output] = within;
  if (output === undefined) {
    if (projects.some(({ root }) => root === path || root.startsWith(`${path}/`)))
      throw refuse('has a DVC project in it');
    return { path, project, known: undefined };
  }
  requireOwn(output, refuse);
  return { path: output.path, project, known: output.file };
}

/** What a stage makes is recorded by the stage. */
function requireOwn(
  { path, stage, file, cache }: Output,
  refuse: (why: string, ...hints: string[]) => HelperError,
): void {
  if (stage !== undefined)
    throw refuse(
      `belongs to '${printable(path)}', which stage '${printable(stage)}' makes`,
      'with DVC: dvc commit or dvc repro',
    );
  if (!cache) throw refuse(`belongs to an output that is not cached (${printable(file)})`);
}

/** Throws `usage` when Git tracks one: then its commits hold the data. */
async function refuseTracked(paths: readonly string[], { git, location }: CommandRepository): Promise<void> {
  const args = ['ls-files', '-z', '--', ...paths.map((path) => `:(top,literal)${path}`)];
  const { stdout } = await runGit(args, { ...git, cwd: location.workTree ?? git.cwd });
  const [first = ''] = stdout.toString().split('\0');
  if (first === '') return;
  const path = paths.find((each) => first === each || first.startsWith(`${each}/`)) ?? first;
  throw new HelperError('usage', `Git tracks '${printable(first)}'`, {
    hints: [`to have DVC track it in its place: git rm -r --cached ${word(path)}`],
  });
}

/** True when something changed. The file appears whole. */
function writeMetafile(at: string, file: string, path: string, recording: Recording): boolean {
  const old = readOr(at);
  const text = old === undefined ? formatMetafile(posix.basename(path), recording) : editMetafile(old, file, recording);
  if (text === old) return false;
  writeWhole(at, text);
  return true;
}

/** As DVC does it: a line in the folder of the output, unless Git ignores it by now. Answers the file when it was changed. */
async function addToIgnored(path: string, top: string, { git }: CommandRepository): Promise<string | undefined> {
  const { code } = await runGit(['check-ignore', '-q', '--', `./${path}`], { ...git, cwd: top, accept: [0, 1] });
  if (code === 0) return undefined;
  const file = posix.join(posix.dirname(path), '.gitignore');
  const text = readOr(join(top, file)) ?? '';
  const pattern = `/${posix.basename(path)}`.replaceAll(/[[\]!*#?]/g, '\\$&');
  writeWhole(join(top, file), `${text}${text === '' || text.endsWith('\n') ? '' : '\n'}${pattern}\n`);
  return file;
}

function readOr(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

function writeWhole(file: string, text: string): void {
  try {
    writeFileSync(`${file}.dvcexp.tmp`, text, { flag: 'wx' });
    renameSync(`${file}.dvcexp.tmp`, file);
  } finally {
    rmSync(`${file}.dvcexp.tmp`, { force: true });
  }
}
