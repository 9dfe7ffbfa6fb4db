/** Which errors there are, and which of them pass by themselves. */

import { ErrorReply } from 'redis';

/** The command was not answered: there is no connection, it broke, or the reply is late. It may have been done. */
export class Unanswered extends Error {
  override name = 'Unanswered';
}

/** Codes of errors that go by: a failover, a restart, a full disk, a busy script, a slot on its way. */
const PASSING = new Set('LOADING READONLY MASTERDOWN NOREPLICAS UNBLOCKED CLUSTERDOWN TRYAGAIN MOVED ASK MISCONF BUSY'.split(' '));

/** The code in capitals that an error of the server begins with; `""` for what no server said. */
export function codeOf(error: unknown): string {
  return error instanceof ErrorReply ? (error.message.split(' ', 1)[0] ?? '') : '';
}

/** Whether the same command may be answered later: the connection is gone, or the server is in a state that ends. */
export function passes(error: unknown): boolean {
  return error instanceof Unanswered || PASSING.has(codeOf(error));
}

/** What an error says, in one line, whatever it is. */
export function saying(error: unknown): string {
  if (!(error instanceof Error)) return 'something that is no Error';
  // Where several addresses refuse, there is only a code.
  return error.message || ('code' in error ? String(error.code) : error.name);
}

/** Whether the server has refused a command with such words. */
export function isRefusal(error: unknown, words: string): boolean {
  return error instanceof ErrorReply && error.message.includes(words);
}
