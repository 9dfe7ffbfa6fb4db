"""One contender in Python: `bench.py <name>`. docs/benchmarks.md tells what is measured; the last line printed is the result, JSON."""

import asyncio
import json
import os
import sys
import time

URL = os.environ["REDIS_URL"]
JOBS, TIMED, DELAYED = (int(os.environ[name]) for name in ("JOBS", "TIMED", "DELAYED"))
CONCURRENCY, DELAY, GAP = 50, 1.0, 0.02


class Tsgen:
    async def open(self, handle):
        from tsgen import AsyncTsgen

        self.t, self.count = AsyncTsgen(URL), 0
        self.queue = self.t.delay_queue("bench")
        await self.queue.create(clock=True)

        @self.t.worker("bench", concurrency=CONCURRENCY)
        async def work(job):
            handle(job.payload)

    async def add(self, due, delay=0):
        self.count += 1
        await self.queue.add(str(self.count), due, delay=delay)

    async def work(self):
        self.running = asyncio.create_task(self.t.serve())


class Taskiq:
    """`broker` makes one; `delays` tells whether it takes the label `delay`."""

    delays = False

    def broker(self):
        from taskiq_redis import RedisStreamBroker

        return RedisStreamBroker(URL)

    async def open(self, handle):
        self.b = self.broker()
        await self.b.startup()

        @self.b.task
        async def work(due: float) -> None:
            handle(due)

        self.task, self.stop = work, asyncio.Event()

    async def add(self, due, delay=0):
        await (self.task.kicker().with_labels(delay=delay) if delay else self.task).kiq(due)

    async def work(self):
        from taskiq.receiver import Receiver

        receiver = Receiver(self.b, run_startup=False, max_async_tasks=CONCURRENCY)
        self.running = asyncio.create_task(receiver.listen(self.stop))


class TaskiqOnTsgen(Taskiq):
    delays = True

    def broker(self):
        from tsgen.taskiq import TsgenBroker

        # As many as RedisStreamBroker reads at once.
        return TsgenBroker(URL, prefetch=99)


class Celery:
    """In this process, with threads: a process for each of 50 hands would measure the machine. `add` does not let others go on."""

    broker = URL + "/0"

    async def open(self, handle):
        from celery import Celery as App

        self.app = App("bench", broker=self.broker)
        self.app.conf.update(task_ignore_result=True, worker_hijack_root_logger=False, worker_prefetch_multiplier=4)

        @self.app.task(name="bench.work")
        def work(due):
            handle(due)

        self.task = work

    async def add(self, due, delay=0):
        self.task.apply_async((due,), countdown=delay or None)

    async def work(self):
        from celery.contrib.testing.worker import start_worker

        self.worker = start_worker(
            self.app, pool="threads", concurrency=CONCURRENCY, perform_ping_check=False, loglevel="ERROR", shutdown_timeout=60
        )
        await asyncio.to_thread(self.worker.__enter__)


class CeleryOnTsgen(Celery):
    broker = URL.replace("redis://", "tsgen://") + "/0"

    async def open(self, handle):
        import tsgen.celery  # noqa: F401

        await super().open(handle)


CONTENDERS = {
    "tsgen": Tsgen,
    "taskiq-redis": Taskiq,
    "taskiq on tsgen": TaskiqOnTsgen,
    "celery-redis": Celery,
    "celery on tsgen": CeleryOnTsgen,
}


async def measure(contender):
    lateness, times = [], []

    def handle(due):
        now = time.time()
        times.append(now)
        lateness.append((now - due) * 1000)

    async def handled(count):
        while len(times) < count:
            await asyncio.sleep(0.005)

    await contender.open(handle)
    await contender.add(time.time())
    began = time.perf_counter()

    async def hand(share):
        for _ in range(share):
            await contender.add(0)

    await asyncio.gather(*(hand(JOBS // CONCURRENCY) for _ in range(CONCURRENCY)))
    adds = JOBS / (time.perf_counter() - began)

    await contender.work()
    await handled(JOBS + 1)
    rate = JOBS / (max(times) - min(times))

    result = {"adds": adds, "handled": rate}
    for name, count, delay in (("", TIMED, 0), ("delayed_", DELAYED, DELAY)):
        if delay and not getattr(contender, "delays", True):
            continue
        times.clear()
        lateness.clear()
        start = time.perf_counter()
        for n in range(count):
            await asyncio.sleep(max(0.0, start + n * GAP - time.perf_counter()))
            await contender.add(time.time() + delay, delay)
        await handled(count)
        lateness.sort()
        result |= {f"{name}p50": lateness[count // 2], f"{name}p99": lateness[count * 99 // 100]}
    print(json.dumps(result), flush=True)
    # How a contender ends is not measured, and not all of them end by themselves.
    os._exit(0)


asyncio.run(measure(CONTENDERS[sys.argv[1]]()))
