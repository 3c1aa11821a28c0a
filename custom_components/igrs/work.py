"""What is done in the background for a lock, or for the gateway; it ends with that."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant

from .const import DOMAIN, LOGGER
from .errors import LockError
from .ras_errors import RasError
from .timeline import begin_apart


class Work:
    """The tasks of one lock or gateway, which about identifies; name is for the log."""

    def __init__(self, hass: HomeAssistant, entry: ConfigEntry[Any], about: str, name: str) -> None:
        """Have nothing to do yet."""
        self._hass = hass
        self._entry = entry
        self._about = about
        self._name = name
        self._tasks: set[asyncio.Task[None]] = set()
        self._ended = False

    def begin(self, work: Coroutine[Any, Any, object], what: str) -> None:
        """Do something in the background; its failure is nobody's but the log's."""
        if self._ended:
            work.close()
            return

        async def run() -> None:
            begin_apart()
            try:
                await work
            except (LockError, RasError) as err:
                LOGGER.debug("%s: %s failed: %r", self._name, what, err)

        task = self._entry.async_create_background_task(
            self._hass, run(), f"{DOMAIN} {self._about} {what}"
        )
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def end(self) -> None:
        """Stop what is being done, and begin nothing more."""
        self._ended = True
        for task in self._tasks:
            task.cancel()
