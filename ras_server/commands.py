"""What the commands of `ras` have in common: their errors, their way to the server, their help."""

import argparse
import asyncio
from collections.abc import Callable, Iterable
from typing import Any, Final

from .errors import OperatorError
from .settings import Settings

_PAGE: Final = 200

type Arguments = argparse.Namespace
type Group = Any
"""Where argparse takes commands; it has no public name for it."""


class CommandError(OperatorError):
    """The command could not do its work; the message says what to do."""


class RefusedError(CommandError):
    """The server refused; it names what is wrong, as pointers into what was sent."""

    def __init__(self, message: str, errors: list[dict[str, str]]) -> None:
        """Keep what is wrong."""
        super().__init__(message)
        self.errors = errors


def call(asked: Arguments, method: str, path: str, fields: dict[str, Any]) -> dict[str, Any]:
    """Make one request to the administration."""
    # The help and wrong options answer at once, without loading the server.
    from .control import request  # noqa: PLC0415

    return asyncio.run(request(Settings.load(asked.folder), method, path, fields))


def pages(asked: Arguments, path: str) -> Iterable[dict[str, Any]]:
    """Yield all items of a list of the administration."""
    query: str | None = f"?limit={_PAGE}"
    while query is not None:
        page = call(asked, "GET", path + query, {})
        yield from page["items"]
        query = page["next"] and f"?limit={_PAGE}&cursor={page['next']}"


def command(
    group: Group, name: str, run: Callable[[Arguments], int], text: str
) -> argparse.ArgumentParser:
    """Add a command, with its help and the option every command has."""
    made: argparse.ArgumentParser = group.add_parser(name, help=text, description=text)
    made.add_argument(
        "--folder",
        default=argparse.SUPPRESS,
        help="the server's folder: database, key files, settings (default: RAS_FOLDER, or"
        " ras-data)",
    )
    made.set_defaults(run=run)
    return made


def subcommands(group: Group, name: str, text: str) -> Group:
    """Add a command that only has commands."""
    made = group.add_parser(name, help=text, description=text)
    return made.add_subparsers(title="commands", required=True, metavar="COMMAND")
