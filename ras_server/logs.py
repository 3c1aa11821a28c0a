"""The log: one JSON object per line on standard error, each with the request it belongs to.

No body, header, account or code is ever given to the log; requests appear as route patterns.
"""

from contextvars import ContextVar
import logging
import sys
from typing import Final, override

import orjson

REQUEST_ID: Final[ContextVar[str | None]] = ContextVar("request_id", default=None)
"""The identifier of the request that is being answered."""


class _Format(logging.Formatter):
    @override
    def format(self, record: logging.LogRecord) -> str:
        line = {
            "ts": round(record.created, 3),
            "level": record.levelname,
            "logger": record.name,
            "request": REQUEST_ID.get(),
            "msg": record.getMessage(),
        }
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return orjson.dumps(line).decode()


def quiet(record: logging.LogRecord) -> bool:
    """Take the details from the framework's own errors: they quote what the client sent."""
    if record.exc_info and record.exc_info[0]:
        record.msg = f"{record.msg}: {record.exc_info[0].__name__}"
        record.exc_info = None
    return True


def set_up(level: int = logging.INFO) -> None:
    """Send the log to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Format())
    logging.basicConfig(level=level, handlers=[handler])
    for name in ("aiohttp.server", "aiohttp.web", "aiohttp.websocket"):
        logging.getLogger(name).addFilter(quiet)
