"""The taskiq broker: what taskiq expects of one, with its own receiver, retries, scheduler and worker processes."""

import asyncio
import signal
import time
from contextlib import asynccontextmanager

import pytest
from processes import DEADLINE, eventually
from taskiq import BrokerMessage, InMemoryBroker, SimpleRetryMiddleware, SmartRetryMiddleware, TaskiqEvents, TaskiqScheduler
from taskiq.acks import AcknowledgeType
from taskiq.exceptions import SendTaskError
from taskiq.receiver import Receiver
from taskiq.schedule_sources import LabelScheduleSource

from tsgen import RAW, Tsgen
from tsgen.taskiq import TsgenBroker


@pytest.fixture
def t(t, url):
    return Tsgen(url, codec=RAW)


def message(id, **labels):
    return BrokerMessage(task_id=id, task_name="any", message=b"\x00 " + id.encode(), labels=labels)


def soon(awaitable):
    return asyncio.wait_for(awaitable, DEADLINE)


@asynccontextmanager
async def broker_of(url, **options):
    broker = TsgenBroker(url, **options)
    await broker.startup()
    try:
        yield broker
    finally:
        await broker.shutdown()


@asynccontextmanager
async def worker_of(broker, **options):
    """Taskiq's own receiver, until the block ends; then it finishes what it has."""
    broker.is_worker_process, broker.result_backend = True, InMemoryBroker().result_backend
    stop = asyncio.Event()
    options = {"run_startup": False, "max_async_tasks": 10, **options}
    running = asyncio.create_task(Receiver(broker, **options).listen(stop))
    try:
        yield
    finally:
        stop.set()
        await soon(running)


def run(test):
    asyncio.run(test())


def test_what_is_kicked_is_heard_once(t, url):
    async def test():
        async with broker_of(url) as one, broker_of(url) as other:
            for n in range(20):
                await one.kick(message(f"m{n}"))
            got = {"one": [], "other": []}

            async def hear(name, broker):
                async for heard in broker.listen():
                    got[name].append(heard.data)
                    await heard.ack()

            hearing = [asyncio.create_task(hear("one", one)), asyncio.create_task(hear("other", other))]
            while len(got["one"]) + len(got["other"]) < 20:
                await asyncio.sleep(0.01)
            assert sorted(got["one"] + got["other"]) == sorted(b"\x00 m%d" % n for n in range(20))
            for task in hearing:
                task.cancel()
            await asyncio.wait(hearing)

    run(test)
    info = t.tsgen("taskiq").info()
    assert (info["acked"], info["ready"], info["leased"]) == (20, 0, 0)


def test_an_ack_has_arrived_when_it_returns(t, url):
    async def test():
        async with broker_of(url) as broker:
            await broker.kick(message("a"))
            listening = broker.listen()
            heard = await soon(anext(listening))
            assert t.tsgen("taskiq").get("a").state == "leased"
            await heard.ack()
            assert t.tsgen("taskiq").get("a") is None

    run(test)


def test_delays_wait_in_the_server(t, url):
    async def test():
        async with broker_of(url) as broker:
            before = time.time()
            await broker.kick(message("hour", delay="3600"))
            await broker.kick(message("soon", delay=0.3))
            await broker.kick(message("past", delay=-5))
            found = t.tsgen("taskiq").get("hour")
            assert found.state == "waiting"
            assert 3600 <= found.timestamp / 1000 - before < 3600 + DEADLINE
            listening = broker.listen()
            assert (await soon(anext(listening))).data == b"\x00 past"
            assert (await soon(anext(listening))).data == b"\x00 soon"
            assert time.time() >= before + 0.3

    run(test)


def test_a_task_runs_and_its_result_is_kept(t, url):
    async def test():
        async with broker_of(url) as broker:

            @broker.task
            async def add(a: int, b: int) -> int:
                return a + b

            @broker.task
            def fail() -> None:
                raise ValueError("bad")

            async with worker_of(broker):
                assert (await (await add.kiq(1, b=2)).wait_result(timeout=DEADLINE)).return_value == 3
                failed = await (await fail.kiq()).wait_result(timeout=DEADLINE)
                assert failed.is_err
                assert str(failed.error) == "bad"

    run(test)
    assert t.tsgen("taskiq").info()["acked"] == 2


@pytest.mark.parametrize("ack_type", [AcknowledgeType.WHEN_RECEIVED, AcknowledgeType.WHEN_EXECUTED, AcknowledgeType.WHEN_SAVED])
def test_each_kind_of_acknowledgement(t, url, ack_type):
    seen = []

    async def test():
        async with broker_of(url) as broker:

            @broker.task
            async def work(n: int) -> None:
                seen.append(t.tsgen("taskiq").info()["acked"])

            async with worker_of(broker, ack_type=ack_type, max_async_tasks=1):
                await (await work.kiq(1)).wait_result(timeout=DEADLINE)
                await asyncio.to_thread(eventually, lambda: t.tsgen("taskiq").info()["acked"] == 1)

    run(test)
    assert seen == [1 if ack_type == AcknowledgeType.WHEN_RECEIVED else 0]


def test_more_at_once_than_prefetched(t, url):
    async def test():
        async with broker_of(url, prefetch=5) as broker:
            most = running = 0

            @broker.task
            async def work() -> None:
                nonlocal most, running
                running += 1
                most = max(most, running)
                while most < 10:
                    await asyncio.sleep(0.01)
                running -= 1

            async with worker_of(broker):
                tasks = [await work.kiq() for _ in range(100)]
                for task in tasks:
                    await task.wait_result(timeout=DEADLINE)
            assert most == 10

    run(test)
    assert t.tsgen("taskiq").info()["acked"] == 100


def test_only_what_is_asked_for_is_claimed(t, url):
    async def test():
        async with broker_of(url) as one, broker_of(url) as other:
            for n in range(3):
                await one.kick(message(f"m{n}"))
            first = one.listen()
            assert (await soon(anext(first))).data == b"\x00 m0"
            assert t.tsgen("taskiq").info()["leased"] == 1
            second = other.listen()
            assert (await soon(anext(second))).data == b"\x00 m1"
            assert (await soon(anext(second))).data == b"\x00 m2"

    run(test)


def test_labels_name_queues_and_the_first_queue_comes_first(t, url):
    async def test():
        async with broker_of(url, queue_name="normal", listen_to=["urgent", "normal"]) as broker:
            await broker.kick(message("n1"))
            await broker.kick(message("n2"))
            await broker.kick(message("u1", queue_name="urgent"))
            await broker.kick(message("elsewhere", queue_name="bulk"))
            listening, got = broker.listen(), []
            for _ in range(3):
                heard = await soon(anext(listening))
                got.append(heard.data)
                await heard.ack()
            assert got == [b"\x00 u1", b"\x00 n1", b"\x00 n2"]
            assert t.tsgen("bulk").get("elsewhere").state == "ready"

    run(test)


def test_a_lease_is_kept_until_the_ack(t, url):
    async def test():
        async with broker_of(url, lease=0.6) as one, broker_of(url, lease=0.6) as other:
            await one.kick(message("a"))
            listening, waiting = one.listen(), other.listen()
            heard = await soon(anext(listening))
            second = asyncio.create_task(anext(waiting))
            await asyncio.wait([second], timeout=3)
            assert not second.done()
            await heard.ack()
            await one.kick(message("b"))
            assert (await soon(second)).data == b"\x00 b"

    run(test)
    assert t.tsgen("taskiq").info()["acked"] == 1


def test_a_lease_that_is_lost_is_not_acknowledged(t, url, caplog):
    async def test():
        async with broker_of(url, lease=0.3) as broker:
            await broker.kick(message("a"))
            listening = broker.listen()
            heard = await soon(anext(listening))
            # As after a pause of this process that was longer than its lease.
            [lease] = t.tsgen("taskiq").pending()
            t.tsgen("taskiq").nack(lease.token)
            [[token, *_]] = t.tsgen("taskiq").claim("somebody", lease=3600)
            while "lost key=taskiq" not in caplog.text:
                await asyncio.sleep(0.01)
            await soon(heard.ack())
            assert "it is this worker's no more" in caplog.text
            assert t.tsgen("taskiq").pending()[0].token == token

    run(test)


def test_who_stops_listening_loses_nothing(t, url):
    async def test():
        async with broker_of(url) as broker:
            for _ in range(5):
                listening = broker.listen()
                asked = asyncio.create_task(anext(listening))
                await asyncio.sleep(0.02)
                asked.cancel()
                await asyncio.wait([asked])
                await listening.aclose()
            await broker.kick(message("a"))
            listening = broker.listen()
            heard = await soon(anext(listening))
            await heard.ack()

    run(test)
    assert t.tsgen("taskiq").info()["acked"] == 1


def test_shutdown_hands_back_and_does_not_count(t, url):
    async def test():
        async with broker_of(url, prefetch=1, lease=3600) as broker:
            for n in range(3):
                await broker.kick(message(f"m{n}"))
            listening = broker.listen()
            await soon(anext(listening))
            while t.tsgen("taskiq").info()["leased"] < 2:
                await asyncio.sleep(0.01)
            await listening.aclose()
            # What nobody has asked for is ready for others at once; what is worked on stays until the end.
            while t.tsgen("taskiq").info()["leased"] > 1:
                await asyncio.sleep(0.01)

    run(test)
    assert t.tsgen("taskiq").info()["leased"] == 0
    [[_, deliveries, name, *_], *_] = t.tsgen("taskiq").claim("somebody", count=3)
    assert (deliveries, name) == (1, b"m0")


def test_events_of_startup_and_shutdown(t, url):
    async def test():
        told = []
        broker = TsgenBroker(url)
        for event in TaskiqEvents:
            broker.add_event_handler(event, lambda state, event=event: told.append(event))
        await broker.startup()
        await broker.shutdown()
        broker = TsgenBroker(url)
        broker.is_worker_process = True
        for event in TaskiqEvents:
            broker.add_event_handler(event, lambda state, event=event: told.append(event))
        async with broker:
            pass
        assert told == [
            TaskiqEvents.CLIENT_STARTUP,
            TaskiqEvents.CLIENT_SHUTDOWN,
            TaskiqEvents.WORKER_STARTUP,
            TaskiqEvents.WORKER_SHUTDOWN,
        ]

    run(test)


@pytest.mark.parametrize("middleware", [SimpleRetryMiddleware(3), SmartRetryMiddleware(3, default_delay=0.2)])
def test_retries(t, url, middleware):
    times = []

    async def test():
        async with broker_of(url) as broker:
            broker.add_middlewares(middleware)

            @broker.task(retry_on_error=True)
            async def flaky() -> int:
                times.append(time.monotonic())
                if len(times) < 3:
                    raise ValueError("not yet")
                return len(times)

            async with worker_of(broker):
                await flaky.kiq()
                while len(times) < 3:
                    await asyncio.sleep(0.01)

    run(test)
    if isinstance(middleware, SmartRetryMiddleware):
        assert times[1] - times[0] >= 0.2
    info = t.tsgen("taskiq").info()
    # A retry is an element of its own, which stands beside the delivery that it follows.
    assert (info["acked"], info["ready"], info["waiting"], info["leased"]) == (3, 0, 0, 0)


def test_the_scheduler(t, url):
    async def test():
        async with broker_of(url) as broker:

            @broker.task(schedule=[{"cron": "* * * * *", "args": [7]}])
            async def report(n: int) -> int:
                return n

            source = LabelScheduleSource(broker)
            scheduler = TaskiqScheduler(broker, [source])
            await source.startup()
            await scheduler.startup()
            [task] = await source.get_schedules()
            await scheduler.on_ready(source, task)
            listening = broker.listen()
            heard = await soon(anext(listening))
            assert broker.formatter.loads(heard.data).args == [7]
            await heard.ack()

    run(test)


def test_what_is_refused_is_told(t, url):
    async def test():
        t.tsgen("remembering").create(clock=True, remember=3600)
        t.debounce("scans").push("g", 1)
        async with broker_of(url, queue_name="remembering") as broker:

            @broker.task
            async def work() -> None: ...

            task = work.kicker().with_task_id("once")
            await task.kiq()
            listening = broker.listen()
            await (await soon(anext(listening))).ack()
            with pytest.raises(SendTaskError) as refused:
                await task.kiq()
            assert "it was not added again" in str(refused.value.__cause__)
        async with broker_of(url, queue_name="scans") as broker:
            with pytest.raises(Exception, match="it is a DEBOUNCE key"):
                await soon(anext(broker.listen()))
        with pytest.raises(ValueError, match="prefetch"):
            TsgenBroker(url, prefetch=-1)

    run(test)


APP = """
import asyncio, os, time
from tsgen.taskiq import TsgenBroker

broker = TsgenBroker(os.environ["REDIS_URL"], lease=2)

@broker.task
async def work(name: str, seconds: float) -> None:
    print("begin", name, flush=True)
    await asyncio.sleep(seconds)
    print("end", name, flush=True)
"""


@pytest.fixture
def worker(tmp_path, start, url):
    (tmp_path / "app.py").write_text(APP)

    def worker():
        process = start("taskiq", "worker", "--workers", "1", "app:broker", REDIS_URL=url)
        process.wait_for("Listening started.")
        return process

    return worker


async def kick(url, *args):
    broker = TsgenBroker(url)
    broker.register_task(lambda name, seconds: None, "app:work")
    await broker.find_task("app:work").kiq(*args)
    await broker.shutdown()


def test_kill_9_of_a_worker(t, url, worker):
    first, second = worker(), worker()
    asyncio.run(kick(url, "a", 0.5))
    dying = eventually(lambda: next((one for one in (first, second) if one.count("begin a")), None))
    dying.kill()
    other = second if dying is first else first
    other.wait_for("end a")
    eventually(lambda: t.tsgen("taskiq").info()["acked"] == 1)
    assert dying.count("end a") == 0


def test_sigterm_of_a_worker(t, url, worker):
    process = worker()
    asyncio.run(kick(url, "a", 1))
    process.wait_for("begin a")
    process.signal(signal.SIGTERM)
    assert process.ends() == 0
    assert process.count("end a") == 1
    info = t.tsgen("taskiq").info()
    assert (info["acked"], info["leased"]) == (1, 0)
