"""The workers of one process: how they are declared, started and stopped."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from .jobs import Codec
from .worker import Worker

if TYPE_CHECKING:
    from .cron import Schedule
    from .replies import Clock

Handler = TypeVar("Handler", bound=Callable[..., Any])


class Register(Protocol):
    """The decorator that `worker` makes: hands the function back as it is."""

    def __call__(self, handler: Handler, /) -> Handler: ...


class Workers:
    """Declares workers, and runs them until the process is told to end."""

    def __init__(self, url: str | None, codec: Codec) -> None:
        self.url, self.codec = url or "redis://localhost:6379", codec
        self.clock: Clock | None = None
        self.schedules: list[Schedule] = []
        self._declared: list[tuple[tuple[str, ...], Callable[[Any], Any], dict[str, Any]]] = []
        self._running: list[Worker] = []

    def worker(self, *keys: str, family: str = "TSGEN", **options: Any) -> Register:
        """Makes a function, or a coroutine function, the worker of a key; of several keys by strict priority, the first one first.

        The function gets a `Job`. If it returns, the entry is acknowledged; if it raises, it is tried again by the key's BACKOFF and
        MAXDELIVERIES; `Retry(after=…)` and `Dead(reason)` say it more precisely. Functions run in threads, coroutines in the loop.
        It may run more than once for the same entry: a worker can die between its return and the ACK.

        - `concurrency` (1 to 10000; 1): how many entries are worked on at once.
        - `lease` (seconds; 30): how soon another worker takes over if this process dies. It is kept while a handler runs.
        - `shutdown_timeout` (seconds; 30): how long handlers may go on after SIGTERM; then the rest is handed back, not counted.
        - `codec`: as of the whole app. `hooks`: `Hooks` that are told what happens. `consumer`: a name that no other worker has.
        """

        def register(handler: Handler) -> Handler:
            self._declared.append((keys, handler, {"family": family, "codec": self.codec, **options}))
            return handler

        return register

    def recurring(self, key: str, name: str, cron: str, *, tz: str = "UTC", payload: Any = None) -> None:
        """A job of the delay queue `key` at each time of a cron expression, in a time zone; needs the extra `tsgen[cron]`.

        Its id is `name@` and the Unix ms of its time. Whichever worker of the key acknowledges one run adds the next in the same write, so
        there is one, however many workers there are; runs that were missed are one run. A run that fails is tried again as any job.
        """
        from .cron import Schedule

        self.schedules.append(Schedule(key, name, cron, tz, payload))

    @property
    def workers(self) -> list[Worker]:
        """Those that run now. `worker.since_last_claim()` is what a health probe asks for."""
        return list(self._running)

    def stop(self) -> None:
        """From the thread of the loop: stops all workers, as SIGTERM does; called again, at once."""
        for worker in self._running:
            worker.stop()

    async def serve(self, *, burst: bool = False, ready: Callable[[], None] | None = None) -> None:
        """Runs all workers until `stop`; with `burst` until nothing is ready. Raises the first error that ends one of them."""
        self._running = [
            Worker(self.url, options.pop("family"), keys, handler, clock=self.clock, schedules=self.schedules, **options)
            for keys, handler, options in ((keys, handler, dict(options)) for keys, handler, options in self._declared)
        ]
        if not self._running:
            raise ValueError("no worker has been declared")
        tasks = [asyncio.create_task(worker.run(burst=burst, ready=ready)) for worker in self._running]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        finally:
            # One has failed, or the caller has cancelled this: the others end as they do after SIGTERM.
            if any(not task.done() for task in tasks):
                self.stop()
                await asyncio.wait(tasks)
            self._running = []
        for task in tasks:
            task.result()

    def run(self, *, burst: bool = False, ready: Callable[[], None] | None = None) -> None:
        """Runs all workers in a loop of their own until SIGTERM or SIGINT; a second signal ends them at once. Returns then."""

        async def until_signal() -> None:
            if threading.current_thread() is threading.main_thread():
                loop = asyncio.get_running_loop()
                for number in (signal.SIGTERM, signal.SIGINT):
                    with contextlib.suppress(NotImplementedError):  # where loops know no signals
                        loop.add_signal_handler(number, self.stop)
            await self.serve(burst=burst, ready=ready)

        asyncio.run(until_signal())

    def run_until_empty(self) -> None:
        """For tests: works on what is ready now, retries included, and returns when nothing is ready or in hand."""
        self.run(burst=True)
