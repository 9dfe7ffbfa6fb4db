"""OpenTelemetry (the extra `tsgen[otel]`): a span for each job, linked to that of its producer.

    t = Tsgen(codec=Traced(JSON))                       # both where jobs are added and where they are worked on
    @t.worker("mails", hooks=[Spans()])

A traced payload is a line `tsgen-headers {"traceparent": …}`, and behind it the payload as the other codec writes it. What has no such
line is read as it is, so producers may begin or end to trace at any time, if all workers use the codec.
"""

from __future__ import annotations

import json
from contextlib import AbstractContextManager
from typing import Any

from opentelemetry import propagate, trace

from .hooks import Hooks
from .jobs import Codec, Element, Job

MARK = b"tsgen-headers "


def _split(data: bytes) -> tuple[dict[str, str], bytes]:
    """Headers and payload; no headers if the line is none."""
    if not data.startswith(MARK):
        return {}, data
    line, _, payload = data[len(MARK) :].partition(b"\n")
    try:
        headers = json.loads(line)
    except ValueError:
        return {}, data
    return (headers, payload) if isinstance(headers, dict) else ({}, data)


class Traced:
    """A codec around another one."""

    def __init__(self, codec: Codec) -> None:
        self.codec = codec

    def encode(self, value: Any) -> bytes:
        headers: dict[str, str] = {}
        propagate.inject(headers)
        payload = self.codec.encode(value)
        return MARK + json.dumps(headers).encode() + b"\n" + payload if headers else payload

    def decode(self, data: bytes) -> Any:
        return self.codec.decode(_split(data)[1])


class Spans(Hooks):
    """A span around each handler. It has the error, if there is one; its attributes are those of the messaging conventions."""

    def __init__(self, tracer: trace.Tracer | None = None) -> None:
        self.tracer = tracer or trace.get_tracer("tsgen")

    def around(self, job: Job) -> AbstractContextManager[Any]:
        headers = _split(job.raw)[0] if isinstance(job, Element) else {}
        producer = trace.get_current_span(propagate.extract(headers)).get_span_context() if headers else None
        return self.tracer.start_as_current_span(
            f"process {job.key}",
            kind=trace.SpanKind.CONSUMER,
            links=[trace.Link(producer)] if producer and producer.is_valid else [],
            attributes={
                "messaging.system": "tsgen",
                "messaging.operation.type": "process",
                "messaging.destination.name": job.key,
                "messaging.message.id": job.id,
                "tsgen.deliveries": job.deliveries,
            },
        )
