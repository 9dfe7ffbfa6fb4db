/** A worker: what works on the entries of a key, and how. */

import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import type { Codec } from './codec.js';
import { type Duration, toMs } from './durations.js';
import type { Hooks } from './hooks.js';
import type { Family, JobOf } from './jobs.js';
import { Loop, type Settings } from './loop.js';
import type { Tsgen } from './tsgen.js';

export interface WorkerOptions<F extends Family = Family> {
  family?: F;
  /** How many entries are worked on at once: 1 to 10000; 1. */
  concurrency?: number;
  /** How soon another worker takes over if this process dies; 30 s. It is kept while a handler runs. */
  lease?: Duration;
  /** How long handlers may go on after SIGTERM; 30 s. Then the rest is handed back, not counted. */
  shutdownTimeout?: Duration;
  /** As of the whole Tsgen, if it is not given. */
  codec?: Codec;
  /** Are told what happens. */
  hooks?: Hooks | readonly Hooks[];
  /** A name that no other worker has. */
  consumer?: string;
}

export interface RunOptions {
  /** End when nothing is ready and nothing in hand. */
  burst?: boolean;
  /** Called before the first CLAIM. */
  ready?: () => void;
}

/**
 * Works on the entries of one key, or of several of one family by strict priority, the first one first.
 *
 * The handler gets a job. If it returns, the entry is acknowledged; if it throws, it is tried again by the key's BACKOFF and MAXDELIVERIES;
 * `Retry` and `Dead` say it more precisely. It may run more than once for the same entry: a worker can die between its return and the ACK.
 * It works from `tsgen.run()` on, or `run()` for it alone.
 */
// biome-ignore lint/suspicious/noExplicitAny: a payload is what its producer wrote
export class Worker<P = any, F extends Family = 'TSGEN'> {
  readonly keys: readonly string[];
  readonly #settings: Omit<Settings, 'clock' | 'schedules' | 'url' | 'log'>;
  #loop: Loop | undefined;

  constructor(
    private readonly server: Tsgen,
    keys: string | readonly string[],
    handler: (job: JobOf<P>[F]) => unknown,
    options: WorkerOptions<F> = {},
  ) {
    const { concurrency = 1, lease = '30s', shutdownTimeout = '30s', codec = server.codec, hooks = [], consumer } = options;
    this.keys = [keys].flat();
    if (!this.keys.length) throw new RangeError('a worker needs at least one key');
    if (!Number.isInteger(concurrency) || concurrency < 1 || concurrency > 10_000) {
      throw new RangeError('concurrency must be between 1 and 10000');
    }
    this.#settings = {
      family: options.family ?? 'TSGEN',
      keys: this.keys,
      handler,
      concurrency,
      leaseMs: Math.max(1, toMs(lease)),
      shutdownTimeoutMs: toMs(shutdownTimeout),
      codec,
      hooks: [hooks].flat(),
      consumer: consumer ?? `${hostname()}:${process.pid}:${randomBytes(4).toString('hex')}`,
    };
    server.workers.push(this as unknown as Worker);
  }

  /** Health: ms since CLAIM was last answered, if only with nothing; Infinity while it does not run. Above 30 s with free hands, something is wrong. */
  get sinceLastClaim(): number {
    return this.#loop ? performance.now() - this.#loop.lastClaim : Number.POSITIVE_INFINITY;
  }

  /** Claims no more, gives what runs `shutdownTimeout`, and hands back the rest. Called again: hands it back at once. */
  stop(): void {
    this.#loop?.stop();
  }

  /** Works until `stop`; with `burst` until nothing is ready. Throws what ends it. Whether there are handlers that did not end. */
  async run(options: RunOptions = {}): Promise<boolean> {
    if (this.#loop) throw new Error('this worker runs already');
    const { url, clock, log } = this.server;
    const isOurs = ({ key }: { key: string }) => this.#settings.family === 'TSGEN' && this.keys.includes(key);
    const schedules = this.server.schedules.filter(isOurs);
    this.#loop = new Loop({ ...this.#settings, url, clock, log, schedules }, options.burst ?? false);
    try {
      return await this.#loop.run(options.ready);
    } finally {
      this.#loop = undefined;
    }
  }
}
