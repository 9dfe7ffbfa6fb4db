"""What a worker tells while it works."""

from __future__ import annotations

import contextlib
from contextlib import AbstractContextManager
from typing import Any

from .jobs import Job


class Hooks:
    """What a worker tells. Override what you need; what a hook raises is logged, and changes nothing."""

    def on_claim(self, job: Job) -> None:
        """It has been claimed, and its handler is about to begin."""

    def on_done(self, job: Job, seconds: float) -> None:
        """Its handler has returned, after so long."""

    def on_failed(self, job: Job, error: BaseException, seconds: float) -> None:
        """Its handler has raised this: it will be tried again, or is a dead letter."""

    def on_lost(self, job: Job) -> None:
        """Its token is no longer current: somebody else has the entry."""

    def around(self, job: Job) -> AbstractContextManager[Any]:
        """What the handler runs in, in its own thread or task: a span, for example."""
        return contextlib.nullcontext()
