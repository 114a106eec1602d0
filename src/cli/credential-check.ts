import { statSync } from 'node:fs';
import type { Operation } from '../model/operation.ts';
import { originUrl } from '../model/origin.ts';
import { printable } from '../report/printable.ts';
import type { SecretForm } from '../trust/forms.ts';
import type { CommandContext } from './context.ts';
import { type Finding, findingsToJson, formatFinding, ok, warn } from './finding.ts';
import type { CredentialOptions, SecretHolder, SecretStore } from './secret-store.ts';

/** Says of each storage remote where its secret would come from. Asks Git's helpers, and no service. */
export async function checkSecrets(
  options: CredentialOptions,
  store: SecretStore,
  context: CommandContext,
  operation: Operation,
): Promise<number> {
  const findings: Finding[] = [];
  for (const holder of await store.holders(options.storage)) {
    for (const form of holder.forms) findings.push(...(await check(holder, form, store, operation)));
  }
  findings.push(...checkMode(store));
  if (options.json) context.stdout(findingsToJson(findings));
  else if (findings.length === 0) context.stdout('no storage remote here has a secret that Git could keep\n');
  else for (const finding of findings) context.stdout(formatFinding(finding));
  return findings.some(({ level }) => level === 'warn') ? 1 : 0;
}

async function check(
  { config, origin }: SecretHolder,
  form: SecretForm,
  { credentials }: SecretStore,
  operation: Operation,
): Promise<readonly Finding[]> {
  const name = printable(config.name);
  const { protocol, path } = form.place;
  const what = protocol === 'ssh-key' ? `the passphrase of '/${printable(path)}'` : originUrl(origin);
  const held = form.keys.filter((key) => config.options[key] !== undefined);
  const found = await credentials.find(form.place, form.username, operation);
  const findings = [...judgePlain(config, held)];
  if (found !== undefined) {
    const user = found.username === '' ? '' : ` (user '${printable(found.username)}')`;
    findings.push(ok(`${name}: Git's helpers have ${what}${user}`));
  } else if (held.length === 0) findings.push(ok(`${name}: Git's helpers have nothing for ${what}`));
  return findings;
}

/** Of a secret in one of DVC's configuration files. */
function judgePlain({ name, committed }: SecretHolder['config'], held: readonly string[]): readonly Finding[] {
  const [shared] = held.filter((key) => committed.has(key));
  if (shared !== undefined) {
    return [
      warn(
        `${printable(name)}: '${shared}' is committed in .dvc/config, for everybody to read`,
        `have the service give a new one, and Git keep it: dvc remote modify --unset ${printable(name)} ${shared}`,
      ),
    ];
  }
  if (held.length === 0) return [];
  const text = `${printable(name)}: '${held.join("', '")}' stands in plain text in DVC's configuration of this machine`;
  return [warn(text, `have Git keep it: git dvcexp credential import ${printable(name)}`)];
}

function checkMode({ localPath, localText }: SecretStore): readonly Finding[] {
  if (!/password|secret|token|key|passphrase/i.test(localText) || (statSync(localPath).mode & 0o077) === 0) return [];
  const path = printable(localPath);
  return [warn(`others on this machine can read '${path}'`, `chmod go= '${path}'`)];
}
