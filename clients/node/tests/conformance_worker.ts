/**
 * The worker that the conformance suite runs; `clients/conformance/README.md` tells what it must do.
 *
 *     node conformance_worker.js '{"url": "redis://…", "keys": ["jobs"], …}'
 */

import { setTimeout as sleep } from 'node:timers/promises';
import { Batch, codeOf, Dead, Element, Expired, type Family, Group, type Hooks, type Job, Retry, Tsgen, Worker } from '../src/index.js';

interface Config {
  url: string;
  keys: string[];
  family?: Family;
  concurrency?: number;
  lease_ms?: number;
  shutdown_timeout_ms?: number;
  burst?: boolean;
  recurring?: { name: string; cron: string; tz?: string }[];
}

interface Order {
  do?: string;
  ms: number;
  text: string;
  hex: string;
}

function say(...words: unknown[]): void {
  process.stdout.write(`${words.join(' ')}\n`);
}

const micros = () => Math.round((performance.timeOrigin + performance.now()) * 1000);

/** Plausible, for a time in Unix ms. */
const isTime = (at: number) => at > 1_600_000_000_000;

/** What the handler got, as JSON with bytes as text. */
function content(job: Job): unknown {
  if (job instanceof Group) return [job.reason, job.items.map(({ item }) => item), job.items.every(({ at }) => isTime(at))];
  if (job instanceof Expired) return [job.type, job.value?.toString('latin1') ?? null, job.reason, isTime(job.deadline)];
  if (job instanceof Batch) {
    const total = job.entries.reduce((sum, [, delta]) => sum + delta, 0n);
    return [job.entries.length, Number(total), job.number > 0n, job.sealedAt >= job.openedAt];
  }
  return job instanceof Element ? job.payload : null;
}

async function work(job: Job): Promise<void> {
  say('start', job.id, job.deliveries, micros());
  try {
    const payload: unknown = job instanceof Element ? job.payload : null;
    await follow(job, payload !== null && typeof payload === 'object' ? (payload as Order) : ({ do: 'tell' } as Order));
  } finally {
    say('end', job.id, micros());
  }
}

async function follow(job: Job, order: Order): Promise<void> {
  const isFirst = job.deliveries === 1;
  switch (order.do) {
    case 'sleep':
      await sleep(order.ms, undefined, { signal: job.signal });
      break;
    case 'hold':
      while (!job.lost) await sleep(10);
      break;
    case 'deaf':
      await sleep(3_600_000);
      break;
    case 'fail':
      throw new Error(order.text);
    case 'fail-once':
      if (isFirst) throw new Error('the first time');
      break;
    case 'fail-bytes':
      // Halves of surrogate pairs: text that has no UTF-8.
      throw new Error([...Buffer.from(order.hex, 'hex')].map((byte) => String.fromCharCode(byte < 128 ? byte : 0xdc00 + byte)).join(''));
    case 'unprintable':
      throw Object.create(null);
    case 'exit':
      // There is no way to end the process that could be stopped; what comes nearest is to throw what is no error.
      throw null;
    case 'retry':
      if (isFirst) throw new Retry('later', { after: order.ms });
      break;
    case 'dead':
      throw new Dead(order.text);
    case 'tell':
      say('got', job.id, JSON.stringify(content(job)));
  }
}

const config = JSON.parse(process.argv[2] ?? '{}') as Config;
const hooks: Hooks = {
  onDone: (job) => say('done', job.id),
  onFailed: (job) => say('failed', job.id),
  onLost: (job) => say('lost', job.id),
};
const log = (line: string) => process.stderr.write(`${new Date().toISOString()} ${line}\n`);
const t = new Tsgen(config.url, { logger: { warn: log, error: log } });
for (const { name, cron, tz } of config.recurring ?? []) await t.recurring(config.keys[0] as string, name, cron, tz ? { tz } : {});
new Worker<unknown, Family>(t, config.keys, work, {
  family: config.family ?? 'TSGEN',
  concurrency: config.concurrency ?? 1,
  lease: config.lease_ms ?? 30_000,
  shutdownTimeout: config.shutdown_timeout_ms ?? 30_000,
  hooks,
});
try {
  await t.run({ burst: config.burst ?? false, ready: () => say('ready') });
  say('stopped');
} catch (error) {
  // Its text begins with the code, where the server has said it.
  say('error', ...(codeOf(error) ? [] : ['none']), error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
