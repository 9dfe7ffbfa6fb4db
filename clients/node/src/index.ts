/** Workers and typed calls for tsgen, the Redis module that hands things out when their time has come. */

export { ErrorReply } from 'redis';
export { type Codec, JSON_CODEC, RAW } from './codec.js';
export type { RecurringOptions } from './cron.js';
export type { Duration, Integer } from './durations.js';
export { codeOf, Unanswered } from './errors.js';
export {
  type Added,
  type AddOptions,
  DebounceKey,
  type DelayOptions,
  DelayQueue,
  ExpiryKey,
  TallyKey,
  ThrottleKey,
  TsgenKey,
} from './families.js';
export type { Hooks, Logger } from './hooks.js';
export { Batch, Dead, Element, Expired, type Family, Group, Job, type JobOf, Retry } from './jobs.js';
export { type ClaimOptions, Key, type Page } from './key.js';
export type { Word } from './link.js';
export type * from './options.js';
export type {
  DeadLetter,
  Found,
  Info,
  Item,
  Leased,
  Name,
  Named,
  Peeked,
  Ranged,
  Reply,
  Source,
  Taken,
  Token,
} from './replies.js';
export { Clock, Tsgen, type TsgenOptions as Settings } from './tsgen.js';
export { type RunOptions, Worker, type WorkerOptions } from './worker.js';
