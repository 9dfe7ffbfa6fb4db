/** What the server replies: integers as bigint, strings as bytes; and what the typed calls make of it. */

export type Reply = null | bigint | Buffer | Reply[];

/** Text in UTF-8, or bytes. */
export type Name = string | Buffer;

/** A token, or a range `"first-last"`; at most 10000 entries of the key. */
export type Token = bigint | number | string;

/** What a name belongs to: `id` as text, for people and logs; `name` as bytes, which is exact. */
export interface Named {
  id: string;
  name: Buffer;
}

/** What PENDING lists: an entry with a running lease, or a delayed one (`consumer` is null, `until` when it comes back, Unix ms). */
export interface Leased extends Named {
  token: bigint | null;
  consumer: string | null;
  until: number;
  deliveries: number;
}

/** `diedAt` is in Unix ms. */
export interface DeadLetter extends Named {
  token: bigint;
  deliveries: number;
  diedAt: number;
  reason: string;
}

/** An entry that PEEK shows. */
export interface Peeked extends Named {
  token: bigint | null;
  deliveries: number;
  /** How many bytes its content takes in the server. */
  bytes: number;
  /** What CLAIM has behind the deliveries; the content is null if it has more than 4 MiB. */
  entry: Reply[];
  /** READY, in keys with GROUPLIMIT: whether its group has as many in hand as it may, so that CLAIM passes it over. */
  isHeld?: boolean;
  /** In keys with GROUPLIMIT or FAIR. */
  group?: string;
  /** LEASED: who holds it. */
  consumer?: string;
  /** LEASED and DELAYED: when that ends, Unix ms. */
  until?: number;
  /** DEAD. */
  reason?: string;
  diedAt?: number;
}

/** What TSGEN.GET tells. */
export interface Found<P> {
  state: 'waiting' | 'ready' | 'leased' | 'delayed' | 'dead';
  timestamp: bigint;
  payload: P;
  /** Of what comes again: its period, in milliseconds. */
  every?: number;
}

/** What TSGEN.RANGE lists. */
export interface Ranged<P> extends Named {
  timestamp: bigint;
  payload: P;
}

/** A source of a TSGEN key: how far it has got, when it reported last (Unix ms), and whether it is left out as idle. */
export interface Source extends Named {
  timestamp: bigint | null;
  reportedAt: number | null;
  idle: boolean;
}

/** An item of a group, and when it was pushed, Unix ms. */
export interface Item<P> {
  item: P;
  at: number;
}

/** The reply of THROTTLE.TAKE; times in milliseconds, `retryAfter` null if it was allowed. */
export interface Taken {
  allowed: boolean;
  limit: number;
  remaining: number;
  retryAfter: number | null;
  resetAfter: number;
}

/** INFO, by the server's names. Integers beyond 2⁵³ are bigints; a watcher's prefixes are a list. */
export type Info = Record<string, number | bigint | string | string[] | null>;

function odd(reply: Reply | undefined, wanted: string): never {
  throw new TypeError(`the server replied something else than ${wanted}: ${typeof reply}`);
}

export function int(reply: Reply | undefined): bigint {
  return typeof reply === 'bigint' ? reply : odd(reply, 'an integer');
}

/** An integer that is below 2⁵³: a count, a time in Unix ms. */
export function num(reply: Reply | undefined): number {
  return Number(int(reply));
}

export function bytes(reply: Reply | undefined): Buffer {
  return Buffer.isBuffer(reply) ? reply : odd(reply, 'a string');
}

/** Text; what is not UTF-8 in it is replaced. */
export function text(reply: Reply | undefined): string {
  return bytes(reply).toString();
}

export function list(reply: Reply | undefined): Reply[] {
  return Array.isArray(reply) ? reply : odd(reply, 'an array');
}

export function orNull<T>(read: (reply: Reply) => T, reply: Reply | undefined): T | null {
  return reply === null || reply === undefined ? null : read(reply);
}

export function pairs(reply: Reply | undefined): [Reply, Reply][] {
  const flat = list(reply);
  return Array.from({ length: flat.length / 2 }, (_, nth) => [flat[2 * nth] ?? null, flat[2 * nth + 1] ?? null]);
}

/** A name; batches have numbers, which are text in listings. */
export function named(reply: Reply | undefined): Named {
  const name = typeof reply === 'bigint' ? Buffer.from(String(reply)) : bytes(reply);
  return { id: name.toString(), name };
}

/** A number where that is exact. */
export function exact(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}
