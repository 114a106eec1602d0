/** What a connection string of the Azure portal says. */
export interface Connection {
  /** URL of the blob service. */
  readonly endpoint: string;
  readonly account: string | undefined;
  /** Base64. */
  readonly key: string | undefined;
  /** Query of a shared access signature. */
  readonly sas: string | undefined;
}

/** The account of every emulator of the service, with the key that Microsoft publishes for it. */
const development: Connection = {
  endpoint: 'http://127.0.0.1:10000/devstoreaccount1',
  account: 'devstoreaccount1',
  key: 'Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==',
  sas: undefined,
};

/** undefined when the text is no connection string, or names no place. */
export function parseConnectionString(text: string): Connection | undefined {
  const values = new Map<string, string>();
  for (const part of text.split(';')) {
    if (part.trim() === '') continue;
    const [, name = '', value = ''] = /^\s*([a-z]+)\s*=(.*)$/is.exec(part) ?? [];
    if (name === '') return undefined;
    values.set(name.toLowerCase(), value.trim());
  }
  if (values.get('usedevelopmentstorage')?.toLowerCase() === 'true') return development;
  const account = values.get('accountname');
  const scheme = values.get('defaultendpointsprotocol') ?? 'https';
  const suffix = values.get('endpointsuffix') ?? 'core.windows.net';
  const usual = account === undefined ? undefined : `${scheme}://${account}.blob.${suffix}`;
  const endpoint = values.get('blobendpoint') ?? usual;
  if (endpoint === undefined) return undefined;
  return { endpoint, account, key: values.get('accountkey'), sas: values.get('sharedaccesssignature') };
}
