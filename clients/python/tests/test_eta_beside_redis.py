"""The oldest complaint about Celery on Redis: a task whose ETA is further away than the visibility timeout runs several times.

70 minutes beside a visibility timeout of 60, with minutes of 300 ms, on both transports at once. Everything that Celery's Redis transport
has as a time is scaled alike: it looks for messages to deliver again every 100 s, which is every 500 ms here.
"""

import json
import os
import time
from pathlib import Path

import pytest
import redis
from celery import Celery
from processes import eventually

import tsgen.celery  # noqa: F401
from tsgen import RAW, Tsgen

MINUTE = 0.3


class Pair:
    """Two workers of one transport, who acknowledge late or early, in databases of their own."""

    def __init__(self, start, url, scheme, database, acks_late, transport):
        broker = f"{url.replace('redis', scheme)}/{database}"
        self.app = Celery(f"client-{scheme}", broker=broker, broker_transport_options=transport)
        self.told = redis.Redis.from_url(f"{url}/2")
        path = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
        environment = {
            "PYTHONPATH": path,
            "REDIS_URL": url,
            "BROKER_URL": broker,
            "TRANSPORT_OPTIONS": json.dumps(transport),
            "CELERY_OPTIONS": json.dumps({"task_acks_late": acks_late}),
        }
        for n in (1, 2):
            name = f"{scheme}-{n}-{acks_late}@here"
            worker = start("celery", "-A", "celery_app", "worker", "-c", "1", "-l", "info", "-n", name, "--without-mingle", **environment)
            worker.wait_for(" ready.")

    def runs(self, name):
        return self.told.lrange("runs", 0, -1).count(name.encode())


@pytest.mark.parametrize("acks_late", [False, True])
def test_an_eta_of_70_minutes(t, url, start, acks_late):
    theirs = Pair(
        start,
        url,
        "redis",
        3,
        acks_late,
        {"visibility_timeout": 60 * MINUTE, "unacked_restore_interval": 0.5, "unacked_restore_throttle": 1},
    )
    # A lease of half a minute, in minutes of 300 ms: it would end 140 times.
    ours = Pair(start, url, "tsgen", 4, acks_late, {"lease": MINUTE / 2})
    due = time.time() + 70 * MINUTE
    for pair, name in ((theirs, "theirs"), (ours, "ours")):
        pair.app.signature("celery_app.note", args=(name,)).apply_async(countdown=due - time.time())

    key = Tsgen(f"{url}/4", codec=RAW).tsgen("celery")
    eventually(lambda: (theirs.runs("theirs") > 1 and ours.runs("ours") > 0) or stays_in_the_server(key, due))
    assert theirs.runs("theirs") > 1
    # It has run, and there is nothing left that could run again.
    eventually(lambda: key.info()["acked"] == 1)
    info = key.info()
    assert (info["waiting"], info["ready"], info["leased"], info["delayed"], info["delivered"]) == (0, 0, 0, 0, 1)
    assert ours.runs("ours") == 1


def stays_in_the_server(key, due):
    """It is in nobody's memory before its time has come; False, so that the caller goes on waiting."""
    info = key.info()
    assert info["delivered"] == 0 or time.time() >= due
    return False
