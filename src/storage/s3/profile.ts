import { readOptional } from '../optional-file.ts';

/** One section of the AWS files; a nested block (`s3 =` and indented lines) is `s3.addressing_style` and so on. */
export type Section = Readonly<Record<string, string>>;

/**
 * The dialect of `~/.aws/config` and `~/.aws/credentials` as botocore reads it: sections, `key = value`, comments at
 * the start of a line or behind a blank, and one level of nesting by indentation. Broken lines are passed over.
 */
export function parseSections(text: string): ReadonlyMap<string, Section> {
  const sections = new Map<string, Record<string, string>>();
  let section: Record<string, string> | undefined;
  let block = '';
  for (const line of text.split(/\r?\n/)) {
    const header = /^\[([^\]]+)\]/.exec(line);
    if (header !== null) {
      const name = (header[1] ?? '')
        .trim()
        .replace(/^(\S+)\s+"(.*)"$/, '$1 $2')
        .replace(/\s+/g, ' ');
      section = sections.get(name) ?? {};
      sections.set(name, section);
      block = '';
      continue;
    }
    const pair = /^(\s*)([^#;=\s][^=]*?)\s*=\s*(.*?)\s*$/.exec(line.replace(/(?:^|\s)[#;].*$/, ''));
    if (pair === null || section === undefined) continue;
    const [, indent = '', key = '', value = ''] = pair;
    if (indent !== '' && block !== '') section[`${block}.${key.toLowerCase()}`] = value;
    else {
      block = value === '' ? key.toLowerCase() : '';
      section[key.toLowerCase()] = value;
    }
  }
  return sections;
}

/** The user's AWS files, merged as the profile in question sees them. */
export interface Profile {
  readonly name: string;
  /** False when neither file mentions it. */
  readonly found: boolean;
  readonly settings: Section;
}

/**
 * Reads one profile; the credentials file wins, as it does everywhere. A file that is absent is empty. Throws
 * `config` for one that cannot be read.
 */
export function readProfile(name: string, configFile: string, credentialsFile: string): Profile {
  const config = parseSections(readOptional(configFile));
  const credentials = parseSections(readOptional(credentialsFile)).get(name);
  const own = config.get(`profile ${name}`) ?? (name === 'default' ? config.get('default') : undefined);
  const services = own?.services === undefined ? undefined : config.get(`services ${own.services}`);
  return {
    name,
    found: own !== undefined || credentials !== undefined,
    settings: { ...services, ...own, ...credentials },
  };
}
