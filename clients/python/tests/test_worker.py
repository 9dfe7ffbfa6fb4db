"""Workers in one process: bursts, the virtual clock, hooks, codecs. What crashes and failovers bring is in `clients/conformance`."""

import asyncio
import contextvars
import threading
from datetime import datetime, timezone

import pytest

from tsgen import Dead, Hooks, Retry, Worker
from tsgen.cron import Schedule
from tsgen.jobs import JSON
from tsgen.otel import Spans, Traced
from tsgen.prometheus import Metrics
from tsgen.words import ranges, reason_of

START = 1_800_000_000_000


def test_a_virtual_hour(t):
    seen = []
    t.worker("mails", concurrency=3)(lambda job: seen.append((job.id, job.payload, job.deliveries)))
    clock = t.virtual_clock(START)
    mails = t.delay_queue("mails")
    mails.add("a", {"n": 1}, delay=3600)
    mails.add("b", {"n": 2}, delay=3601)
    t.run_until_empty()
    assert seen == []
    clock.jump(3600)
    t.run_until_empty()
    assert seen == [("a", {"n": 1}, 1)]
    assert mails.info()["waiting"] == 1


def test_retries_go_by_the_clock(t):
    seen = []

    @t.worker("mails")
    def work(job):
        seen.append(job.deliveries)
        if job.deliveries == 1:
            raise Retry(after=60)
        if job.deliveries == 2:
            raise Dead("enough")

    clock = t.virtual_clock(START)
    mails = t.delay_queue("mails")
    mails.add("a")
    t.run_until_empty()
    clock.jump(59)
    t.run_until_empty()
    assert seen == [1]
    clock.jump(1)
    t.run_until_empty()
    assert (seen, [letter.reason for letter in mails.dead()]) == ([1, 2], [b"enough"])


def test_coroutines_and_functions(a, t):
    seen = set()

    @a.worker("mails", concurrency=5)
    async def work(job):
        await asyncio.sleep(0.01)
        seen.add(job.id)

    mails = t.delay_queue("mails")
    for n in range(20):
        mails.add(f"m{n}")
    asyncio.run(a.serve(burst=True))
    assert len(seen) == 20
    assert mails.info()["acked"] == 20


def test_other_families(t):
    got = []
    t.debounce("scans").worker()(lambda job: got.append((job.id, job.reason, [item for item, _ in job.items])))
    t.tally("likes").worker()(lambda batch: got.append((batch.number > 0, batch.sums)))
    t.debounce("scans").push("g", 1, "two")
    t.debounce("scans").flush("g")
    t.tally("likes").create()
    t.tally("likes").incr("v", 2**62)
    t.tally("likes").seal()
    t.run_until_empty()
    assert sorted(got, key=str) == [("g", "flush", [1, "two"]), (True, {b"v": 2**62})]


def test_hooks_that_fail_change_nothing(t):
    told = []

    class Broken(Hooks):
        def on_claim(self, job):
            raise RuntimeError

        def on_done(self, job, seconds):
            told.append((job.id, seconds >= 0))
            raise RuntimeError

    t.worker("mails", hooks=[Broken()])(lambda job: None)
    t.delay_queue("mails").add("a")
    t.run_until_empty()
    assert told == [("a", True)]
    assert t.delay_queue("mails").info()["acked"] == 1


def test_what_ends_a_worker_is_raised(t):
    t.debounce("mails").push("g", 1)
    t.worker("mails")(print)
    t.worker("others")(print)
    with pytest.raises(Exception, match="not a TSGEN key"):
        t.run()


def test_a_worker_says_how_long_ago_it_claimed(t):
    ages = []

    @t.worker("mails")
    def work(job):
        ages.extend(worker.since_last_claim() for worker in t.workers)

    t.delay_queue("mails").add("a")
    t.run_until_empty()
    assert len(ages) == 1
    assert 0 <= ages[0] < 5


def test_context_reaches_threads(t):
    name, seen = contextvars.ContextVar("name", default="none"), []
    t.worker("mails")(lambda job: seen.append((name.get(), threading.current_thread().daemon)))
    t.delay_queue("mails").add("a")
    name.set("outside")
    t.run_until_empty()
    assert seen == [("outside", True)]


def test_bad_options_are_refused(url):
    for options in ({"concurrency": 0}, {"concurrency": 10_001}, {"lease": -1}):
        with pytest.raises(ValueError, match="must"):
            Worker(url, "TSGEN", ["mails"], print, **options)
    with pytest.raises(ValueError, match="at least one key"):
        Worker(url, "TSGEN", [], print)


def test_ranges():
    assert ranges([]) == []
    assert ranges([7]) == ["7"]
    assert ranges([5, 3, 4, 9, 11, 10]) == ["3-5", "9-11"]


def test_reasons_can_always_be_sent():
    class Odd(Exception):
        def __str__(self):
            raise RuntimeError

    assert reason_of(ValueError("bad")) == b"ValueError: bad"
    assert reason_of(Dead("bad")) == b"bad"
    assert reason_of(ValueError()) == b"ValueError"
    assert reason_of(Odd()) == b"Odd: (what it says cannot be printed)"
    assert reason_of(ValueError("\udcff")) == b"ValueError: \\udcff"
    assert len(reason_of(ValueError("é" * 5000))) <= 1024


def test_schedules_in_time_zones():
    nightly = Schedule("reports", "nightly", "30 2 * * *", "Europe/Berlin", None)

    def at(*when):
        return round(datetime(2026, 3, *when, tzinfo=timezone.utc).timestamp() * 1000)

    # At night clocks go from 02:00 to 03:00, which is 01:00 UTC. There is no 02:30 in it, so the run comes when that hour begins.
    assert nightly.next_after(at(28, 0)) == at(28, 1, 30)
    assert nightly.next_after(at(28, 1, 30)) == at(29, 1)
    assert nightly.next_after(at(29, 1)) == at(30, 0, 30)
    for cron, tz in (("30 2 * *", "UTC"), ("61 * * * *", "UTC"), ("* * * * *", "Nowhere/Land")):
        with pytest.raises(ValueError, match="is no schedule"):
            Schedule("k", "n", cron, tz, None)


def test_missed_runs_are_one_run(t):
    seen = []
    t.recurring("reports", "hourly", "0 * * * *", payload={"n": 1})
    t.worker("reports")(lambda job: seen.append((job.id, job.payload)))
    clock = t.virtual_clock(START)
    t.run_until_empty()
    clock.jump(3 * 3600)
    t.run_until_empty()
    assert seen == [(f"hourly@{START + 3_600_000 - START % 3_600_000}", {"n": 1})]
    [[id, at, _]] = t.tsgen("reports").range()
    assert id == f"hourly@{at}".encode()
    assert clock.now_ms < at <= clock.now_ms + 3_600_000


def test_a_dead_run_has_a_successor(t):
    @t.worker("reports")
    def work(job):
        raise Dead("no")

    t.recurring("reports", "hourly", "0 * * * *")
    clock = t.virtual_clock(START)
    t.run_until_empty()
    clock.jump(3600)
    t.run_until_empty()
    info = t.tsgen("reports").info()
    assert (info["dead"], info["waiting"]) == (1, 1)


def test_spans_are_linked_to_their_producers(t, url):
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer = provider.get_tracer("test")
    t.codec, seen = Traced(JSON), []
    t.worker("mails", hooks=[Spans(tracer)])(lambda job: seen.append(job.payload))
    with tracer.start_as_current_span("produce"):
        t.delay_queue("mails").add("a", {"n": 1})
    t.tsgen("mails").server.client.execute_command("TSGEN.ADD", "mails", "+0", "plain", '{"n":2}')
    t.run_until_empty()
    assert sorted(seen, key=str) == [{"n": 1}, {"n": 2}]
    spans = {span.attributes.get("messaging.message.id"): span for span in exporter.get_finished_spans()}
    assert [link.context.span_id for link in spans["a"].links] == [spans[None].context.span_id]
    assert spans["plain"].links == ()


def test_metrics(t):
    from prometheus_client import CollectorRegistry

    registry = CollectorRegistry()

    @t.worker("mails", hooks=[Metrics(registry)])
    def work(job):
        if job.id == "b":
            raise Dead

    for id in "abc":
        t.delay_queue("mails").add(id)
    t.run_until_empty()

    def value(name, **labels):
        return registry.get_sample_value(name, {"key": "mails", **labels})

    assert (value("tsgen_jobs_total", outcome="done"), value("tsgen_jobs_total", outcome="failed")) == (2, 1)
    assert (value("tsgen_jobs_running"), value("tsgen_job_seconds_count")) == (0, 3)
