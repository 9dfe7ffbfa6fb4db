// What the runners for Node share: the formats of `../runner.rs`.

import { createInterface } from 'node:readline';

// What integers are to the client: Numbers, or digits in a string. Else a Number is a double, which nothing here replies.
const areNumbers = process.argv.includes('numbers');

// Strings arrive as Buffers.
export function neutral(reply) {
  if (reply === null) return null;
  if (Buffer.isBuffer(reply)) return reply.toString('latin1');
  if (Array.isArray(reply)) return reply.map(neutral);
  if (reply instanceof Error) return { error: reply.message };
  if (areNumbers && Number.isSafeInteger(reply)) return reply;
  if (areNumbers && Number.isInteger(reply)) return { inexact: String(reply) };
  if (typeof reply === 'string' && /^-?\d+$/.test(reply)) return { integer: reply };
  // Both make text of a map's keys; ioredis makes an object of it.
  const isPlain = typeof reply === 'object' && [null, Object.prototype].includes(Object.getPrototypeOf(reply));
  const pairs = reply instanceof Map ? [...reply] : isPlain ? Object.entries(reply) : null;
  return pairs ? { map: pairs.map(([key, value]) => [key, neutral(value)]) } : { unexpected: String(reply) };
}

// Calls `send` with each batch of commands, which are arrays of Buffers, and prints the replies.
export async function serve(send) {
  let batch = [];
  for await (const line of createInterface({ input: process.stdin })) {
    if (line !== '') {
      batch.push(line.split(' ').map((word) => Buffer.from(unescape(word), 'latin1')));
      continue;
    }
    const replies = await send(batch);
    process.stdout.write(replies.map((reply) => `${JSON.stringify(neutral(reply))}\n`).join(''));
    batch = [];
  }
  process.exit(0);
}

// For commands of which each has a promise of its own: an error is a reply as others are.
export async function settled(promises) {
  return (await Promise.allSettled(promises)).map(({ value, reason }) => (reason === undefined ? value : reason));
}
