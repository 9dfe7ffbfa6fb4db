/** Prometheus; needs the package prom-client: `new Worker(t, 'mails', send, { hooks: new Metrics() })`. One object for all workers of a process. */

import { Counter, Gauge, Histogram, type Registry, register } from 'prom-client';
import type { Hooks } from './hooks.js';
import type { Job } from './jobs.js';

/** How many handlers run, how they ended (`done`, `failed`, `lost`), and after how many seconds; by key. */
export class Metrics implements Hooks {
  readonly #running: Gauge;
  readonly #ended: Counter;
  readonly #seconds: Histogram;

  constructor(registry: Registry = register) {
    const registers = [registry];
    this.#running = new Gauge({
      name: 'tsgen_jobs_running',
      help: 'Jobs that have been claimed and have not ended',
      labelNames: ['key'],
      registers,
    });
    this.#ended = new Counter({
      name: 'tsgen_jobs_total',
      help: 'Jobs that have ended, by how',
      labelNames: ['key', 'outcome'],
      registers,
    });
    this.#seconds = new Histogram({ name: 'tsgen_job_seconds', help: 'How long handlers took', labelNames: ['key'], registers });
  }

  onClaim(job: Job): void {
    this.#running.inc({ key: job.key });
  }

  onDone(job: Job, ms: number): void {
    this.#end(job, 'done', ms);
  }

  onFailed(job: Job, _error: unknown, ms: number): void {
    this.#end(job, 'failed', ms);
  }

  onLost(job: Job): void {
    this.#end(job, 'lost');
  }

  #end(job: Job, outcome: string, ms?: number): void {
    this.#running.dec({ key: job.key });
    this.#ended.inc({ key: job.key, outcome });
    if (ms !== undefined) this.#seconds.observe({ key: job.key }, ms / 1000);
  }
}
