"""One timer for all requests: whoever takes longer than allowed is ended (project profile, 13)."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Final

from aiohttp import web


class Watch:
    """The requests that are being answered; all have the same time, so the oldest ends first."""

    def __init__(self, seconds: float) -> None:
        """Give each request so many seconds."""
        self.seconds = seconds
        self._running: dict[int, tuple[float, asyncio.Task[Any]]] = {}
        self._late: set[int] = set()
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, number: int) -> None:
        """Watch the request that this task answers, until `end`."""
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("A request is answered by a task")
        loop = task.get_loop()
        end = loop.time() + self.seconds
        self._running[number] = end, task
        if self._timer is None:
            self._timer = loop.call_at(end, self._look)

    def end(self, number: int) -> bool:
        """Watch it no longer; return whether it was cancelled because it took too long."""
        _, task = self._running.pop(number)
        if number not in self._late:
            return False
        self._late.discard(number)
        return not task.uncancel()

    def close(self) -> None:
        """Stop the timer."""
        if self._timer is not None:
            self._timer.cancel()

    def _look(self) -> None:
        """End who is late, and come again when the next one would be."""
        self._timer = None
        for number, (end, task) in self._running.items():
            loop = task.get_loop()
            if end > loop.time():
                self._timer = loop.call_at(end, self._look)
                return
            if number not in self._late:
                self._late.add(number)
                task.cancel()


WATCH: Final = web.AppKey("watch", Watch)


async def context(app: web.Application) -> AsyncIterator[None]:
    """Stop the timer with the server."""
    yield
    app[WATCH].close()
