"""What Home Assistant itself finds wrong with an integration, as far as it is this one.

It sees calls that block its loop, and what is used wrongly or will be gone in a later version.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from logging import LogRecord
import re
from typing import Any
from unittest.mock import patch

from homeassistant import block_async_io
from homeassistant.helpers.frame import MissingIntegrationFrame, get_integration_frame
from homeassistant.util import loop

from custom_components.igrs.const import DOMAIN


@contextmanager
def blocking_calls() -> Iterator[list[str]]:
    """Give the list to which each blocking call is added that is made inside the context."""
    found: list[str] = []

    def look(
        call: Callable[..., Any],
        check_allowed: Callable[[dict[str, Any]], bool] | None = None,
        *,
        strict: bool = True,
        strict_core: bool = True,
        **arguments: Any,
    ) -> None:
        if check_allowed is not None and check_allowed(arguments):
            return
        try:
            frame = get_integration_frame()
        except MissingIntegrationFrame:
            return  # a test, the server or a lock, which share the loop here
        if frame.integration == DOMAIN:
            found.append(f"{call.__name__} in {frame.relative_filename}:{frame.line_number}")

    # In tests it leaves most calls out, unless it is told that this is none.
    with (
        patch.object(block_async_io, "_IN_TESTS", new=False),
        patch.object(loop, "raise_for_blocking_call", look),
    ):
        block_async_io.enable()
        try:
            yield found
        finally:
            calls = block_async_io._BLOCKED_CALLS.calls
            for call in calls:
                setattr(call.object, call.function, call.original_func)
            calls.clear()


def reports(records: Iterable[LogRecord]) -> list[str]:
    """Return what Home Assistant's log says about this integration."""
    about = re.compile(rf"Detected .* integration '{DOMAIN}'|The deprecated .* from {DOMAIN}\.")
    return [message for each in records if about.search(message := each.getMessage())]
