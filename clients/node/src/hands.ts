/** What one worker holds, from the claim until the server has confirmed how it ended. It sends nothing. */

import type { Job } from './jobs.js';
import { ranges } from './words.js';

/** A delivery: worked on, or done and not confirmed yet. */
export interface Hand {
  readonly job: Job;
  /** The consumer name under which it was claimed. */
  readonly consumer: string;
  isDone: boolean;
  /** The worker has ended without waiting for it: it is handed back, whatever its handler does. */
  isAbandoned: boolean;
}

/** Hands that are done, by key: one ACK each. */
export type Settled = Map<string, Hand[]>;

/**
 * All hands of a worker, and its consumer names.
 *
 * No claim uses a name under which anything is held. So, if the reply of a CLAIM is lost, RELEASE of its name hands back what that one got,
 * and nothing else. There are at most as many names as hands, and one: `consumer`, `consumer.1`, …
 */
export class Hands {
  /** How many are worked on. */
  running = 0;
  readonly #held = new Set<Hand>();
  #done: Settled = new Map();
  readonly #names = new Map<string, number>();
  readonly #idleNames: string[] = [];

  constructor(private readonly consumer: string) {}

  get size(): number {
    return this.#held.size;
  }

  has(hand: Hand): boolean {
    return this.#held.has(hand);
  }

  /** A name for a claim, until `letGo`. */
  takeName(): string {
    const count = this.#names.size;
    const name = this.#idleNames.pop() ?? (count ? `${this.consumer}.${count}` : this.consumer);
    this.#use(name);
    return name;
  }

  #use(name: string): void {
    this.#names.set(name, (this.#names.get(name) ?? 0) + 1);
  }

  letGo(name: string): void {
    const uses = (this.#names.get(name) ?? 1) - 1;
    this.#names.set(name, uses);
    if (!uses) this.#idleNames.push(name);
  }

  /** Those under which something is, or may be, held. */
  names(): string[] {
    return [...this.#names].filter(([, uses]) => uses > 0).map(([name]) => name);
  }

  start(job: Job, consumer: string): Hand {
    const hand: Hand = { job, consumer, isDone: false, isAbandoned: false };
    this.#use(consumer);
    this.#held.add(hand);
    this.running += 1;
    return hand;
  }

  /** The work is done. It is still held. */
  finish(hand: Hand): void {
    hand.isDone = true;
    this.running -= 1;
  }

  /** It is held no more. */
  drop(hand: Hand): void {
    if (!this.#held.delete(hand)) return;
    if (!hand.isDone) this.running -= 1;
    this.letGo(hand.consumer);
  }

  inWork(): Hand[] {
    return [...this.#held].filter((hand) => !hand.isDone);
  }

  addDone(hand: Hand): void {
    const done = this.#done.get(hand.job.key);
    if (done) done.push(hand);
    else this.#done.set(hand.job.key, [hand]);
  }

  /** What is to be acknowledged. Whoever takes it confirms it, or puts it back. */
  takeDone(): Settled {
    const done = this.#done;
    this.#done = new Map();
    return done;
  }

  putBack(settled: Settled): void {
    for (const hands of settled.values()) for (const hand of hands) this.addDone(hand);
  }

  confirm(settled: Settled): void {
    for (const hands of settled.values()) for (const hand of hands) this.drop(hand);
  }
}

/** Their tokens, as the server takes them. */
export function tokensOf(hands: readonly Hand[]): string[] {
  return ranges(hands.map((hand) => hand.job.token));
}
