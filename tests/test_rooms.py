"""Who may import whom."""

import ast
from collections.abc import Iterator
from pathlib import Path
import sys
from typing import Final, NamedTuple

import pytest

ROOT: Final = Path(__file__).resolve().parent.parent
INTEGRATION: Final = ROOT / "custom_components/igrs"
CODEC: Final = INTEGRATION / "igrs_codec"

# The codec has no input or output, no clock, no randomness and no log of its own.
IMPURE: Final = frozenset(
    {
        *("asyncio", "concurrent", "fcntl", "glob", "http", "io", "locale", "logging", "mmap"),
        *("multiprocessing", "os", "pathlib", "platform", "queue", "random", "resource"),
        *("secrets", "select", "selectors", "shelve", "shutil", "signal", "smtplib", "socket"),
        *("socketserver", "sqlite3", "ssl", "subprocess", "sys", "syslog", "tempfile"),
        *("threading", "time", "urllib", "warnings"),
    }
)


class Room(NamedTuple):
    """A folder, and the packages that its modules may import beside the standard library."""

    folder: Path
    packages: frozenset[str]
    forbidden: frozenset[str] = frozenset()
    without: Path | None = None


ROOMS: Final = {
    "codec": Room(CODEC, frozenset({"cryptography"}), forbidden=IMPURE),
    "integration": Room(
        INTEGRATION,
        frozenset(
            {"aiohttp", "bleak", "bleak_retry_connector", "homeassistant", "probatio", "yarl"}
        ),
        without=CODEC,
    ),
    "server": Room(
        ROOT / "ras_server",
        frozenset(
            {
                *("aiohttp", "argon2", "cryptography", "igrs_codec", "jinja2", "multidict"),
                *("orjson", "probatio", "prometheus_client", "ras_server", "scramp"),
                *("segno", "uvloop", "yarl", "zeroconf"),
            }
        ),
    ),
    "devices": Room(
        ROOT / "reference_devices",
        frozenset(
            {"aioesphomeapi", "bumble", "google", "igrs_codec", "reference_devices", "serialx"}
        ),
    ),
}


def modules(room: Room) -> Iterator[Path]:
    """Return the modules of a room, without those of the room inside it."""
    for path in sorted(room.folder.rglob("*.py")):
        if room.without is None or not path.is_relative_to(room.without):
            yield path


def imports(source: str, path: Path, room: Room) -> Iterator[str]:
    """Return the packages that a module imports; a relative import counts if it leaves the room."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Import(names=names):
                yield from (name.name.partition(".")[0] for name in names)
            case ast.ImportFrom(level=0, module=str(module)):
                yield module.partition(".")[0]
            case ast.ImportFrom(level=level):
                if not path.parents[level - 1].is_relative_to(room.folder):
                    yield "." * level
            case _:
                pass


def refused(source: str, path: Path, room: Room) -> set[str]:
    """Return what a module imports against the rule of its room."""
    allowed = (sys.stdlib_module_names | room.packages) - room.forbidden
    return set(imports(source, path, room)) - allowed


@pytest.mark.parametrize("name", ROOMS)
def test_room(name: str) -> None:
    """A room imports only what the table allows, and its own modules."""
    room = ROOMS[name]
    found = {
        str(path.relative_to(ROOT)): refused(path.read_text(encoding="utf-8"), path, room)
        for path in modules(room)
    }

    assert found
    assert not {path: names for path, names in found.items() if names}


@pytest.mark.parametrize(
    ("source", "room", "expected"),
    [
        pytest.param("from igrs_codec import x", "integration", {"igrs_codec"}, id="absolute"),
        pytest.param("import ras_server.app", "integration", {"ras_server"}, id="other-room"),
        pytest.param("from ...x import y", "codec", {"..."}, id="out-of-the-codec"),
        pytest.param("from ..errors import y", "codec", set(), id="relative"),
        pytest.param("def f():\n    import time", "codec", {"time"}, id="clock"),
        pytest.param("import os.path, hashlib", "codec", {"os"}, id="system"),
        pytest.param(
            "from custom_components.igrs import x", "server", {"custom_components"}, id="server"
        ),
        pytest.param("from igrs_codec.bsld import frame", "server", set(), id="server-and-codec"),
    ],
)
def test_rule(source: str, room: str, expected: set[str]) -> None:
    """The rule finds an import wherever it stands, and lets through what is allowed."""
    path = ROOMS[room].folder / "bsld" / "module.py"

    assert refused(source, path, ROOMS[room]) == expected


def test_one_codec() -> None:
    """There is one copy of the codec: the name at the root is a link to it."""
    link = ROOT / "igrs_codec"

    assert link.is_symlink()
    assert link.resolve() == CODEC


def test_one_integration() -> None:
    """Custom stores take the first folder, and a package there would hide Home Assistant's."""
    found = {path.name for path in INTEGRATION.parent.iterdir()} - {"__pycache__"}

    assert found == {"igrs"}
