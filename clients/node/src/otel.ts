/**
 * OpenTelemetry; needs the package @opentelemetry/api: a span for each job, linked to that of its producer.
 *
 *     const t = new Tsgen(url, { codec: traced(JSON_CODEC) });    // both where jobs are added and where they are worked on
 *     new Worker(t, 'mails', send, { hooks: new Spans() });
 *
 * A traced payload is a line `tsgen-headers {"traceparent": …}`, and behind it the payload as the other codec writes it. What has no such
 * line is read as it is, so producers may begin or end to trace at any time, if all workers use the codec.
 */

import { type Context, context, propagation, ROOT_CONTEXT, SpanKind, SpanStatusCode, type Tracer, trace } from '@opentelemetry/api';
import type { Codec } from './codec.js';
import type { Hooks } from './hooks.js';
import { Element, type Job } from './jobs.js';
import { nameOf } from './words.js';

const MARK = Buffer.from('tsgen-headers ');

/** Headers and payload; no headers if the line is none. */
function split(data: Buffer): { headers: Record<string, unknown>; payload: Buffer } {
  const end = data.indexOf(10);
  if (end > 0 && data.subarray(0, MARK.length).equals(MARK)) {
    try {
      const headers: unknown = JSON.parse(data.subarray(MARK.length, end).toString());
      if (headers !== null && typeof headers === 'object' && !Array.isArray(headers)) {
        return { headers: headers as Record<string, unknown>, payload: data.subarray(end + 1) };
      }
    } catch {
      // No headers, then: a payload that happens to begin like this.
    }
  }
  return { headers: {}, payload: data };
}

/** A codec around another one. */
export function traced(codec: Codec): Codec {
  return {
    encode(value) {
      const headers = {};
      propagation.inject(context.active(), headers);
      const payload = Buffer.from(codec.encode(value));
      return Object.keys(headers).length ? Buffer.concat([MARK, Buffer.from(`${JSON.stringify(headers)}\n`), payload]) : payload;
    },
    decode: (data) => codec.decode(split(data).payload),
  };
}

/** A span around each handler. It has the error, if there is one; its attributes are those of the messaging conventions. */
export class Spans implements Hooks {
  readonly #tracer: Tracer;

  constructor(tracer: Tracer = trace.getTracer('tsgen')) {
    this.#tracer = tracer;
  }

  async around(job: Job, run: () => Promise<void>): Promise<void> {
    const from: Context = job instanceof Element ? propagation.extract(ROOT_CONTEXT, split(job.raw).headers) : ROOT_CONTEXT;
    const producer = trace.getSpanContext(from);
    const options = {
      kind: SpanKind.CONSUMER,
      links: producer ? [{ context: producer }] : [],
      attributes: {
        'messaging.system': 'tsgen',
        'messaging.operation.type': 'process',
        'messaging.destination.name': job.key,
        'messaging.message.id': job.id,
        'tsgen.deliveries': job.deliveries,
      },
    };
    await this.#tracer.startActiveSpan(`process ${job.key}`, options, async (span) => {
      try {
        await run();
      } catch (error) {
        span.recordException(error instanceof Error ? error : nameOf(error));
        span.setStatus({ code: SpanStatusCode.ERROR });
        throw error;
      } finally {
        span.end();
      }
    });
  }
}
