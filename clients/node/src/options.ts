/** The options of keys: their types, and how they become words. What is left out gets the server's default. */

import { type Duration, type Integer, toMs } from './durations.js';
import type { Word } from './link.js';
import type { Name } from './replies.js';

/** Of every family. */
export interface DeliveryOptions {
  /** How long a claimed entry belongs to its worker: 1 ms to ten years. */
  lease?: Duration;
  /** Deliveries until an entry is a dead letter; 0: no limit. */
  maxDeliveries?: number;
  /** The delay after a first failed delivery, doubled with each further one, 0 to ten years. */
  backoff?: Duration;
  /** The longest such delay; 0: ten years. */
  maxBackoff?: Duration;
  /** The stream that ready entries go to, empty: none. */
  sink?: Name;
  /** About how many entries it keeps, 0: all. */
  sinkMaxLen?: number;
  /** Whether the key hands out nothing. */
  paused?: boolean;
}

export interface BoundedOptions extends DeliveryOptions {
  /** How many entries the key may hold; 0: no limit. */
  maxLen?: number;
}

/** Of the families whose entries are in groups; in TALLY they are not. */
export interface GroupedOptions extends DeliveryOptions {
  /** How many entries of one group may be in hand, leased or delayed, at a time; 0: any. Between values above 0 it may be altered. */
  groupLimit?: number;
  /** Whether groups that have something take turns; fixed when the key is created. */
  fair?: boolean;
}

export interface TsgenOptions extends BoundedOptions, GroupedOptions {
  /** How late elements are treated. */
  late?: 'READY' | 'REJECT';
  /** After how long without a report a source is left out; 0: never. */
  sourceIdle?: Duration;
  /** By how much an ADVANCE may raise the watermark; 0: any. Not with clock. */
  maxJump?: Integer;
  /** For how long an id is remembered once its work is done, so that a repeated ADD adds nothing; 0: not. */
  remember?: Duration;
  /** How many ids are remembered at the most. */
  rememberMax?: number;
}

export interface TsgenCreate extends TsgenOptions {
  /** The watermark is the server's clock. */
  clock?: boolean;
  /** The watermark is the lowest that these sources have reported. */
  sources?: readonly Name[];
}

export interface TsgenAlter extends TsgenOptions {
  /** Sets back the watermark. */
  watermark?: Integer;
  /** Sets back what one source has reported. */
  source?: readonly [Name, Integer];
  addSource?: readonly Name[];
  remSource?: readonly Name[];
}

export interface DebounceOptions extends BoundedOptions, GroupedOptions {
  /** How long a group must be quiet: 1 ms to ten years. */
  idle?: Duration;
  /** After how long it fires at the latest; 0: never. */
  maxWait?: Duration;
  /** With so many items it fires at once: 0 to 100000, 0: 100000. */
  maxItems?: number;
}

export interface DebounceCreate extends DebounceOptions {
  /** Whether an item that the group has is not added again. */
  unique?: boolean;
}

export interface ExpiryOptions extends GroupedOptions {
  /** Whether values of evicted keys are kept. */
  keepEvicted?: boolean;
  /** How many bytes of values the watcher may hold; 0: any. */
  maxHeld?: number;
}

export interface ExpiryCreate extends ExpiryOptions {
  /** How the names of watched keys begin: 1 to 100 of them. */
  prefix: readonly Name[];
  /** Values of more bytes are not kept; 0 to 134217728. */
  maxValue?: number;
}

export interface TallyOptions extends BoundedOptions {
  /** A window is sealed so long after its first increment: 1 ms to ten years. */
  every?: Duration;
  /** Or with so many fields: 1 to 100000. */
  maxFields?: number;
}

export interface TallyCreate extends TallyOptions {
  /** Whether fields are UUIDs. */
  field?: 'ANY' | 'UUID';
  /** The smallest increment that is allowed. */
  min?: Integer;
  /** The largest. */
  max?: Integer;
}

const DURATIONS = new Set('lease backoff maxBackoff idle maxWait every delay sourceIdle remember'.split(' '));

/** The words of options that are given: durations in milliseconds, booleans as yes or no, lists once for each value. */
export function words(given: object): Word[] {
  return Object.entries(given).flatMap(([name, value]: [string, unknown]) => (value === undefined ? [] : wordsOf(name, value)));
}

function wordsOf(name: string, value: unknown): Word[] {
  const word = name.toUpperCase();
  if (name === 'clock') return value ? [word] : [];
  if (name === 'sources') return [word, (value as Name[]).length, ...(value as Name[])];
  if (name === 'source') return [word, ...(Array.isArray(value) ? (value as Word[]) : [value as Word])];
  if (Array.isArray(value)) return value.flatMap((one: Word) => [word, one]);
  if (DURATIONS.has(name)) return [word, toMs(value as Duration)];
  if (typeof value === 'boolean') return [word, value ? 'yes' : 'no'];
  return [word, value as Word];
}
