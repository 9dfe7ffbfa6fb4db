"""Prometheus (the extra `tsgen[prometheus]`): `@t.worker("mails", hooks=[Metrics()])`. One object for all workers of a process."""

from __future__ import annotations

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram

from .hooks import Hooks
from .jobs import Job


class Metrics(Hooks):
    """How many handlers run, how they ended (`done`, `failed`, `lost`), and after how many seconds; by key."""

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        self.running = Gauge("tsgen_jobs_running", "Jobs that have been claimed and have not ended", ["key"], registry=registry)
        self.ended = Counter("tsgen_jobs", "Jobs that have ended, by how", ["key", "outcome"], registry=registry)
        self.seconds = Histogram("tsgen_job_seconds", "How long handlers took", ["key"], registry=registry)

    def on_claim(self, job: Job) -> None:
        self.running.labels(job.key).inc()

    def _end(self, job: Job, outcome: str, seconds: float | None) -> None:
        self.running.labels(job.key).dec()
        self.ended.labels(job.key, outcome).inc()
        if seconds is not None:
            self.seconds.labels(job.key).observe(seconds)

    def on_done(self, job: Job, seconds: float) -> None:
        self._end(job, "done", seconds)

    def on_failed(self, job: Job, error: BaseException, seconds: float) -> None:
        self._end(job, "failed", seconds)

    def on_lost(self, job: Job) -> None:
        self._end(job, "lost", None)
