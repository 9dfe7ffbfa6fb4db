/** Workers in one process: bursts, the virtual clock, hooks, codecs. What crashes and failovers bring is in `clients/conformance`. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { context, propagation, type Span, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base';
import { Registry } from 'prom-client';
import { Dead, JSON_CODEC, Retry, Worker } from '../src/index.js';
import { Spans, traced } from '../src/otel.js';
import { Metrics } from '../src/prometheus.js';
import { redis, tsgen } from './server.js';

const START = 1_800_000_000_000;

test('a virtual hour', async () => {
  const t = tsgen();
  const seen: unknown[] = [];
  new Worker(t, 'mails', (job) => seen.push([job.id, job.payload, job.deliveries]), { concurrency: 3 });
  const clock = await t.virtualClock(START);
  const mails = t.delayQueue('mails');
  await mails.add('a', { n: 1 }, { delay: '1h' });
  await mails.add('b', { n: 2 }, { delay: 3_601_000 });
  await t.runUntilEmpty();
  assert.deepEqual(seen, []);
  clock.jump('1h');
  await t.runUntilEmpty();
  assert.deepEqual(seen, [['a', { n: 1 }, 1]]);
  assert.equal((await mails.info()).waiting, 1);
});

test('retries go by the clock', async () => {
  const t = tsgen();
  const seen: number[] = [];
  new Worker(t, 'mails', async ({ deliveries }) => {
    seen.push(deliveries);
    if (deliveries === 1) throw new Retry('', { after: '60s' });
    if (deliveries === 2) throw new Dead('enough');
  });
  const clock = await t.virtualClock(START);
  const mails = t.delayQueue('mails');
  await mails.add('a');
  await t.runUntilEmpty();
  clock.jump('59s');
  await t.runUntilEmpty();
  assert.deepEqual(seen, [1]);
  clock.jump('1s');
  await t.runUntilEmpty();
  assert.deepEqual(seen, [1, 2]);
  assert.deepEqual(
    (await mails.dead()).map(({ reason }) => reason),
    ['enough'],
  );
});

test('other families', async () => {
  const t = tsgen();
  const got: unknown[] = [];
  t.debounce<number | string>('scans').worker((job) => got.push([job.id, job.reason, job.items.map(({ item }) => item)]));
  t.tally('likes').worker((batch) => got.push([batch.number > 0n, batch.sums]));
  await t.debounce('scans').push('g', 1, 'two');
  await t.debounce('scans').flush('g');
  await t.tally('likes').create();
  await t.tally('likes').incr('v', 2n ** 62n);
  await t.tally('likes').seal();
  await t.runUntilEmpty();
  got.sort();
  assert.deepEqual(got, [
    ['g', 'flush', [1, 'two']],
    [true, new Map([['v', 2n ** 62n]])],
  ]);
});

test('hooks that fail change nothing', async () => {
  const t = tsgen();
  const told: unknown[] = [];
  const hooks = {
    onClaim() {
      throw new Error('no');
    },
    onDone(job: { id: string }, ms: number) {
      told.push([job.id, ms >= 0]);
      throw new Error('no');
    },
  };
  new Worker(t, 'mails', () => {}, { hooks });
  await t.delayQueue('mails').add('a');
  await t.runUntilEmpty();
  assert.deepEqual(told, [['a', true]]);
  assert.equal((await t.delayQueue('mails').info()).acked, 1);
});

test('hooks surround the handler, the last one outermost', async () => {
  const t = tsgen();
  const steps: string[] = [];
  const around = (name: string) => ({
    async around(_: unknown, run: () => Promise<void>) {
      steps.push(`${name} begins`);
      await run();
      steps.push(`${name} ends`);
    },
  });
  new Worker(t, 'mails', () => steps.push('handler'), { hooks: [around('a'), around('b')] });
  await t.delayQueue('mails').add('a');
  await t.runUntilEmpty();
  assert.deepEqual(steps, ['b begins', 'a begins', 'handler', 'a ends', 'b ends']);
});

test('what ends a worker ends all, and is thrown', async () => {
  const t = tsgen();
  await t.debounce('mails').push('g', 1);
  new Worker(t, 'mails', () => {});
  new Worker(t, 'others', () => {});
  await assert.rejects(t.run(), { message: /not a TSGEN key/ });
});

test('a worker says how long ago it claimed', async () => {
  const t = tsgen();
  const ages: number[] = [];
  const worker = new Worker(t, 'mails', () => {
    ages.push(worker.sinceLastClaim);
  });
  assert.equal(worker.sinceLastClaim, Number.POSITIVE_INFINITY);
  await t.delayQueue('mails').add('a');
  await t.runUntilEmpty();
  assert.equal(ages.length, 1);
  assert.ok(0 <= (ages[0] ?? -1) && (ages[0] ?? 0) < 5000);
});

test('stop ends a worker that waits', async () => {
  const t = tsgen();
  const worker = new Worker(t, 'mails', () => {});
  await worker.run({ ready: () => setImmediate(() => worker.stop()) });
  assert.equal(Number((await redis('EXISTS', 'mails')) ?? -1), 0);
});

test('bad options are refused', () => {
  const t = tsgen();
  for (const options of [{ concurrency: 0 }, { concurrency: 10_001 }, { concurrency: 1.5 }, { lease: -1 }, { shutdownTimeout: 'soon' }]) {
    assert.throws(() => new Worker(t, 'mails', () => {}, options), { name: 'RangeError', message: /must/ });
  }
  assert.throws(() => new Worker(t, [], () => {}), /at least one key/);
});

test('missed runs are one run', async () => {
  const t = tsgen();
  const seen: unknown[] = [];
  await t.recurring('reports', 'hourly', '0 * * * *', { payload: { n: 1 } });
  new Worker(t, 'reports', (job) => seen.push([job.id, job.payload]));
  const clock = await t.virtualClock(START);
  await t.runUntilEmpty();
  clock.jump('3h');
  await t.runUntilEmpty();
  assert.deepEqual(seen, [[`hourly@${START + 3_600_000 - (START % 3_600_000)}`, { n: 1 }]]);
  const [next, ...more] = await t.tsgen('reports').range();
  const at = Number(next?.timestamp);
  assert.deepEqual([next?.id, more], [`hourly@${at}`, []]);
  assert.ok(clock.nowMs < at && at <= clock.nowMs + 3_600_000);
});

test('a dead run has a successor', async () => {
  const t = tsgen();
  new Worker(t, 'reports', () => {
    throw new Dead('no');
  });
  await t.recurring('reports', 'hourly', '0 * * * *');
  const clock = await t.virtualClock(START);
  await t.runUntilEmpty();
  clock.jump('1h');
  await t.runUntilEmpty();
  const { dead, waiting } = await t.tsgen('reports').info();
  assert.deepEqual([dead, waiting], [1, 1]);
});

test('spans are linked to those of their producers', async () => {
  const exporter = new InMemorySpanExporter();
  const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  propagation.setGlobalPropagator(new W3CTraceContextPropagator());
  const tracer = provider.getTracer('test');
  const t = tsgen({ codec: traced(JSON_CODEC) });
  const seen: unknown[] = [];
  const active: (Span | undefined)[] = [];
  new Worker(
    t,
    'mails',
    (job) => {
      seen.push(job.payload.n);
      active.push(trace.getActiveSpan());
      if (job.id === 'plain') throw new Dead('no');
    },
    { hooks: new Spans(tracer) },
  );
  await tracer.startActiveSpan('produce', async (span) => {
    await t.delayQueue('mails').add('a', { n: 1 });
    span.end();
  });
  await redis('TSGEN.ADD', 'mails', '+0', 'plain', '{"n":2}');
  await t.runUntilEmpty();
  assert.deepEqual(seen, [1, 2]);
  const spans = exporter.getFinishedSpans();
  const of = (id?: string) => spans.find(({ attributes }) => attributes['messaging.message.id'] === id);
  assert.deepEqual(
    of('a')?.links.map((link) => link.context.spanId),
    [of()?.spanContext().spanId],
  );
  assert.deepEqual(
    active.map((span) => span?.spanContext().spanId),
    [of('a')?.spanContext().spanId, of('plain')?.spanContext().spanId],
  );
  assert.deepEqual([of('plain')?.links, of('plain')?.events[0]?.name], [[], 'exception']);
});

test('metrics', async () => {
  const registry = new Registry();
  const t = tsgen();
  new Worker(
    t,
    'mails',
    ({ id }) => {
      if (id === 'b') throw new Dead();
    },
    { hooks: new Metrics(registry) },
  );
  for (const id of 'abc') await t.delayQueue('mails').add(id);
  await t.runUntilEmpty();
  const page = await registry.metrics();
  for (const line of [
    'tsgen_jobs_total{key="mails",outcome="done"} 2',
    'tsgen_jobs_total{key="mails",outcome="failed"} 1',
    'tsgen_jobs_running{key="mails"} 0',
    'tsgen_job_seconds_count{key="mails"} 3',
  ]) {
    assert.ok(page.split('\n').includes(line), `${line} in\n${page}`);
  }
});
