/** What a worker tells while it works. */

import type { Job } from './jobs.js';

/** All are optional; what a hook throws is logged, and changes nothing. */
export interface Hooks {
  /** It has been claimed, and its handler is about to begin. */
  onClaim?(job: Job): void;
  /** Its handler has returned, after so many milliseconds. */
  onDone?(job: Job, ms: number): void;
  /** Its handler has thrown this: it will be tried again, or is a dead letter. */
  onFailed?(job: Job, error: unknown, ms: number): void;
  /** Its token is no longer current: somebody else has the entry. */
  onLost?(job: Job): void;
  /** What the handler runs in: a span, for example. Calls `run`, and passes on what that throws. */
  around?(job: Job, run: () => Promise<void>): Promise<void>;
}

/** Where log lines go; `console` is one. */
export interface Logger {
  warn(line: string): void;
  error(line: string): void;
}
