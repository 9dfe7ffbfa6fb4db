"""A plugin for pytest: taskiq's own tests, with TsgenBroker in place of the brokers that stay within the process."""

import asyncio
import os
import uuid

import pytest
import taskiq
import taskiq.brokers.inmemory_broker
import tests.utils
from left_out import leave_out
from taskiq.brokers.inmemory_broker import InmemoryResultBackend
from taskiq.receiver import Receiver

from tsgen.taskiq import TsgenBroker

RETRIES = "tests/middlewares/test_task_retry.py::"
DELAYED = "its retry comes after five seconds, and it waits for one: the broker within the process does not delay"

LEFT_OUT = {
    f"{RETRIES}test_per_task_exc_types_matching[SmartRetryMiddleware]": DELAYED,
    f"{RETRIES}test_per_task_exc_types_override_global[SmartRetryMiddleware]": DELAYED,
    f"{RETRIES}test_retry_of_custom_exc_types_of_smart_middleware": DELAYED,
    "tests/test_exceptions_flow.py::test_inmemory_broker_raises_unknown_task_error": "who sends a task need not know it",
}

#: Those that the running test has made.
made = []


class QueueBroker(TsgenBroker):
    """A queue of its own for each."""

    def __init__(self):
        super().__init__(os.environ["REDIS_URL"], queue_name=f"taskiq-{uuid.uuid4()}")
        self.working = None
        made.append(self)

    async def wait_tasks(self):
        while (info := await self._tsgen.tsgen(self.queue_name).info())["waiting"] + info["ready"] + info["leased"]:
            await asyncio.sleep(0.01)


class WorkedBroker(QueueBroker):
    """What is sent is worked on by a receiver in this process, as it comes back from the server."""

    def __init__(self, max_stored_results=100):
        super().__init__()
        self.result_backend = InmemoryResultBackend(max_stored_results=max_stored_results)

    async def kick(self, message):
        await super().kick(message)
        if self.working is None:
            receiver = Receiver(self, run_startup=False, max_async_tasks=10)
            self.working = asyncio.create_task(receiver.listen(asyncio.Event()))


tests.utils.AsyncQueueBroker = QueueBroker
taskiq.InMemoryBroker = taskiq.brokers.inmemory_broker.InMemoryBroker = WorkedBroker


# Before -k has its turn.
@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config, items):
    for item in items:
        if hasattr(item.module, "_TestBroker"):
            item.module._TestBroker = QueueBroker
    leave_out(config, items, LEFT_OUT)


@pytest.fixture(autouse=True)
async def no_broker_is_left(anyio_backend):
    yield
    while made:
        broker = made.pop()
        if broker.working:
            broker.working.cancel()
            await asyncio.wait([broker.working])
        await broker.shutdown()
