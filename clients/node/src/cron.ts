/**
 * Jobs that come again by a cron expression; needs the package croner.
 *
 * A run's id is the name of its schedule and its time, so whoever adds "the next one" between two runs adds the same: there is one, however
 * many workers there are. The clock is the server's.
 */

import type { Codec } from './codec.js';
import { isRefusal } from './errors.js';
import { Element, type Job } from './jobs.js';
import type { Link, Now, Word } from './link.js';
import { list } from './replies.js';

export interface RecurringOptions {
  /** A time zone of the IANA database; UTC. */
  tz?: string;
  /** The payload of each run. */
  payload?: unknown;
}

/** One recurring job. */
export interface Schedule {
  readonly key: string;
  readonly name: string;
  readonly payload: unknown;
  /** The first time of the schedule behind this one, in Unix ms. */
  nextAfter(nowMs: number): number;
}

/** RangeError if the expression or the time zone is none; an error with what to install if croner is missing. */
export async function scheduleOf(key: string, name: string, cron: string, options: RecurringOptions = {}): Promise<Schedule> {
  const { tz = 'UTC', payload } = options;
  const { Cron } = await import('croner').catch((cause: unknown) => {
    throw new Error('recurring jobs need croner: npm install croner', { cause });
  });
  const fail = (cause?: unknown): never => {
    throw new RangeError(`"${cron}" in "${tz}" is no schedule`, { cause });
  };
  const nextAfter = (nowMs: number): number => {
    try {
      // Without a function it only reckons.
      return new Cron(cron, { timezone: tz }).nextRun(new Date(nowMs))?.getTime() ?? fail();
    } catch (error) {
      return fail(error);
    }
  };
  nextAfter(0);
  return { key, name, payload, nextAfter };
}

/** Sees to it that each schedule of some keys has its next run. */
export class Planner {
  constructor(
    private readonly link: Link,
    readonly schedules: readonly Schedule[],
    private readonly codec: Codec,
    private readonly clock: Now | undefined,
  ) {}

  /** The schedule that a job is a run of. */
  scheduleOf(job: Job): Schedule | undefined {
    return this.schedules.find((schedule) => schedule.key === job.key && job.id.startsWith(`${schedule.name}@`));
  }

  /** Adds the next run if it is not there, and creates the key if that is not there. */
  async begin(schedule: Schedule): Promise<void> {
    try {
      await this.plan(schedule);
    } catch (error) {
      if (!isRefusal(error, 'needs a CLOCK key')) throw error;
      try {
        await this.#write(schedule.key, [['TSGEN.CREATE', schedule.key, 'CLOCK']]);
      } catch (created) {
        // Somebody else has just done so.
        if (!isRefusal(created, 'BUSYKEY')) throw created;
      }
      await this.plan(schedule);
    }
  }

  /** Adds the next run, in one write with the command that settles this one. */
  async plan(schedule: Schedule, job?: Job, settle?: readonly Word[]): Promise<void> {
    const nowMs = this.clock ? this.clock.nowMs : await this.#nowMs();
    const afterMs = job instanceof Element ? Math.max(nowMs, Number(job.timestamp)) : nowMs;
    const due = schedule.nextAfter(afterMs);
    const payload = this.codec.encode(schedule.payload);
    const add: Word[] = ['TSGEN.ADD', schedule.key, 'NX', `${due}ms`, `${schedule.name}@${due}`, payload];
    await this.#write(schedule.key, settle ? [add, settle] : [add]);
  }

  async #write(key: string, lines: readonly (readonly Word[])[]): Promise<void> {
    const { clock } = this;
    await this.link.transact(key, clock ? lines.map((line) => ['TSGEN.AT', clock.nowMs, ...line]) : lines);
  }

  async #nowMs(): Promise<number> {
    const [seconds, micros] = list(await this.link.send(undefined, ['TIME'])).map((part) => Number(part));
    return (seconds ?? 0) * 1000 + Math.floor((micros ?? 0) / 1000);
  }
}
