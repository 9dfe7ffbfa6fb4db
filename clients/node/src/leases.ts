/** Keeps the leases of what a worker works on, and finds out what is lost. */

import { passes, saying } from './errors.js';
import type { Flag } from './flag.js';
import { type Hand, type Hands, tokensOf } from './hands.js';
import type { Logger } from './hooks.js';
import type { Job } from './jobs.js';
import type { Line } from './line.js';
import { num } from './replies.js';

/** One EXTEND for all that is worked on at a third of the lease, until it is `over`. Throws what will not pass by itself. */
export async function keepLeases(
  line: Line,
  hands: Hands,
  leaseMs: number,
  log: Logger,
  over: Flag,
  lost: (job: Job) => void,
): Promise<void> {
  for (;;) {
    await over.wait(leaseMs / 3);
    if (over.isSet) return;
    for (const [key, all] of byKey(hands.inWork())) {
      try {
        for (const hand of await extend(line, hands, leaseMs, key, all)) {
          log.warn(`tsgen: lost key=${key} name=${hand.job.id}: somebody else has it`);
          lost(hand.job);
        }
      } catch (error) {
        if (!passes(error)) throw error;
        log.warn(`tsgen: EXTEND ${key}: ${saying(error)}`);
      }
    }
  }
}

function byKey(hands: readonly Hand[]): Map<string, Hand[]> {
  const found = new Map<string, Hand[]>();
  for (const hand of hands) {
    if (hand.job.lost) continue;
    const all = found.get(hand.job.key);
    if (all) all.push(hand);
    else found.set(hand.job.key, [hand]);
  }
  return found;
}

/** Those whose tokens are no longer current. */
async function extend(line: Line, hands: Hands, leaseMs: number, key: string, all: readonly Hand[]): Promise<Hand[]> {
  const count = num(await line.call('EXTEND', key, leaseMs, ...tokensOf(all)));
  if (count === all.length) return [];
  // Some are lost, or were settled meanwhile: which?
  const isOpen = (hand: Hand) => !hand.isDone && hands.has(hand);
  const found: Hand[] = [];
  for (const hand of all.filter(isOpen)) {
    const isOurs = num(await line.call('EXTEND', key, leaseMs, hand.job.token));
    if (!isOurs && isOpen(hand)) found.push(hand);
  }
  return found;
}
