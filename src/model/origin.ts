import { BlockList, isIP } from 'node:net';
import { domainToASCII } from 'node:url';

/**
 * Where the requests of one storage remote go. It, and not the storage remote's URL, is what secrets are kept for and
 * trust is judged by: `s3://data` says nothing about the endpoint that gets the request.
 */
export interface Origin {
  /** `https`, `http`, `ssh`; `file` for a directory of this machine. */
  readonly protocol: string;
  /** `host` or `host:port`, canonical, without the protocol's own port; '' for `file`. */
  readonly host: string;
  /** Bucket, container or root folder, percent-encoded, no slash at either end; '' for none. */
  readonly path: string;
  /**
   * Whose names `path` is made of, where the same path is another place for somebody else: an account, a user, a part of
   * the provider's cloud. '': everybody's. undefined: only the service could tell (My Drive). Never printed.
   */
  readonly namespace: string | undefined;
  /** The service of the provider that the storage remote's kind is named after, over TLS. */
  readonly provider: boolean;
  /** `user`: the machine's own layers of configuration, or the environment; a clone cannot write those. */
  readonly namedBy: 'user' | 'repository';
}

const ownPorts: Readonly<Record<string, string>> = { http: '80', https: '443', ssh: '22' };

/**
 * @param address host with or without port, as people write it; '' for `file`
 * @param path not encoded
 * @param more `namespace` left out is everybody's
 */
export function createOrigin(
  protocol: string,
  address: string,
  path: string,
  more: Pick<Origin, 'provider' | 'namedBy'> & Partial<Pick<Origin, 'namespace'>>,
): Origin {
  const parts = path.split('/').filter((part) => part !== '');
  const place = { protocol, host: canonicalHost(address, protocol), path: parts.map(encode).join('/') };
  return { ...place, namespace: '', ...more };
}

/** As Git writes it where a URL is part of a key: `https://host/bucket`, `file:///path`. Safe to print. */
export function originUrl({ protocol, host, path }: Origin): string {
  return `${protocol}://${host}${path === '' && host !== '' ? '' : `/${path}`}`;
}

/** Everything but unreserved characters (RFC 3986, 2.3), so that a URL is one word for Git, shells and people. */
function encode(part: string): string {
  return encodeURIComponent(part.replace(/\p{Surrogate}/gu, '\ufffd')).replace(
    /[!'()*]/g,
    (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

/** Lower case, punycode, no dot at the end, no port that the protocol has anyway, IPv6 in brackets. */
function canonicalHost(address: string, protocol: string): string {
  const [, bracketed, plain = address, port = ''] =
    /^(?:\[([^\]]*)\]|([^:]*|.*:.*:.*?))(?::([0-9]*))?$/s.exec(address) ?? [];
  const name = (bracketed ?? plain).toLowerCase().replace(/\.$/, '');
  const ascii = name.includes(':') ? `[${isIP(name) === 6 ? name : encode(name)}]` : asciiName(name);
  return port === '' || port === ownPorts[protocol] ? ascii : `${ascii}:${Number(port)}`;
}

function asciiName(name: string): string {
  // What ends a host in a URL would be cut off here with all behind it: `good.example\\.evil.example` is not the former.
  const ascii = /[^\w.\u0080-\uffff-]/.test(name) ? '' : domainToASCII(name);
  return /^[\w.-]+$/.test(ascii) ? ascii : encode(name);
}

/** False for what no host can be called, as it came from somebody's text. */
export function isPossibleHost({ host }: Pick<Origin, 'host'>): boolean {
  const isName = /^[\w-]+(?:\.[\w-]+)*(?::\d+)?$/.test(host) && nameIn(host).length <= 253;
  return isName || isIP(nameIn(host)) === 6;
}

/** The name or address in `host` or `host:port`, without brackets. */
function nameIn(host: string): string {
  return host.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1');
}

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');

/** This machine, by its name or address alone: nothing is looked up. */
export function isLoopback({ host }: Pick<Origin, 'host'>): boolean {
  const name = nameIn(host);
  return isWithin(loopback, name) || /(?:^|\.)localhost$/.test(name);
}

// Link-local addresses and the few others at which clouds hand out secrets of the machine to whoever asks.
const metadata = new BlockList();
metadata.addSubnet('169.254.0.0', 16, 'ipv4');
metadata.addAddress('100.100.100.200', 'ipv4');
metadata.addAddress('192.0.0.192', 'ipv4');
metadata.addSubnet('fe80::', 10, 'ipv6');
metadata.addAddress('fd00:ec2::254', 'ipv6');
metadata.addAddress('fd20:ce::254', 'ipv6');

/** The metadata service of a cloud, where no storage is. */
export function isMetadataService({ host }: Pick<Origin, 'host'>): boolean {
  const name = nameIn(host);
  return (
    isWithin(metadata, name) || /^(?:metadata(?:\.google\.internal)?|instance-data(?:\.ec2\.internal)?)$/.test(name)
  );
}

function isWithin(list: BlockList, name: string): boolean {
  const version = isIP(name);
  // An IPv4 address in IPv6 clothes is found in the list of the former.
  return version !== 0 && list.check(name, version === 4 ? 'ipv4' : 'ipv6');
}

/** Does whoever listens on the way see what is sent? */
export function isCleartext(origin: Origin): boolean {
  return origin.protocol === 'http' && !isLoopback(origin);
}
