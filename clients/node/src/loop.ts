/**
 * The loop that nobody should have to write: claim, keep the lease, settle, survive, stop.
 *
 * What has been claimed is in `Hands` until the server has confirmed how it ended, so that nothing is forgotten while the server is away.
 */

import { setImmediate as nextTurn } from 'node:timers/promises';
import { Claims } from './claims.js';
import type { Codec } from './codec.js';
import { Planner, type Schedule } from './cron.js';
import { isRefusal, passes, saying } from './errors.js';
import { Flag, Pause } from './flag.js';
import { type Hand, Hands, type Settled, tokensOf } from './hands.js';
import type { Hooks, Logger } from './hooks.js';
import { Dead, type Family, type Job, parse, Retry } from './jobs.js';
import { keepLeases } from './leases.js';
import { Line } from './line.js';
import type { Now, Word } from './link.js';
import type { Reply } from './replies.js';
import { nameOf, reasonOf } from './words.js';

/** How long the last RELEASE and ACK of a worker that stops may take, in ms; and if somebody is in a hurry. */
const FAREWELL = 5_000;
const HASTY_FAREWELL = 1_000;

/** How long handlers that were told to stop may take to do so, in ms; what they do then does not count. */
const LAST_WORDS = 1_000;
const HASTY_LAST_WORDS = 100;

export interface Settings {
  url: string;
  family: Family;
  keys: readonly string[];
  handler: (job: never) => unknown;
  concurrency: number;
  leaseMs: number;
  shutdownTimeoutMs: number;
  codec: Codec;
  hooks: readonly Hooks[];
  consumer: string;
  log: Logger;
  clock: Now | undefined;
  schedules: readonly Schedule[];
}

class Interrupted extends Error {}

/** One run of a worker. */
export class Loop {
  lastClaim = performance.now();
  readonly #hands: Hands;
  readonly #line: Line;
  readonly #claims: Claims;
  readonly #planner: Planner;
  readonly #handlers = new Set<Promise<void>>();
  readonly #stopping = new Flag();
  readonly #hurry = new Flag();
  /** A hand is free, or it is time to stop. */
  readonly #changed = new Flag();
  readonly #over = new Flag();
  #flushing: Promise<void> = Promise.resolve();
  #isClaiming = false;
  #willFlush = false;
  #error: { cause: unknown } | undefined;

  constructor(
    private readonly set: Settings,
    private readonly isBurst: boolean,
  ) {
    this.#hands = new Hands(set.consumer);
    this.#line = new Line(set.url, set.family, set.clock, set.log);
    this.#claims = new Claims(this.#line, set.keys, set.leaseMs, !isBurst);
    this.#planner = new Planner(this.#line.control, set.schedules, set.codec, set.clock);
  }

  /** Claims no more, gives what runs its time, and hands back the rest. Called again: hands it back at once. */
  stop(): void {
    if (this.#stopping.isSet) this.#hurry.set();
    this.#stopping.set();
    this.#changed.set();
  }

  /** Works until `stop`. Throws what will not pass by itself. Resolves to whether there are handlers that do not end. */
  async run(ready?: () => void): Promise<boolean> {
    const leases = this.#guard(keepLeases(this.#line, this.#hands, this.set.leaseMs, this.set.log, this.#over, (job) => this.#lost(job)));
    await this.#guard(this.#beginAndClaim(ready));
    this.#stopping.set();
    await this.#windUp();
    this.#over.set();
    this.#line.close();
    await leases;
    if (this.#error) throw this.#error.cause;
    return this.#handlers.size > 0;
  }

  /** What ends any part of the worker ends the worker. */
  async #guard(work: Promise<void>): Promise<void> {
    try {
      await work;
    } catch (error) {
      if (this.#over.isSet) return;
      this.set.log.error(`tsgen: worker of ${this.set.family} ${this.set.keys.join(' ')} ends: ${saying(error)}`);
      this.#error ??= { cause: error };
      this.#stopping.set();
      this.#changed.set();
    }
  }

  async #beginAndClaim(ready?: () => void): Promise<void> {
    if (!(await this.#unlessStopped((until) => this.#begin(until)))) return;
    ready?.();
    await this.#claimUntilStopped();
  }

  /** Whether the work came to its end before it was time to stop. */
  async #unlessStopped(work: (until: AbortSignal) => Promise<void>): Promise<boolean> {
    const controller = new AbortController();
    let off = () => {};
    const stopped = new Promise<boolean>((resolve) => {
      off = this.#stopping.on(() => {
        controller.abort();
        resolve(false);
      });
    });
    try {
      return await Promise.race([work(controller.signal).then(() => true), stopped]);
    } finally {
      off();
    }
  }

  /** Asks what the server's module can do, and sees to it that each schedule has its next run. */
  async #begin(until: AbortSignal): Promise<void> {
    if (!this.set.clock) this.#claims.hasMclaim = this.#claims.canAck = await this.#line.knows('MCLAIM', until);
    for (const schedule of this.#planner.schedules) await this.#line.insist(() => this.#planner.begin(schedule), until);
  }

  // Claiming

  async #claimUntilStopped(): Promise<void> {
    let pause = new Pause();
    while (!this.#stopping.isSet) {
      // What ends in this turn of the event loop is acknowledged with the same claim.
      if (this.#hands.size) await nextTurn();
      this.#changed.clear();
      if (this.#stopping.isSet) return;
      const free = this.set.concurrency - this.#hands.running;
      if (free > 0) {
        // What is in hand now may come back ready behind the claim.
        const wasIdle = !this.#hands.size;
        try {
          const found = await this.#claim(free);
          pause = new Pause();
          if (found || !this.isBurst) continue;
          if (wasIdle) return;
        } catch (error) {
          if (!passes(error)) throw error;
          this.set.log.warn(`tsgen: CLAIM ${this.set.keys.join(' ')}: ${saying(error)}; trying again`);
          await this.#stopping.wait(pause.next());
          continue;
        }
      }
      await this.#changed.wait();
    }
  }

  /** Whether there was anything. What was claimed begins. */
  async #claim(count: number): Promise<boolean> {
    if (!this.#claims.canAck) await this.#flush();
    const settled = this.#hands.takeDone();
    const consumer = this.#hands.takeName();
    const acks = new Map([...settled].map(([key, hands]) => [key, tokensOf(hands)]));
    let found: [string, Reply[]][];
    this.#isClaiming = true;
    try {
      found = await this.#untilStopped(this.#claims.claim(consumer, count, acks));
    } catch (error) {
      this.#hands.putBack(settled);
      if (error instanceof Interrupted || passes(error)) {
        await this.#inDoubt(consumer);
        if (error instanceof Interrupted) return false;
      } else {
        this.#hands.letGo(consumer);
        if (settled.size && isRefusal(error, 'unknown option')) {
          this.#claims.canAck = false;
          return true;
        }
      }
      throw error;
    } finally {
      this.#isClaiming = false;
    }
    this.lastClaim = performance.now();
    this.#confirm(settled);
    for (const [key, entries] of found) for (const entry of entries) this.#start(key, entry, consumer);
    this.#hands.letGo(consumer);
    return found.some(([, entries]) => entries.length > 0);
  }

  #untilStopped<T>(asked: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const off = this.#stopping.on(() => reject(new Interrupted()));
      asked.then(resolve, reject).finally(off);
    });
  }

  /** A claim may have been done and its reply lost; or it waits in the server still, until its connection is closed. */
  async #inDoubt(consumer: string): Promise<void> {
    this.#line.breakOff();
    // Where it is time to stop, all names that are in use are handed back in the end.
    if (await this.#unlessStopped((until) => this.#line.release(this.set.keys, consumer, until))) this.#hands.letGo(consumer);
  }

  #start(key: string, entry: Reply, consumer: string): void {
    const job: Job = parse(this.set.family, key, entry, this.set.codec);
    const hand = this.#hands.start(job, consumer);
    this.#tell((hooks) => hooks.onClaim?.(job));
    const working: Promise<void> = this.#guard(this.#work(hand)).finally(() => {
      this.#handlers.delete(working);
      this.#changed.set();
    });
    this.#handlers.add(working);
  }

  // Working

  async #work(hand: Hand): Promise<void> {
    const { job } = hand;
    const began = performance.now();
    let failure: { error: unknown } | undefined;
    try {
      decode(job);
      await this.#around(job);
    } catch (error) {
      failure = { error };
    }
    if (hand.isAbandoned) return;
    if (job.lost) return this.#drop(hand);
    const ms = performance.now() - began;
    if (failure) return await this.#failed(hand, failure.error, ms);
    this.#tell((hooks) => hooks.onDone?.(job, ms));
    await this.#succeeded(hand);
  }

  async #around(job: Job): Promise<void> {
    let run = async (): Promise<void> => {
      await this.set.handler(job as never);
    };
    for (const hooks of this.set.hooks) {
      if (!hooks.around) continue;
      const inner = run;
      run = async () => await hooks.around?.(job, inner);
    }
    await run();
  }

  async #succeeded(hand: Hand): Promise<void> {
    const { job } = hand;
    this.#hands.finish(hand);
    const schedule = this.#planner.scheduleOf(job);
    if (schedule) {
      await this.#line.insist(() => this.#planner.plan(schedule, job, ['TSGEN.ACK', job.key, job.token]));
      return this.#drop(hand);
    }
    this.#hands.addDone(hand);
    this.#changed.set();
    if (this.#isClaiming) this.#flushSoon();
  }

  async #failed(hand: Hand, error: unknown, ms: number): Promise<void> {
    const { job } = hand;
    this.#tell((hooks) => hooks.onFailed?.(job, error, ms));
    this.set.log.warn(`tsgen: failed key=${job.key} name=${job.id} deliveries=${job.deliveries} error=${nameOf(error)}`);
    const how: Word[] =
      error instanceof Dead ? ['DEAD'] : error instanceof Retry && error.after !== undefined ? ['DELAY', error.after] : [];
    const reason: Word[] = ['REASON', reasonOf(error)];
    const schedule = error instanceof Dead ? this.#planner.scheduleOf(job) : undefined;
    const nack = async (words: Word[]): Promise<void> => {
      if (schedule) await this.#planner.plan(schedule, job, ['TSGEN.NACK', job.key, job.token, ...words]);
      else await this.#line.call('NACK', job.key, job.token, ...words);
    };
    try {
      await this.#line.insist(() => nack([...how, ...reason]));
    } catch (refused) {
      // The server takes only shorter names (tsgen.max-name-size).
      if (!isRefusal(refused, 'REASON')) throw refused;
      await this.#line.insist(() => nack(how));
    }
    this.#drop(hand);
  }

  /** This worker does not hold it any more. */
  #drop(hand: Hand): void {
    this.#hands.drop(hand);
    this.#changed.set();
  }

  #lost(job: Job): void {
    job.lose();
    this.#tell((hooks) => hooks.onLost?.(job));
  }

  // Settling

  /** Sends the ACKs of what ends while CLAIM waits; if it does not, they go with the next CLAIM. */
  #flushSoon(): void {
    if (this.#willFlush) return;
    this.#willFlush = true;
    void nextTurn().then(() => {
      this.#willFlush = false;
      return this.#guard(this.#flush());
    });
  }

  #flush(): Promise<void> {
    const flushing = this.#flushing.then(() => this.#flushNow());
    this.#flushing = flushing.catch(() => {});
    return flushing;
  }

  async #flushNow(): Promise<void> {
    const settled = this.#hands.takeDone();
    for (const [key, hands] of settled) await this.#line.ack(key, tokensOf(hands));
    this.#confirm(settled);
  }

  #confirm(settled: Settled): void {
    this.#hands.confirm(settled);
    this.#changed.set();
  }

  // The end

  async #windUp(): Promise<void> {
    const until = performance.now() + this.set.shutdownTimeoutMs;
    if (!this.#error) await this.#handlersEnd(() => (this.#hurry.isSet ? 0 : until - performance.now()));
    for (const hand of this.#hands.inWork()) {
      hand.isAbandoned = true;
      hand.job.lose();
    }
    const last = performance.now() + (this.#hurry.isSet ? HASTY_LAST_WORDS : LAST_WORDS);
    await this.#handlersEnd(() => last - performance.now());
    const saidInTime = new Flag();
    const farewell = this.#farewell().then(
      () => saidInTime.set(),
      (error: unknown) => {
        this.set.log.warn(`tsgen: could not hand back everything: ${saying(error)}`);
        saidInTime.set();
      },
    );
    await saidInTime.wait(this.#hurry.isSet ? HASTY_FAREWELL : FAREWELL);
    if (!saidInTime.isSet) {
      this.set.log.warn('tsgen: could not hand back everything in time');
      this.#line.close();
      await farewell;
    }
  }

  /** Until no handler runs, or no time is left. */
  async #handlersEnd(leftMs: () => number): Promise<void> {
    for (let left = leftMs(); this.#handlers.size && left > 0; left = leftMs()) {
      this.#changed.clear();
      await this.#changed.wait(left);
    }
  }

  async #farewell(): Promise<void> {
    await this.#flush();
    for (const name of this.#hands.names()) await this.#line.release(this.set.keys, name);
  }

  #tell(about: (hooks: Hooks) => void): void {
    for (const hooks of this.set.hooks) {
      try {
        about(hooks);
      } catch (error) {
        this.set.log.error(`tsgen: a hook failed: ${saying(error)}`);
      }
    }
  }
}

/** A payload that does not decode will not do so the next time. The text of that error may quote it. */
function decode(job: Job): void {
  try {
    job.decode();
  } catch (error) {
    throw new Dead(`payload does not decode: ${nameOf(error)}`);
  }
}
