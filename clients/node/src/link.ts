/** A way to the server that is made when it is needed, and made anew when it has broken. No command is repeated. */

import { ErrorReply } from 'redis';
import { type Integer, toDigits } from './durations.js';
import { saying, Unanswered } from './errors.js';
import type { Reply } from './replies.js';
import { type Decoded, dial, late, TIMEOUT, type Wire } from './wire.js';

/** A part of a command. */
export type Word = string | Buffer | Integer;

/** A clock of the test's own: all commands run at its time, until it is jumped on. */
export interface Now {
  readonly nowMs: number;
}

export function args(words: readonly Word[]): (string | Buffer)[] {
  return words.map((word) => (typeof word === 'string' || Buffer.isBuffer(word) ? word : toDigits(word)));
}

function exactly(reply: Decoded): Reply {
  if (typeof reply === 'string') return BigInt(reply);
  return Array.isArray(reply) ? reply.map(exactly) : reply;
}

export class Link {
  #opening: Promise<Wire> | undefined;
  /** The wire that the next command takes, once it is open. */
  #current: Wire | undefined;
  /** How many replies each wire owes. */
  readonly #owed = new Map<Wire, number>();

  constructor(
    private readonly url: string,
    private readonly timeout: number = TIMEOUT,
  ) {}

  /** One command about a key, or about none. Throws ErrorReply if it is refused, and Unanswered. */
  async send(key: string | undefined, words: readonly Word[]): Promise<Reply> {
    const line = args(words);
    return exactly(await this.#use((wire) => wire.send(key, line)));
  }

  /** Commands about one key, all or none. */
  async transact(key: string, lines: readonly (readonly Word[])[]): Promise<void> {
    const all = lines.map(args);
    await this.#use((wire) => wire.transact(key, all));
  }

  /** The next command goes a new way: this one may lead to a server that is a replica now. What was sent may still be answered. */
  reset(): void {
    const wire = this.#current;
    this.#opening = this.#current = undefined;
    if (wire && !this.#owed.has(wire)) wire.destroy();
  }

  /** Closes what is open; what waits for a reply is rejected. A command opens it again. */
  destroy(): void {
    this.#opening?.then(
      (wire) => wire.destroy(),
      () => {},
    );
    this.reset();
    for (const wire of this.#owed.keys()) wire.destroy();
  }

  async #use<T>(ask: (wire: Wire) => Promise<T>): Promise<T> {
    let wire: Wire | undefined;
    try {
      wire = await (this.#opening ?? this.#open());
      this.#owed.set(wire, (this.#owed.get(wire) ?? 0) + 1);
      return await late(ask(wire), this.timeout);
    } catch (error) {
      if (error instanceof ErrorReply) throw error;
      if (!wire && error instanceof TypeError) throw error; // the address is none
      // The connection has broken; or the server hangs, or is gone without a word.
      if (wire) this.#end(wire).destroy();
      throw error instanceof Unanswered ? error : new Unanswered(saying(error), { cause: error });
    } finally {
      if (wire) this.#isPaid(wire);
    }
  }

  #open(): Promise<Wire> {
    const opening = dial(this.url);
    this.#opening = opening;
    opening.then(
      (wire) => {
        if (this.#opening === opening) this.#current = wire;
        wire.onEnd = () => this.#end(wire);
      },
      () => {
        if (this.#opening === opening) this.#opening = undefined;
      },
    );
    return opening;
  }

  #end(wire: Wire): Wire {
    if (this.#current === wire) this.reset();
    return wire;
  }

  #isPaid(wire: Wire): void {
    const owed = (this.#owed.get(wire) ?? 1) - 1;
    if (owed) this.#owed.set(wire, owed);
    else this.#owed.delete(wire);
    if (!owed && wire !== this.#current) wire.destroy();
  }
}
