"""A worker for any key of tsgen: claims an entry, works on it, acknowledges it, and goes on.

    REDIS_URL=redis://localhost:6379 python worker.py TSGEN orders worker-1
"""

import argparse
import contextlib
import logging
import os
import signal
import sys
import threading
import time

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

BLOCK_MS = 20_000


def work(entry):
    """Your work goes here. An exception hands the entry back, to be tried again after the key's BACKOFF.

    `entry` is what follows token and delivery count: TSGEN id, timestamp, payload; DEBOUNCE group, reason, items; and so on.
    Work may be done twice, for a worker can die just before its ACK. The token, which rises with each delivery of an entry,
    tells a database which of two writers is late.
    """
    time.sleep(options.work_ms / 1000)


def connect():
    # A command that waits in the server must not be given up and sent again by the client: it would claim a second entry. So
    # there are no retries, and the timeout is longer than the server waits; it notices a server that vanished without a word.
    url = os.environ.get("REDIS_URL", "redis://localhost:6379")
    timeout = BLOCK_MS / 1000 + 10
    return redis.Redis.from_url(url, retry=Retry(NoBackoff(), 0), socket_timeout=timeout, socket_connect_timeout=5)


def insist(client, command, *args):
    """Sends a command until it is answered: Redis may restart or fail over. For CLAIM, ACK and NACK, which may be repeated."""
    pause = 0.05
    while True:
        try:
            return client.execute_command(f"{options.family}.{command}", options.key, *args)
        except redis.RedisError as error:
            # Another type under this name, no permission, no such family, or no module: that will not be better the next time.
            if str(error).startswith(("WRONGTYPE", "NOPERM", "unknown command")):
                raise
            logging.warning("%s: %s; trying again in %s s", command, error, pause)
            time.sleep(pause)
            pause = min(pause * 2, 2)


@contextlib.contextmanager
def lease_kept(client, token):
    """Extends the lease from a thread of its own while the block runs, however long that is."""
    done = threading.Event()

    def extend():
        while not done.wait(options.lease_ms / 3000):
            try:
                if not client.execute_command(f"{options.family}.EXTEND", options.key, options.lease_ms, token):
                    return logging.warning("token=%d is not ours any more", token)
            except redis.RedisError as error:
                logging.warning("EXTEND: %s", error)

    threading.Thread(target=extend, daemon=True).start()
    try:
        yield
    finally:
        done.set()


def process(client, token, deliveries, *entry):
    logging.info("claimed token=%d deliveries=%d %s", token, deliveries, entry)
    try:
        with lease_kept(client, token):
            work(entry)
    except Exception as error:
        logging.exception("failed token=%d", token)
        insist(client, "NACK", token, "REASON", repr(error))
    else:
        is_settled = insist(client, "ACK", token)
        logging.info("done token=%d%s", token, "" if is_settled else " too late: another worker has got it")


def run():
    # SystemExit ends whatever is being done, waiting and working alike.
    for end in (signal.SIGTERM, signal.SIGINT):
        signal.signal(end, lambda *_: sys.exit(0))
    client = connect()
    logging.info("waiting for entries of %s %s", options.family, options.key)
    try:
        while True:
            entries = insist(client, "CLAIM", options.consumer, "LEASE", options.lease_ms, "BLOCK", BLOCK_MS)
            for entry in entries:
                process(client, *entry)
    finally:
        # What is still in hand is ready again at once, and not only when the lease ends. The connection that may be waiting
        # in CLAIM is closed first, so that nothing is handed to it after that.
        client.close()
        with contextlib.suppress(redis.RedisError):
            count = connect().execute_command(f"{options.family}.RELEASE", options.key, options.consumer)
            logging.info("released %d", count)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="A worker for any key of tsgen.")
    parser.add_argument("family", help="TSGEN, DEBOUNCE, EXPIRY, ...")
    parser.add_argument("key")
    parser.add_argument("consumer", help="the name of this worker; no other may have it")
    parser.add_argument("--lease-ms", type=int, default=30_000, help="how soon another worker takes over if this one dies")
    parser.add_argument("--work-ms", type=int, default=100, help="how long this example's work takes")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    run()
