/**
 * What keys of all families that deliver have in common.
 *
 * Lengths of time are in milliseconds, or text such as `"30s"`. Times in replies are Unix ms of the server's clock, except the timestamps of
 * TSGEN keys without CLOCK, which are in a unit of your own. Each call throws ErrorReply with the server's text if it is refused: WRONGTYPE
 * for a key of another family, OOM, NOPERM, FULL, …; and Unanswered if there was no reply. None is repeated by itself.
 */

import { byKey } from './claims.js';
import { type Duration, toMs } from './durations.js';
import { type Family, type JobOf, parse } from './jobs.js';
import type { Word } from './link.js';
import { words } from './options.js';
import {
  bytes,
  type DeadLetter,
  exact,
  type Info,
  int,
  type Leased,
  list,
  type Name,
  named,
  num,
  orNull,
  type Peeked,
  pairs,
  type Reply,
  type Token,
  text,
} from './replies.js';
import type { Tsgen } from './tsgen.js';
import { Worker, type WorkerOptions } from './worker.js';

export interface ClaimOptions<Ack> {
  /** At most so many entries, 1 to 10000; 1. */
  count?: number;
  /** How long they belong to the consumer, if it is not to be the key's LEASE. */
  lease?: Duration;
  /** Acknowledged first, in the same write. */
  ack?: Ack;
}

export interface Page<After> {
  /** At most so many, 1 to 10000; 100. */
  count?: number;
  /** The last of the page before. */
  after?: After;
}

// biome-ignore lint/suspicious/noExplicitAny: a payload is what its producer wrote
export abstract class Key<F extends Family, P = any> {
  protected abstract readonly family: F;

  constructor(
    protected readonly server: Tsgen,
    readonly key: string,
  ) {}

  /** Makes a function the worker of this key; see `Worker`. */
  worker(handler: (job: JobOf<P>[F]) => unknown, options: Omit<WorkerOptions<F>, 'family'> = {}): Worker<P, F> {
    return new Worker<P, F>(this.server, this.key, handler, { ...options, family: this.family });
  }

  protected call(command: string, ...rest: readonly Word[]): Promise<Reply> {
    return this.server.call(`${this.family}.${command}`, this.key, ...rest);
  }

  protected async count(command: string, ...rest: readonly Word[]): Promise<number> {
    return num(await this.call(command, ...rest));
  }

  #job(key: string, entry: Reply): JobOf<P>[F] {
    return parse<P, F>(this.family, key, entry, this.server.codec);
  }

  /** Leases up to `count` ready entries, oldest first; does not wait. `Worker` is the loop around it. */
  async claim(consumer: Name, options: ClaimOptions<readonly Token[]> = {}): Promise<JobOf<P>[F][]> {
    const { ack = [], ...rest } = options;
    const entries = list(await this.call('CLAIM', consumer, ...words(rest), ...(ack.length ? ['ACK', ...ack] : [])));
    return entries.map((entry) => this.#job(this.key, entry));
  }

  /** Claims from this key and others of its family (and slot), the first before the second; `count` is the total. Does not wait. */
  async mclaim(
    consumer: Name,
    others: readonly string[],
    options: ClaimOptions<Readonly<Record<string, readonly Token[]>>> = {},
  ): Promise<Map<string, JobOf<P>[F][]>> {
    const { ack = {}, ...rest } = options;
    const keys = [this.key, ...others];
    const acks = Object.entries(ack).flatMap(([key, tokens]) => ['ACK', key, ...tokens]);
    const line = [`${this.family}.MCLAIM`, keys.length, ...keys, consumer, ...words(rest), ...acks];
    const found = byKey(await this.server.send(this.key, line));
    return new Map(found.map(([key, entries]) => [key, entries.map((entry) => this.#job(key, entry))]));
  }

  /** The work is done: the entries are gone. How many of the tokens were current. */
  ack(...tokens: readonly Token[]): Promise<number> {
    return this.count('ACK', ...tokens);
  }

  /**
   * These deliveries have failed: redelivered after `delay` (0 to ten years) or the key's BACKOFF; dead letters after MAXDELIVERIES, or with
   * `dead`. `reason` has at most 65536 bytes. How many of the tokens were current.
   */
  nack(tokens: Token | readonly Token[], options: { delay?: Duration; dead?: boolean; reason?: Name } = {}): Promise<number> {
    const { dead, delay, reason } = options;
    return this.count('NACK', ...[tokens].flat(), ...words({ delay }), ...(dead ? ['DEAD'] : []), ...words({ reason }));
  }

  /** Leases end `lease` (1 ms to ten years) from now. How many of the tokens were current. */
  extend(lease: Duration, ...tokens: readonly Token[]): Promise<number> {
    return this.count('EXTEND', toMs(lease), ...tokens);
  }

  /** What the consumer holds, up to 10000 entries, is ready at once and not counted as delivered. How many; at 10000 call again. */
  release(consumer: Name): Promise<number> {
    return this.count('RELEASE', consumer);
  }

  /** Entries with running leases, by token. */
  async pending(options: Page<Token> & { consumer?: Name } = {}): Promise<Leased[]> {
    const { consumer, count, after } = options;
    return list(await this.call('PENDING', ...words({ consumer, count, after }))).map(leased);
  }

  /** Entries that are delayed after a failed delivery, next to come back first. */
  async delayed(options: { count?: number } = {}): Promise<Leased[]> {
    return list(await this.call('PENDING', 'DELAYED', ...words(options))).map(leased);
  }

  /** Dead letters by token, with the time and reason of death. */
  async dead(options: Page<Token> = {}): Promise<DeadLetter[]> {
    const { count, after } = options;
    return list(await this.call('DEAD', ...words({ count, after }))).map((row) => {
      const [token, deliveries, name, diedAt, reason] = list(row);
      return { token: int(token), deliveries: num(deliveries), ...named(name), diedAt: num(diedAt), reason: text(reason) };
    });
  }

  /**
   * Entries with their content, changing nothing (WAITING: of TSGEN only). The cursor for `after`, null at the end, and a page: `count` (1 to 10000; 10) entries, but
   * at most 4 MiB of contents.
   */
  async peek(
    state: 'WAITING' | 'READY' | 'DELAYED' | 'LEASED' | 'DEAD',
    options: Page<Name> = {},
  ): Promise<{ cursor: string | null; entries: Peeked[] }> {
    const { count, after } = options;
    const [cursor, rows] = list(await this.call('PEEK', state, ...words({ count, after })));
    const next = typeof cursor === 'bigint' ? String(cursor) : text(cursor);
    return { cursor: next === '0' ? null : next, entries: list(rows).map(peeked) };
  }

  /** Ends the delays of these entries; without tokens of up to `count` (1000), next to come back first. How many. */
  promote(tokens: readonly Token[] | 'ALL' = 'ALL', options: { count?: number } = {}): Promise<number> {
    return this.count('PROMOTE', ...all(tokens, options));
  }

  /** Gives dead letters their old place back, with no deliveries counted; without tokens up to `count` (1000). How many. */
  requeue(tokens: readonly Token[] | 'ALL' = 'ALL', options: { count?: number } = {}): Promise<number> {
    return this.count('REQUEUE', ...all(tokens, options));
  }

  /** Removes dead letters for good; without tokens up to `count` (1000). How many. */
  discard(tokens: readonly Token[] | 'ALL' = 'ALL', options: { count?: number } = {}): Promise<number> {
    return this.count('DISCARD', ...all(tokens, options));
  }

  /** Gate, counts by state, ages, totals and options, by the server's names. ERR if there is no such key. */
  async info(): Promise<Info> {
    const value = (reply: Reply) => {
      if (Array.isArray(reply)) return reply.map(text);
      return typeof reply === 'bigint' ? exact(reply) : orNull(text, reply);
    };
    return Object.fromEntries(pairs(await this.call('INFO')).map(([name, reply]) => [text(name), value(reply)]));
  }
}

function all(tokens: readonly Token[] | 'ALL', { count = 1000 }: { count?: number }): Word[] {
  return tokens === 'ALL' ? ['ALL', 'COUNT', count] : [...tokens];
}

function leased(row: Reply): Leased {
  const [token, consumer, until, deliveries, name] = list(row);
  return {
    token: orNull(int, token),
    consumer: orNull(text, consumer),
    until: num(until),
    deliveries: num(deliveries),
    ...named(name),
  };
}

function peeked(row: Reply): Peeked {
  const fields = new Map(pairs(row).map(([name, value]) => [text(name), value]));
  const entry = list(fields.get('entry'));
  const found: Peeked = {
    token: orNull(int, fields.get('token')),
    deliveries: num(fields.get('deliveries')),
    bytes: num(fields.get('bytes')),
    ...named(entry[0]),
    entry,
  };
  if (fields.has('held')) found.isHeld = num(fields.get('held')) === 1;
  if (fields.has('group')) found.group = text(fields.get('group'));
  if (fields.has('consumer')) found.consumer = text(fields.get('consumer'));
  if (fields.has('until')) found.until = num(fields.get('until'));
  if (fields.has('reason')) found.reason = bytes(fields.get('reason')).toString();
  if (fields.has('died-at')) found.diedAt = num(fields.get('died-at'));
  return found;
}
