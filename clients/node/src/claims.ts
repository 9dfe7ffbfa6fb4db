/** One CLAIM, in the form that the server has: of one key, of several, with the ACKs of what is done. */

import { BLOCK, type Line } from './line.js';
import type { Word } from './link.js';
import { list, type Reply, text } from './replies.js';

/** Entries that were claimed, by key. */
export type Claimed = [key: string, entries: Reply[]][];

/** How long one key is waited for where several cannot be, in ms. */
const SHORT_BLOCK = 100;

export class Claims {
  /** Whether the server has MCLAIM. */
  hasMclaim = false;
  /** Whether it takes ACK in a CLAIM. */
  canAck = false;

  constructor(
    private readonly line: Line,
    private readonly keys: readonly string[],
    private readonly leaseMs: number,
    private readonly isBlocking: boolean,
  ) {}

  /** The entries of each key that gave any, at most `count` of all. */
  async claim(name: string, count: number, acks: ReadonlyMap<string, readonly string[]>): Promise<Claimed> {
    const first = this.keys[0] as string;
    const options: Word[] = ['COUNT', count, 'LEASE', this.leaseMs, ...(this.isBlocking ? ['BLOCK', BLOCK] : [])];
    if (this.keys.length === 1) {
      const ack = acks.get(first);
      return [[first, list(await this.line.claim('CLAIM', first, [first, name, ...options, ...(ack ? ['ACK', ...ack] : [])]))]];
    }
    if (!this.hasMclaim) return await this.#oneAfterTheOther(name, count);
    const ack = [...acks].flatMap(([key, tokens]) => ['ACK', key, ...tokens]);
    const reply = await this.line.claim('MCLAIM', first, [this.keys.length, ...this.keys, name, ...options, ...ack]);
    return byKey(reply);
  }

  /** For a server whose module has no MCLAIM: in turn, and a short wait on the first key if none has anything. */
  async #oneAfterTheOther(name: string, count: number): Promise<Claimed> {
    const found: Claimed = [];
    let left = count;
    for (const key of this.keys) {
      if (left === 0) break;
      const entries = list(await this.line.claim('CLAIM', key, [key, name, 'COUNT', left, 'LEASE', this.leaseMs]));
      if (entries.length) found.push([key, entries]);
      left -= entries.length;
    }
    if (found.length || !this.isBlocking) return found;
    const first = this.keys[0] as string;
    const words = [first, name, 'COUNT', count, 'LEASE', this.leaseMs, 'BLOCK', SHORT_BLOCK];
    return [[first, list(await this.line.claim('CLAIM', first, words))]];
  }
}

/** What MCLAIM replies. */
export function byKey(reply: Reply): Claimed {
  return list(reply).map((one) => {
    const [key, entries] = list(one);
    return [text(key), list(entries)];
  });
}
