/** A server of the tests' own, that `make test-clients` starts: REDIS_URL, with `tsgen.virtual-clock yes`; and POSTGRES_DSN. */

import { after, beforeEach } from 'node:test';
import { Tsgen, type Word } from '../src/index.js';

export const REDIS_URL = needed('REDIS_URL');

export function needed(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set: \`make test-clients\` sets it`);
  return value;
}

const opened: Tsgen[] = [];

/** A Tsgen that is closed after the tests of the file. */
export function tsgen(options: ConstructorParameters<typeof Tsgen>[1] = {}): Tsgen {
  const t = new Tsgen(REDIS_URL, { logger: { warn() {}, error() {} }, ...options });
  opened.push(t);
  return t;
}

const admin = tsgen();

export function redis(...words: Word[]): ReturnType<Tsgen['raw']> {
  return admin.raw(...words);
}

/** Waits for it, ten seconds at the most. */
export async function until(what: string, isSo: () => Promise<boolean>): Promise<void> {
  for (const end = Date.now() + 10_000; !(await isSo()); ) {
    if (Date.now() > end) throw new Error(`not within ten seconds: ${what}`);
  }
}

beforeEach(async () => {
  await admin.raw('FLUSHALL');
});
after(() => {
  for (const t of opened) t.close();
});
