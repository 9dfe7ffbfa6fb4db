"""The Celery app that the tests' workers run. Each task tells in the list `runs` of database 2 that it has begun."""

import json
import os
import time

import redis
from celery import Celery
from celery.exceptions import Reject, SoftTimeLimitExceeded

import tsgen.celery  # noqa: F401

app = Celery("celery_app", broker=os.environ["BROKER_URL"], backend=os.environ["REDIS_URL"] + "/1")
app.conf.update(
    broker_transport_options=json.loads(os.environ.get("TRANSPORT_OPTIONS", "{}")),
    broker_connection_retry_on_startup=True,
    **json.loads(os.environ.get("CELERY_OPTIONS", "{}")),
)
told = redis.Redis.from_url(os.environ["REDIS_URL"] + "/2")


def tell(name):
    told.rpush("runs", name)


@app.task
def add(*numbers):
    tell("add")
    return sum(numbers)


@app.task
def total(numbers):
    return sum(numbers)


@app.task(bind=True)
def note(self, name):
    """Its own name; and what it knows of when it was due."""
    tell(name)
    return {"eta": self.request.eta, "due": getattr(self.request, "tsgen_eta", None), "now": time.time()}


@app.task(acks_late=True)
def work(name, seconds):
    tell(name)
    time.sleep(seconds)
    tell(f"{name}-end")


@app.task(bind=True, max_retries=3)
def flaky(self, countdown):
    tell(f"flaky-{self.request.retries}")
    if self.request.retries < 2:
        raise self.retry(countdown=countdown)
    return self.request.retries


@app.task(bind=True, acks_late=True)
def picky(self, name, requeue):
    """Rejects its message; if that comes back, it takes it."""
    again = bool(self.request.delivery_info.get("redelivered"))
    tell(f"{name}-{again}")
    if not again:
        raise Reject("no", requeue=requeue)


@app.task(soft_time_limit=0.5)
def patient():
    try:
        time.sleep(60)
    except SoftTimeLimitExceeded:
        return "soft"


@app.task(time_limit=0.5)
def stubborn():
    time.sleep(60)
