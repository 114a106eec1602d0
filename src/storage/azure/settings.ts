import { HelperError } from '../../model/error.ts';
import { createOrigin, type Origin } from '../../model/origin.ts';
import type { StorageConfig } from '../../model/storage-config.ts';
import { displayUrl, printable } from '../../report/printable.ts';
import type { LocateStorage, Surroundings } from '../remote.ts';
import { seconds } from '../wire/seconds.ts';
import { readTrust } from '../wire/trust.ts';
import type { WireSettings } from '../wire/wire.ts';
import { type Account, type Fault, readAccount } from './credentials.ts';

/** Everything that configuration, environment and the Azure CLI's file say about one Azure storage remote. */
export interface AzureSettings extends WireSettings {
  /** Printable name of the storage remote. */
  readonly remote: string;
  readonly displayUrl: string;
  readonly container: string;
  /** What stands before every key: '' or `prefix/`. */
  readonly prefix: string;
  /** `host` or `host:port` of the blob service, without the scheme's own port. */
  readonly host: string;
  /** Path of the service's URL, encoded, without the slash at its end: '', or `/account` on an emulator. */
  readonly base: string;
  readonly account: Account;
  readonly origin: Origin;
  /** How long the service may take over one request, in seconds; undefined: as it likes. */
  readonly timeout: string | undefined;
  /** How many small requests at once. */
  readonly concurrency: number;
}

// Names of containers, `$root` and `$web` among them ("Naming and referencing containers, blobs and metadata").
const containerPattern = /^(?:\$root|\$web|[a-z0-9](?:-?[a-z0-9]){2,62})$/;

/** Reads the Azure CLI's configuration file. Throws `config` for what cannot be. */
export function readAzureSettings(config: StorageConfig, context: Surroundings): AzureSettings {
  const { options } = config;
  const fail: Fault = (text, ...hints) =>
    new HelperError('config', `storage remote '${printable(config.name)}': ${text}`, { hints });
  const account = readAccount(config, context, fail);
  const { container, prefix } = parseUrl(config.url, account.container, fail);
  const endpoint = parseEndpoint(account.endpoint, fail);
  return {
    remote: printable(config.name),
    displayUrl: displayUrl(config.url),
    container,
    prefix,
    host: endpoint.host,
    base: endpoint.pathname.replace(/\/+$/, ''),
    secure: endpoint.protocol === 'https:',
    account,
    origin: originOf(account, endpoint, container),
    ...readTrust(config, context),
    connectMs: seconds(options.connection_timeout, 20),
    stallMs: seconds(options.read_timeout, 60),
    timeout: options.timeout === undefined ? undefined : String(Math.ceil(seconds(options.timeout, 60) / 1000)),
    concurrency: 128,
  };
}

/** Where a storage remote on Azure is. Reads what `readAzureSettings` reads, and throws as it does. */
export const locateAzure: LocateStorage = (config, surroundings) => readAzureSettings(config, surroundings).origin;

const microsoft = /^[a-z0-9]{3,24}\.blob\.core\.(?:windows\.net|chinacloudapi\.cn|usgovcloudapi\.net)$/;

function originOf({ namedBy }: Account, { protocol, host, pathname }: URL, container: string): Origin {
  const provider = protocol === 'https:' && microsoft.test(host);
  return createOrigin(protocol.slice(0, -1), host, `${pathname}/${container}`, { provider, namedBy });
}

/** As DVC reads it: `azure://` alone leaves the container to the environment and the Azure CLI's file. */
function parseUrl(url: string, ambient: string | undefined, fail: Fault): { container: string; prefix: string } {
  const [, named = '', rest = ''] = /^azure:\/\/([^/]*)\/?(.*)$/is.exec(url) ?? [];
  const container = named === '' && rest === '' ? (ambient ?? '') : named;
  const write = "write 'azure://container/prefix'";
  if (container === '') throw fail(`'${displayUrl(url)}' names no container`, write);
  // Shown as a URL, which hides what may be a secret in front of the container.
  if (!containerPattern.test(container)) throw fail(`'${displayUrl(url)}' names no possible container`, write);
  const prefix = rest.replace(/\/+$/, '');
  return { container, prefix: prefix === '' ? '' : `${prefix}/` };
}

function parseEndpoint(text: string, fail: Fault): URL {
  const url = /^https?:\/\/[^/]/i.test(text) && URL.canParse(text) ? new URL(text) : undefined;
  if (url !== undefined && url.username === '' && url.password === '' && url.hash === '') return url;
  throw fail(`'${displayUrl(text)}' is no URL of a blob service`, "see 'BlobEndpoint' in 'connection_string'");
}
