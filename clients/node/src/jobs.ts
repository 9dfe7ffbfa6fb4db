/** What a handler gets, and what it may throw. */

import type { Codec } from './codec.js';
import { type Duration, toMs } from './durations.js';
import { bytes, type Item, int, list, num, orNull, pairs, type Reply, text } from './replies.js';

export type Family = 'TSGEN' | 'DEBOUNCE' | 'EXPIRY' | 'TALLY';

/** Thrown by a handler: try again `after` (0 to ten years), or after the key's BACKOFF. The delivery counts. */
export class Retry extends Error {
  override name = 'Retry';
  /** Milliseconds; undefined: the key's BACKOFF. */
  readonly after: number | undefined;

  constructor(reason = '', options: { after?: Duration } = {}) {
    super(reason);
    this.after = options.after === undefined ? undefined : toMs(options.after);
  }
}

/** Thrown by a handler: a dead letter at once, with this reason. */
export class Dead extends Error {
  override name = 'Dead';
}

/** One delivery. Times are Unix ms of the server's clock, unless the watermark is in a unit of your own. */
export abstract class Job {
  #isLost = false;
  #controller: AbortController | undefined;

  constructor(
    readonly key: string,
    /** Rises with each delivery of an entry: a fencing token for your database. */
    readonly token: bigint,
    /** How often it has been delivered, this time included. */
    readonly deliveries: number,
    /** The id in TSGEN, the group in DEBOUNCE, the watched key in EXPIRY, the number of the batch in TALLY; as bytes. */
    readonly name: Buffer,
  ) {}

  /** The name as text; bytes that are not UTF-8 are replaced. */
  get id(): string {
    return this.name.toString();
  }

  /** Whether somebody else has, or may get, this entry: stop, for the result does not count. */
  get lost(): boolean {
    return this.#isLost;
  }

  /** Is aborted as soon as the job is `lost`, or when the worker stops and waits no longer. Pass it to whatever takes a signal. */
  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.#isLost && !this.#controller.signal.aborted) this.#controller.abort();
    return this.#controller.signal;
  }

  /** @internal */
  lose(): void {
    this.#isLost = true;
    this.#controller?.abort();
  }

  /** Throws what the codec throws. @internal */
  decode(): void {}
}

/** TSGEN: an element whose time has come. */
// biome-ignore lint/suspicious/noExplicitAny: a payload is what its producer wrote
export class Element<P = any> extends Job {
  #payload: { value: P } | undefined;

  constructor(
    key: string,
    token: bigint,
    deliveries: number,
    name: Buffer,
    readonly timestamp: bigint,
    /** The bytes as they were added. */
    readonly raw: Buffer,
    private readonly codec: Codec,
  ) {
    super(key, token, deliveries, name);
  }

  /** What the codec makes of the bytes; throws what it throws. */
  get payload(): P {
    this.#payload ??= { value: this.codec.decode(this.raw) as P };
    return this.#payload.value;
  }

  override decode(): void {
    void this.payload;
  }
}

/** DEBOUNCE: a group that has fired, because it was `idle`, at `maxwait`, when `full`, or by `flush`. */
// biome-ignore lint/suspicious/noExplicitAny: an item is what its producer wrote
export class Group<P = any> extends Job {
  #items: Item<P>[] | undefined;

  constructor(
    key: string,
    token: bigint,
    deliveries: number,
    name: Buffer,
    readonly reason: string,
    private readonly pushed: Reply,
    private readonly codec: Codec,
  ) {
    super(key, token, deliveries, name);
  }

  /** In order of arrival, each with the time at which it was pushed. Throws what the codec throws. */
  get items(): Item<P>[] {
    this.#items ??= pairs(this.pushed).map(([item, at]) => ({ item: this.codec.decode(bytes(item)) as P, at: num(at) }));
    return this.#items;
  }

  override decode(): void {
    void this.items;
  }
}

/** EXPIRY: a key whose time to live has run out (`expired`), or that had been `evicted`. */
export class Expired extends Job {
  constructor(
    key: string,
    token: bigint,
    deliveries: number,
    name: Buffer,
    /** `string`, `list`, …; null if the key could not be copied in time. */
    readonly type: string | null,
    /** The value of a string, what DUMP returns of other types; null if it was not kept. */
    readonly value: Buffer | null,
    readonly deadline: number,
    readonly reason: string,
  ) {
    super(key, token, deliveries, name);
  }
}

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** TALLY: the sums of one window. `number` is the same on redelivery: write it under a unique constraint. */
export class Batch extends Job {
  #sums: Map<string, bigint> | undefined;

  constructor(
    key: string,
    token: bigint,
    deliveries: number,
    readonly number: bigint,
    readonly openedAt: number,
    readonly sealedAt: number,
    /** Fields, as bytes, and their sums. */
    readonly entries: readonly (readonly [Buffer, bigint])[],
  ) {
    super(key, token, deliveries, Buffer.from(String(number)));
  }

  /** The same with fields as text. TypeError if one is not UTF-8. */
  get sums(): ReadonlyMap<string, bigint> {
    this.#sums ??= new Map(this.entries.map(([field, sum]) => [UTF8.decode(field), sum]));
    return this.#sums;
  }
}

/** What the handlers of a family get. */
export interface JobOf<P> {
  TSGEN: Element<P>;
  DEBOUNCE: Group<P>;
  EXPIRY: Expired;
  TALLY: Batch;
}

/** The job that an entry of CLAIM's reply is. */
export function parse<P, F extends Family>(family: F, key: string, reply: Reply, codec: Codec): JobOf<P>[F];
export function parse(family: Family, key: string, reply: Reply, codec: Codec): Job {
  const [token, count, name, ...rest] = list(reply);
  const common = [key, int(token), num(count)] as const;
  switch (family) {
    case 'TSGEN':
      return new Element(...common, bytes(name), int(rest[0]), bytes(rest[1]), codec);
    case 'DEBOUNCE':
      return new Group(...common, bytes(name), text(rest[0]), rest[1] ?? null, codec);
    case 'EXPIRY':
      return new Expired(...common, bytes(name), orNull(text, rest[0]), orNull(bytes, rest[1]), num(rest[2]), text(rest[3]));
    case 'TALLY': {
      const sums = pairs(rest[2]).map(([field, sum]) => [bytes(field), int(sum)] as const);
      return new Batch(...common, int(name), num(rest[0]), num(rest[1]), sums);
    }
  }
}
