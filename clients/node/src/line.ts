/** How a worker sends: one link for what waits in the server, one for what must not wait behind it. */

import { setTimeout as sleep } from 'node:timers/promises';
import { passes, saying, Unanswered } from './errors.js';
import { Pause } from './flag.js';
import type { Logger } from './hooks.js';
import type { Family } from './jobs.js';
import { Link, type Now, type Word } from './link.js';
import { list, num, type Reply } from './replies.js';

/** How long one CLAIM waits in the server, in ms. A worker that is alive shows it at least so often. */
export const BLOCK = 10_000;

/** As many entries as RELEASE hands back at once. */
const RELEASED_AT_ONCE = 10_000;

export class Line {
  readonly control: Link;
  readonly #claimer: Link;
  #isClosed = false;

  constructor(
    url: string,
    private readonly family: Family,
    private readonly clock: Now | undefined,
    private readonly log: Logger,
  ) {
    this.control = new Link(url);
    this.#claimer = new Link(url, BLOCK + 10_000);
  }

  /** One command of the family, about this key. */
  async call(command: string, key: string, ...words: readonly Word[]): Promise<Reply> {
    return await this.control.send(key, this.#full(command, [key, ...words]));
  }

  /** One that may wait in the server. */
  async claim(command: string, key: string, words: readonly Word[]): Promise<Reply> {
    return await this.#claimer.send(key, this.#full(command, words));
  }

  /** Throws once it is closed: nothing is to open it again. */
  #full(command: string, words: readonly Word[]): Word[] {
    if (this.#isClosed) throw new Unanswered('the worker has ended');
    const full = [`${this.family}.${command}`, ...words];
    return this.clock ? ['TSGEN.AT', this.clock.nowMs, ...full] : full;
  }

  /** Sends what may be sent twice until it is answered, or it is told to give up. Throws what does not pass. */
  async insist<T>(send: () => Promise<T>, until?: AbortSignal): Promise<T> {
    const pause = new Pause();
    for (;;) {
      if (this.#isClosed) throw new Unanswered('the worker has ended');
      try {
        return await send();
      } catch (error) {
        if (this.#isClosed || until?.aborted || !passes(error)) throw error;
        this.log.warn(`tsgen: ${saying(error)}; trying again`);
        this.control.reset();
        await sleep(pause.next(), undefined, until ? { signal: until } : {}).catch(() => {});
      }
    }
  }

  async ack(key: string, tokens: readonly string[]): Promise<void> {
    await this.insist(() => this.call('ACK', key, ...tokens));
  }

  /** Hands back whatever a consumer holds. */
  async release(keys: readonly string[], name: string, until?: AbortSignal): Promise<void> {
    for (const key of keys) {
      while (num(await this.insist(() => this.call('RELEASE', key, name), until)) === RELEASED_AT_ONCE);
    }
  }

  async knows(command: string, until?: AbortSignal): Promise<boolean> {
    const words = ['COMMAND', 'INFO', `${this.family}.${command}`];
    return list(await this.insist(() => this.control.send(undefined, words), until)).some((found) => found !== null);
  }

  /** Ends a claim that waits, by closing its connection. */
  breakOff(): void {
    this.#claimer.destroy();
  }

  close(): void {
    this.#isClosed = true;
    this.#claimer.destroy();
    this.control.destroy();
  }
}
