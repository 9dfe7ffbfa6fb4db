/** Typed calls for the commands that one family has and the others have not. `key.ts` has those that all of them have. */

import { type Duration, type Integer, toMs } from './durations.js';
import { isRefusal } from './errors.js';
import { Key, type Page } from './key.js';
import type { Word } from './link.js';
import {
  type DebounceCreate,
  type DebounceOptions,
  type ExpiryCreate,
  type ExpiryOptions,
  type TallyCreate,
  type TallyOptions,
  type TsgenAlter,
  type TsgenCreate,
  words,
} from './options.js';
import {
  bytes,
  type Found,
  type Item,
  int,
  list,
  type Name,
  type Named,
  named,
  num,
  orNull,
  pairs,
  type Ranged,
  type Reply,
  type Source,
  type Taken,
  text,
} from './replies.js';
import type { Tsgen } from './tsgen.js';

/** What became of an element: it waits, it is ready, or null: `nx` or `xx` forbade it. */
export type Added = 'waiting' | 'ready' | null;

export interface AddOptions {
  /** Only if there is none with this id. */
  nx?: boolean;
  /** Only if there is one. Without a payload it keeps its own, and without a group or a period these. */
  xx?: boolean;
  /** On CLOCK keys it comes again so often, each time it is done or dead: 1 ms to ten years. */
  every?: Duration;
  /** For keys with GROUPLIMIT or FAIR; without it an element is in the group of its id. */
  group?: Name;
}

function added(reply: Reply): Added {
  return reply === null ? null : num(reply) === 1 ? 'waiting' : 'ready';
}

/** TSGEN: elements behind a watermark. */
// biome-ignore lint/suspicious/noExplicitAny: a payload is what its producer wrote
abstract class Elements<P = any> extends Key<'TSGEN', P> {
  protected readonly family = 'TSGEN';

  /** Creates the key; BUSYKEY if it exists. */
  async create(options: TsgenCreate = {}): Promise<void> {
    await this.call('CREATE', ...words(options));
  }

  /** Changes options from now on, all or none. ERR if there is no such key. */
  async alter(options: TsgenAlter): Promise<void> {
    await this.call('ALTER', ...words(options));
  }

  protected async addAt(timestamp: Integer | string, id: Name, payload: P | undefined, options: AddOptions): Promise<Added> {
    const { nx, xx, every, group } = options;
    const how = [...(nx ? ['NX'] : []), ...(xx ? ['XX'] : []), ...words({ every, group })];
    const body = xx && payload === undefined ? [] : [this.server.codec.encode(payload)];
    return added(await this.call('ADD', ...how, timestamp, id, ...body));
  }

  /**
   * Adds elements, all or none; what became of each. `group` is that of all of them. On CLOCK keys a timestamp is Unix ms, or `"+30s"`
   * from now.
   */
  async madd(elements: Iterable<{ timestamp: Integer | string; id: Name; payload?: P }>, options: { group?: Name } = {}): Promise<Added[]> {
    const all = [...elements].flatMap(({ timestamp, id, payload }): Word[] => [timestamp, id, this.server.codec.encode(payload)]);
    return list(await this.call('MADD', ...words(options), ...all)).map(added);
  }

  /** The newest element of an id, whatever its state; null if there is none. */
  async get(id: Name): Promise<Found<P> | null> {
    const reply = await this.call('GET', id);
    if (reply === null) return null;
    const [state, timestamp, payload, every] = list(reply);
    const found = { state: text(state) as Found<P>['state'], timestamp: int(timestamp), payload: this.decode(payload) };
    return every === undefined ? found : { ...found, every: num(every) };
  }

  protected decode(reply: Reply | undefined): P {
    return this.server.codec.decode(bytes(reply)) as P;
  }

  /** Removes elements, whatever their state. How many. */
  rem(...ids: readonly Name[]): Promise<number> {
    return this.count('REM', ...ids);
  }

  /** Waiting and ready elements by timestamp; `"(5"` is above or below 5, `"-"` and `"+"` the ends. `count` 1 to 10000; 100. */
  async range(low: Integer | string = '-', high: Integer | string = '+', options: { count?: number } = {}): Promise<Ranged<P>[]> {
    return list(await this.call('RANGE', low, high, ...words(options))).map((row) => {
      const [name, timestamp, payload] = list(row);
      return { ...named(name), timestamp: int(timestamp), payload: this.decode(payload) };
    });
  }

  /** The watermark; null while it is unset. On CLOCK keys the server's time in Unix ms. */
  async watermark(): Promise<bigint | null> {
    return orNull(int, await this.call('WATERMARK'));
  }
}

/** TSGEN: elements behind a watermark. */
// biome-ignore lint/suspicious/noExplicitAny: a payload is what its producer wrote
export class TsgenKey<P = any> extends Elements<P> {
  /**
   * Adds an element, or replaces the one with its id. `timestamp` is a signed 64-bit integer in the unit of the watermark; on CLOCK keys
   * Unix ms, or `"+30s"` from now. LATE, FULL as the key's options say.
   */
  add(timestamp: Integer | string, id: Name, payload?: P, options: AddOptions = {}): Promise<Added> {
    return this.addAt(timestamp, id, payload, options);
  }

  /**
   * Raises the watermark, or one source's part of it. The watermark; null while sources have not reported. JUMP if that is more than the
   * key's MAXJUMP at once, unless `force` says that it is meant.
   */
  async advance(timestamp: Integer, options: { source?: Name; force?: boolean } = {}): Promise<bigint | null> {
    const { source, force } = options;
    return orNull(int, await this.call('ADVANCE', timestamp, ...words({ source }), ...(force ? ['FORCE'] : [])));
  }

  /** The declared sources, and how far each has got. */
  async sources(): Promise<Source[]> {
    return list(await this.call('SOURCES')).map((row) => {
      const [name, timestamp, at, idle] = list(row);
      return { ...named(name), timestamp: orNull(int, timestamp), reportedAt: orNull(num, at), idle: num(idle) === 1 };
    });
  }
}

export interface DelayOptions extends AddOptions {
  /** Due so long from now: 0 to ten years. */
  delay?: Duration;
  /** Due at this time, a Date or Unix ms. */
  at?: Date | Integer;
}

/** TSGEN with CLOCK: jobs that come after a delay, or at a time. The key is created when it is first added to. */
// biome-ignore lint/suspicious/noExplicitAny: a payload is what its producer wrote
export class DelayQueue<P = any> extends Elements<P> {
  /** Adds a job, or replaces the one with its id; due at once, or as `delay` or `at` say. */
  async add(id: Name, payload?: P, options: DelayOptions = {}): Promise<Added> {
    const { delay = 0, at, ...rest } = options;
    const due = at === undefined ? `+${toMs(delay)}` : `${at instanceof Date ? at.getTime() : at}ms`;
    try {
      return await this.addAt(due, id, payload, rest);
    } catch (error) {
      if (!isRefusal(error, 'needs a CLOCK key')) throw error;
      try {
        await this.create({ clock: true });
      } catch (created) {
        if (!isRefusal(created, 'BUSYKEY')) throw created;
        // Somebody else has just created it, or it is one with a watermark of its own.
        if ((await this.info()).gate !== 'clock') throw error;
      }
      return await this.addAt(due, id, payload, rest);
    }
  }
}

/** DEBOUNCE: groups that fire when they have been quiet. */
// biome-ignore lint/suspicious/noExplicitAny: an item is what its producer wrote
export class DebounceKey<P = any> extends Key<'DEBOUNCE', P> {
  protected readonly family = 'DEBOUNCE';

  /** Creates the key; BUSYKEY if it exists. */
  async create(options: DebounceCreate = {}): Promise<void> {
    await this.call('CREATE', ...words(options));
  }

  /** Changes options from now on, all or none. ERR if there is no such key. */
  async alter(options: DebounceOptions): Promise<void> {
    await this.call('ALTER', ...words(options));
  }

  /** Adds items and restarts the group's idle timeout. How many it is collecting now; 0 if that filled it and it fired. */
  push(group: Name, ...items: readonly P[]): Promise<number> {
    return this.count('PUSH', group, ...items.map((item) => this.server.codec.encode(item)));
  }

  /** When a collecting group fires (Unix ms), and its items; null if it is not collecting. */
  async get(group: Name): Promise<{ firesAt: number; items: Item<P>[] } | null> {
    const reply = await this.call('GET', group);
    if (reply === null) return null;
    const [firesAt, items] = list(reply);
    const decode = (item: Reply) => this.server.codec.decode(bytes(item)) as P;
    return { firesAt: num(firesAt), items: pairs(items).map(([item, at]) => ({ item: decode(item), at: num(at) })) };
  }

  /** Collecting groups, next to fire first: how many items each has, and when it fires (Unix ms). */
  async groups(options: Page<Name> = {}): Promise<(Named & { items: number; firesAt: number })[]> {
    const { count, after } = options;
    return list(await this.call('GROUPS', ...words({ count, after }))).map((row) => {
      const [name, items, at] = list(row);
      return { ...named(name), items: num(items), firesAt: num(at) };
    });
  }

  /** Fires these groups now. How many were collecting. */
  flush(...groups: readonly Name[]): Promise<number> {
    return this.count('FLUSH', ...groups);
  }

  /** Fires up to `count` (1000) collecting groups now, next to fire first. How many. */
  flushAll(options: { count?: number } = {}): Promise<number> {
    return this.count('FLUSHALL', ...words({ count: 1000, ...options }));
  }

  /** Drops collecting groups with their items. How many. */
  cancel(...groups: readonly Name[]): Promise<number> {
    return this.count('CANCEL', ...groups);
  }
}

/** EXPIRY: a watcher of keys whose names begin with a prefix. */
export class ExpiryKey extends Key<'EXPIRY'> {
  protected readonly family = 'EXPIRY';

  /** Creates the key; BUSYKEY if it exists. */
  async create(options: ExpiryCreate): Promise<void> {
    await this.call('CREATE', ...words(options));
  }

  /** Changes options from now on, all or none. ERR if there is no such key. */
  async alter(options: ExpiryOptions): Promise<void> {
    await this.call('ALTER', ...words(options));
  }

  /** Watched keys that have a time to live, next to expire first, with their deadlines (Unix ms). */
  async tracked(options: Page<Name> = {}): Promise<(Named & { deadline: number })[]> {
    const { count, after } = options;
    return list(await this.call('TRACKED', ...words({ count, after }))).map((row) => {
      const [name, at] = list(row);
      return { ...named(name), deadline: num(at) };
    });
  }
}

/** TALLY: sums by windows. */
export class TallyKey extends Key<'TALLY'> {
  protected readonly family = 'TALLY';

  /** Creates the key; BUSYKEY if it exists. */
  async create(options: TallyCreate = {}): Promise<void> {
    await this.call('CREATE', ...words(options));
  }

  /** Changes options from now on, all or none. ERR if there is no such key. */
  async alter(options: TallyOptions): Promise<void> {
    await this.call('ALTER', ...words(options));
  }

  /** Adds to the sum of a field (signed 64 bits); the sum in this window. Needs `create`. Sent twice, it counts twice. */
  async incr(field: Name, delta: Integer = 1): Promise<bigint> {
    return int(await this.call('INCR', field, delta));
  }

  /** Adds to several sums, all or none; these sums. */
  async mincr(deltas: Iterable<readonly [Name, Integer]>): Promise<bigint[]> {
    return list(await this.call('MINCR', ...[...deltas].flat())).map(int);
  }

  /** What no batch that was acknowledged had of this field: open window and all batches. */
  async get(field: Name): Promise<bigint> {
    return int(await this.call('GET', field));
  }

  /** Seals the open window now. The number of its fields; 0 if none was open. */
  seal(): Promise<number> {
    return this.count('SEAL');
  }
}

/** THROTTLE: so much, so fast. */
export class ThrottleKey {
  constructor(
    private readonly server: Tsgen,
    readonly key: string,
  ) {}

  /** Takes `cost` (0 to burst; 1) if there is room, of `limit` (1 to 10⁹) in each `period` (1 ms to ten years), `burst` at once. */
  async take(limit: number, period: Duration, options: { burst?: number; cost?: number } = {}): Promise<Taken> {
    const { burst, cost } = options;
    const reply = await this.server.call('THROTTLE.TAKE', this.key, limit, toMs(period), ...words({ burst, cost }));
    const [allowed, of, left, retry, reset] = list(reply).map(num);
    return {
      allowed: allowed === 1,
      limit: of as number,
      remaining: left as number,
      retryAfter: (retry as number) < 0 ? null : (retry as number),
      resetAfter: reset as number,
    };
  }
}
