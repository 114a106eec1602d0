import { BlockList, isIP } from 'node:net';
import { isMetadataService } from '../../model/origin.ts';
import type { WireResponse } from '../wire/request.ts';

/** A server, as requests name it. */
export interface Place {
  readonly secure: boolean;
  /** `host` or `host:port`, without the scheme's own port. */
  readonly host: string;
}

/**
 * Where a redirect leads; undefined when the answer is none or must not be followed: from https to http, to anything
 * that is not the web, from outside to an address of a private network, where services trust whoever reaches them, and
 * to the metadata service of a cloud from anywhere but itself.
 */
export function follow(
  answer: Pick<WireResponse, 'status' | 'headers'>,
  from: Place,
  path: string,
): { readonly place: Place; readonly path: string } | undefined {
  const { location } = answer.headers;
  if (![301, 302, 303, 307, 308].includes(answer.status) || location === undefined) return undefined;
  const base = `http${from.secure ? 's' : ''}://${from.host}${path}`;
  if (!URL.canParse(location, base)) return undefined;
  const url = new URL(location, base);
  const secure = url.protocol === 'https:';
  if (!secure && (url.protocol !== 'http:' || from.secure)) return undefined;
  if (isInside(url.host) && !isInside(from.host)) return undefined;
  if (isMetadataService(url) && url.host !== from.host) return undefined;
  return { place: { secure, host: url.host }, path: `${url.pathname}${url.search}` };
}

const inside = new BlockList();
for (const [net, bits] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
] as const) {
  inside.addSubnet(net, bits, 'ipv4');
}
for (const [net, bits] of [
  ['::', 127],
  ['fc00::', 7],
  ['fe80::', 10],
] as const) {
  inside.addSubnet(net, bits, 'ipv6');
}

/** By its name alone, which is not looked up. */
function isInside(host: string): boolean {
  const name = host.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1');
  const version = isIP(name);
  if (version === 0) return /(?:^|\.)localhost$/i.test(name);
  return inside.check(name, version === 4 ? 'ipv4' : 'ipv6');
}
