"""Adds traced jobs, or works on such: what the conformance suite pairs with the other languages. `traces.rs` there tells what it prints.

python traced.py redis://… add ID KEY… | work KEY
"""

import sys

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from tsgen import Tsgen
from tsgen.jobs import JSON
from tsgen.otel import Spans, Traced

exporter, provider = InMemorySpanExporter(), TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(exporter))
tracer = provider.get_tracer("test")


def names(context):
    return f"{context.trace_id:032x}-{context.span_id:016x}"


def add(t, id, *keys):
    for key in keys:
        with tracer.start_as_current_span("produce") as span:
            t.delay_queue(key).add(id, {"to": "Zoë ☃"})
        print("produced", key, names(span.context))


def work(t, key):
    seen = {}

    @t.worker(key, hooks=[Spans(tracer)])
    def note(job):
        seen[job.id] = job.payload["to"]

    t.run_until_empty()
    for span in exporter.get_finished_spans():
        id = span.attributes["messaging.message.id"]
        print("linked", id, ",".join(names(link.context) for link in span.links), seen[id])


if __name__ == "__main__":
    _, url, what, *rest = sys.argv
    {"add": add, "work": work}[what](Tsgen(url, codec=Traced(JSON)), *rest)
