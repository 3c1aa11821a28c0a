"""The commands about keys: import of factory keys, rotation of the master key, the clock."""

import csv
from pathlib import Path
import re
import sys
from typing import Final

from .commands import (
    Arguments,
    CommandError,
    Group,
    RefusedError,
    call,
    command,
    pages,
    subcommands,
)

_MOST: Final = 10_000
"""Devices of one batch, which is imported as a whole."""
_COLUMNS: Final = ("device_id", "k_f")


def add(commands: Group) -> None:
    """Add the commands."""
    devices = subcommands(commands, "device", "List devices, or import factory keys.")
    command(devices, "list", _list, "List all devices.")
    load = command(
        devices, "import", _import, "Import the factory keys of a CSV file: all, or nothing."
    )
    load.add_argument("file", type=Path, help="CSV with the columns device_id and k_f")

    keys = subcommands(commands, "key", "Rotate the master key.")
    command(keys, "rotate", _rotate, "Make a new master key, and drop the old one.")
    command(keys, "status", _status, "Show which key is in use, and how far a rotation is.")

    clocks = subcommands(commands, "clock", "Accept the clock of this machine.")
    command(clocks, "confirm", _confirm, "Say that the clock is right, though it went back.")


def _list(asked: Arguments) -> int:
    for device in pages(asked, "/v1/admin/devices"):
        print(device["device_id"], device["state"], device["owner"] or "-", sep="\t")
    return 0


def _import(asked: Arguments) -> int:
    """Import a batch; every bad line is named."""
    items, lines = [], []
    try:
        with asked.file.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            if missing := set(_COLUMNS) - set(reader.fieldnames or ()):
                raise CommandError(f"{asked.file} lacks the columns {', '.join(sorted(missing))}")
            for row in reader:
                items.append({name: row[name] for name in _COLUMNS})
                lines.append(reader.line_num)
    except (OSError, UnicodeDecodeError, csv.Error) as err:
        raise CommandError(f"{asked.file} cannot be read: {err}") from None
    if len(items) > _MOST:
        raise CommandError(f"{asked.file} has more than {_MOST} devices: import it in parts")
    try:
        counts = call(asked, "POST", "/v1/admin/devices/import", {"items": items})
    except RefusedError as err:
        bad = sorted(_bad_lines(err, lines))
        if not bad:
            raise
        for line, text in bad:
            print(f"{asked.file}:{line}: {text}", file=sys.stderr)
        number = len({line for line, _ in bad})
        raise CommandError(f"nothing was imported: {number} bad lines") from None
    print(*(f"{name}: {count}" for name, count in counts.items()), sep="\n")
    return 0


def _bad_lines(err: RefusedError, lines: list[int]) -> list[tuple[int, str]]:
    """Return line and text of each problem that the server found with an item."""
    found = []
    for each in err.errors:
        place = re.fullmatch(r"/items/(\d+)(?:/(.*))?", each["pointer"])
        if place is not None:
            text = re.sub(
                r"item (\d+)", lambda item: f"line {lines[int(item[1])]}", each["message"]
            )
            found.append((lines[int(place[1])], f"{place[2] or 'line'}: {text}"))
    return found


def _rotate(asked: Arguments) -> int:
    done = call(asked, "POST", "/v1/admin/master-key/rotate", {})
    print(f"Everything is sealed under the new key {done['key']}: {done['done']} values.")
    print("Keep the new key file safe and apart from backups; older backups need the old one.")
    return 0


def _status(asked: Arguments) -> int:
    status = call(asked, "GET", "/v1/admin/master-key", {})
    print(f"key: {status['key']}", f"older keys: {status['older']}", sep="\n")
    if status["running"]:
        print(f"sealed anew: {status['done']} of {status['total']}")
    return 0


def _confirm(asked: Arguments) -> int:
    done = call(asked, "POST", "/v1/admin/clock/confirm", {})
    print(f"The clock is accepted; {done['locks']} locks are told the time.")
    return 0
