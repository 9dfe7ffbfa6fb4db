/** Something that has happened, or not yet. */

import { timerMs } from './durations.js';

export class Flag {
  #isSet = false;
  readonly #listeners = new Set<() => void>();

  get isSet(): boolean {
    return this.#isSet;
  }

  set(): void {
    this.#isSet = true;
    for (const tell of this.#listeners) tell();
    this.#listeners.clear();
  }

  clear(): void {
    this.#isSet = false;
  }

  /** Tells once it is set, at once if it is. Returns how to ask no more, so that nothing is left behind at what lives long. */
  on(tell: () => void): () => void {
    if (this.#isSet) {
      tell();
      return () => {};
    }
    this.#listeners.add(tell);
    return () => this.#listeners.delete(tell);
  }

  /** Until it is set, or so many milliseconds are over. */
  wait(ms?: number): Promise<void> {
    return new Promise((resolve) => {
      let timer: NodeJS.Timeout | undefined;
      const off = this.on(() => {
        clearTimeout(timer);
        resolve();
      });
      if (ms !== undefined && !this.#isSet) {
        timer = setTimeout(() => {
          off();
          resolve();
        }, timerMs(ms));
      }
    });
  }
}

/** How long to wait before the next attempt: from 50 ms doubled up to 2 s, less up to a half of it by chance. */
export class Pause {
  #ms = 50;

  next(): number {
    const ms = this.#ms;
    this.#ms = Math.min(ms * 2, 2_000);
    return ms * (0.5 + Math.random() / 2);
  }
}
