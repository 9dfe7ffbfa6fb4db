/** The way in: keys of all families, and the workers of this process. */

import { type Codec, JSON_CODEC } from './codec.js';
import { type RecurringOptions, type Schedule, scheduleOf } from './cron.js';
import { type Duration, toMs } from './durations.js';
import { DebounceKey, DelayQueue, ExpiryKey, TallyKey, ThrottleKey, TsgenKey } from './families.js';
import type { Logger } from './hooks.js';
import { Link, type Now, type Word } from './link.js';
import type { Reply } from './replies.js';
import type { RunOptions, Worker } from './worker.js';

/** How long after the last worker a process may live because of handlers that do not end, in ms. */
const GRACE = 1_000;

/** A clock of the test's own: all commands run at its time, until it is jumped on. */
export class Clock implements Now {
  constructor(public nowMs: number) {}

  /** Lets so much time pass. */
  jump(duration: Duration): void {
    this.nowMs += toMs(duration);
  }
}

export interface TsgenOptions {
  /** Writes and reads payloads and items; JSON. */
  codec?: Codec;
  /** Where log lines of workers go; the console's error stream. */
  logger?: Logger;
}

/**
 * `url`: `redis://` and `rediss://` as node-redis takes them; `sentinel://host:port,host:port/master[/database]`;
 * `cluster://host:port,host:port`. Without one, or if it is empty, it is `redis://localhost:6379`. Nothing is connected before the first
 * command.
 */
export class Tsgen {
  readonly codec: Codec;
  readonly log: Logger;
  /** Those that have been made. `worker.sinceLastClaim` is what a health probe asks for. */
  readonly workers: Worker[] = [];
  /** @internal */
  readonly schedules: Schedule[] = [];
  /** The virtual clock, if there is one. */
  clock: Clock | undefined;
  readonly url: string;
  readonly #link: Link;

  constructor(url?: string, options: TsgenOptions = {}) {
    this.url = url || 'redis://localhost:6379';
    this.codec = options.codec ?? JSON_CODEC;
    this.log = options.logger ?? console;
    this.#link = new Link(this.url);
  }

  /** One command of the module about a key, at the time of the virtual clock if there is one. For what has no call of its own. */
  call(command: string, key: string, ...words: readonly Word[]): Promise<Reply> {
    return this.send(key, [command, key, ...words]);
  }

  /** The same for commands whose key is not their first argument. @internal */
  send(key: string, words: readonly Word[]): Promise<Reply> {
    return this.#link.send(key, this.clock ? ['TSGEN.AT', this.clock.nowMs, ...words] : words);
  }

  /** Any command of the server, as it stands. */
  raw(...words: readonly Word[]): Promise<Reply> {
    return this.#link.send(undefined, words);
  }

  /** Closes the connection of these calls, so that the process can end. A call opens it again. */
  close(): void {
    this.#link.destroy();
  }

  /** Jobs that come after a delay or at a time. */
  // biome-ignore lint/suspicious/noExplicitAny: a payload is what its producer wrote
  delayQueue<P = any>(key: string): DelayQueue<P> {
    return new DelayQueue<P>(this, key);
  }

  /** Elements behind a watermark. */
  // biome-ignore lint/suspicious/noExplicitAny: a payload is what its producer wrote
  tsgen<P = any>(key: string): TsgenKey<P> {
    return new TsgenKey<P>(this, key);
  }

  /** Groups that fire when they have been quiet. */
  // biome-ignore lint/suspicious/noExplicitAny: an item is what its producer wrote
  debounce<P = any>(key: string): DebounceKey<P> {
    return new DebounceKey<P>(this, key);
  }

  /** Keys whose time to live has run out. */
  expiry(key: string): ExpiryKey {
    return new ExpiryKey(this, key);
  }

  /** Sums that are delivered by windows. */
  tally(key: string): TallyKey {
    return new TallyKey(this, key);
  }

  /** A rate limit. */
  throttle(key: string): ThrottleKey {
    return new ThrottleKey(this, key);
  }

  /**
   * A job of the delay queue `key` at each time of a cron expression, in a time zone; needs the package croner.
   *
   * Its id is `name@` and the Unix ms of its time. Whichever worker of the key acknowledges one run adds the next in the same write, so
   * there is one, however many workers there are; runs that were missed are one run. A run that fails is tried again as any job.
   */
  async recurring(key: string, name: string, cron: string, options: RecurringOptions = {}): Promise<void> {
    this.schedules.push(await scheduleOf(key, name, cron, options));
  }

  /**
   * For tests: from now on all commands run at the time of the clock that this resolves to, Unix ms; `jump` moves it on. Sets
   * `tsgen.virtual-clock yes` in the server. Workers see that time with `runUntilEmpty`.
   */
  async virtualClock(nowMs: number): Promise<Clock> {
    await this.raw('CONFIG', 'SET', 'tsgen.virtual-clock', 'yes');
    this.clock = new Clock(nowMs);
    return this.clock;
  }

  /** Stops all workers, as SIGTERM does; called again, at once. */
  stop(): void {
    for (const worker of this.workers) worker.stop();
  }

  /**
   * Runs all workers until SIGTERM or SIGINT; a second signal ends them at once. Then it closes its connections, and the process can end:
   * it does so after a second, with the exit code that is set, if handlers that were given up keep it alive. Throws the first error that
   * ends a worker, when the others have stopped.
   */
  async run(options: RunOptions = {}): Promise<void> {
    let isTold = false;
    const stop = () => {
      isTold = true;
      this.stop();
    };
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, stop);
    try {
      const areLeft = await this.#serve(options);
      // The timer itself keeps nothing alive.
      if (isTold && areLeft) setTimeout(() => process.exit(), GRACE).unref();
    } finally {
      for (const signal of ['SIGTERM', 'SIGINT'] as const) process.off(signal, stop);
      this.close();
    }
  }

  /** For tests: works on what is ready now, retries included, and resolves when nothing is ready or in hand. */
  async runUntilEmpty(): Promise<void> {
    await this.#serve({ burst: true });
  }

  async #serve(options: RunOptions): Promise<boolean> {
    if (!this.workers.length) throw new Error('no worker has been made');
    let failure: { error: unknown } | undefined;
    const runs = this.workers.map(async (worker) => {
      try {
        return await worker.run(options);
      } catch (error) {
        failure ??= { error };
        this.stop();
        return false;
      }
    });
    const areLeft = await Promise.all(runs);
    if (failure) throw failure.error;
    return areLeft.includes(true);
  }
}
