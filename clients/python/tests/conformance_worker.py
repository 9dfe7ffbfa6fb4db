"""The worker that the conformance suite runs; `clients/conformance/README.md` tells what it must do.

python conformance_worker.py threads|asyncio '{"url": "redis://…", "keys": ["jobs"], …}'
"""

import asyncio
import json
import logging
import sys
import time

from tsgen import AsyncTsgen, Batch, Dead, Element, Expired, Group, Hooks, Retry, Tsgen


def say(*words):
    # One write: lines of several threads must not mix.
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


def micros():
    return time.time_ns() // 1000


class Unprintable(Exception):
    def __str__(self):
        raise RuntimeError("no text")


def content(job):
    """What the handler got, as JSON with bytes as text."""
    match job:
        case Group():
            return [job.reason, [item for item, _ in job.items], all(at > 1_600_000_000_000 for _, at in job.items)]
        case Expired():
            return [job.type, job.value and job.value.decode("latin-1"), job.reason, job.deadline > 1_600_000_000_000]
        case Batch():
            return [len(job.sums), sum(job.sums.values()), job.number > 0, job.sealed_at >= job.opened_at]
        case Element():
            return job.payload


def steps(job):
    """What the payload asks for: yields seconds to sleep, and raises or returns in the end."""
    say("start", job.id, job.deliveries, micros())
    try:
        order = job.payload if isinstance(job, Element) and isinstance(job.payload, dict) else {"do": "tell"}
        match order.get("do"):
            case "sleep":
                yield order["ms"] / 1000
            case "hold":
                while not job.lost.is_set():
                    yield 0.01
            case "deaf":
                yield 3600
            case "fail":
                raise RuntimeError(order["text"])
            case "fail-once" if job.deliveries == 1:
                raise RuntimeError("the first time")
            case "fail-bytes":
                raise RuntimeError(bytes.fromhex(order["hex"]).decode(errors="surrogateescape"))
            case "unprintable":
                raise Unprintable
            case "exit":
                sys.exit(3)
            case "retry" if job.deliveries == 1:
                raise Retry("later", after=order["ms"] / 1000)
            case "dead":
                raise Dead(order["text"])
            case "tell":
                say("got", job.id, json.dumps(content(job), separators=(",", ":")))
    finally:
        say("end", job.id, micros())


def blocking(job):
    for seconds in steps(job):
        time.sleep(seconds)


async def in_loop(job):
    for seconds in steps(job):
        await asyncio.sleep(seconds)


class Tell(Hooks):
    def on_done(self, job, seconds):
        say("done", job.id)

    def on_failed(self, job, error, seconds):
        say("failed", job.id)

    def on_lost(self, job):
        say("lost", job.id)


def main():
    face, config = sys.argv[1], json.loads(sys.argv[2])
    t = (AsyncTsgen if face == "asyncio" else Tsgen)(config["url"])
    for job in config.get("recurring", []):
        t.recurring(config["keys"][0], job["name"], job["cron"], tz=job.get("tz", "UTC"))
    t.worker(
        *config["keys"],
        family=config.get("family", "TSGEN"),
        concurrency=config.get("concurrency", 1),
        lease=config.get("lease_ms", 30_000) / 1000,
        shutdown_timeout=config.get("shutdown_timeout_ms", 30_000) / 1000,
        hooks=[Tell()],
    )(in_loop if face == "asyncio" else blocking)
    try:
        t.run(burst=config.get("burst", False), ready=lambda: say("ready"))
    except Exception as error:
        say("error", *filter(None, [getattr(error, "status_code", None), error]))
        sys.exit(1)
    say("stopped")


logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
main()
