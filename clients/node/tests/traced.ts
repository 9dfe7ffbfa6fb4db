/**
 * Adds traced jobs, or works on such: what the conformance suite pairs with the other languages. `traces.rs` there tells what it prints.
 *
 *     node traced.js redis://… add ID KEY… | work KEY
 */

import { context, propagation, type SpanContext } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base';
import { JSON_CODEC, Tsgen, Worker } from '../src/index.js';
import { Spans, traced } from '../src/otel.js';

const exporter = new InMemorySpanExporter();
const tracer = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }).getTracer('test');
context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
propagation.setGlobalPropagator(new W3CTraceContextPropagator());

const names = ({ traceId, spanId }: SpanContext) => `${traceId}-${spanId}`;
const say = (...words: unknown[]) => process.stdout.write(`${words.join(' ')}\n`);

const [url, what, ...rest] = process.argv.slice(2);
const t = new Tsgen(url, { codec: traced(JSON_CODEC) });
if (what === 'add') {
  const [id = '', ...keys] = rest;
  for (const key of keys) {
    await tracer.startActiveSpan('produce', async (span) => {
      await t.delayQueue(key).add(id, { to: 'Zoë ☃' });
      span.end();
      say('produced', key, names(span.spanContext()));
    });
  }
  t.close();
} else {
  const seen = new Map<unknown, string>();
  const note = async ({ id, payload }: { id: string; payload: { to: string } }) => void seen.set(id, payload.to);
  new Worker<{ to: string }>(t, rest[0] ?? '', note, { hooks: new Spans(tracer) });
  await t.runUntilEmpty();
  for (const { attributes, links } of exporter.getFinishedSpans()) {
    const id = attributes['messaging.message.id'];
    say('linked', id, links.map((link) => names(link.context)).join(), seen.get(id));
  }
}
