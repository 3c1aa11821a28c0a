"""Being at the door of a running lock: a Unix socket in the folder of the home.

One JSON object per line: {"device": text, "action": [word, ...]} acts at a lock, without a word
it asks for its state, and {} asks for all. The answer is {"locks": [state, ...]} and what the
action returns, or {"error": text}.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
import json
from pathlib import Path
import socket
from typing import TYPE_CHECKING, Any, Final

from igrs_codec.bsld.frame import Method, Operation
from igrs_codec.bsld.keys import device_id_to_text

from .errors import DoorError

if TYPE_CHECKING:
    from .eavesdropper import Eavesdropper
    from .lock import ReferenceLock
    from .peripheral import Peripheral

SOCKET_NAME: Final = "home.sock"

type Json = dict[str, Any]

_PRESS: Final = 1  # seconds
_LONGEST_PRESS: Final = 60  # seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """A lock in its door."""

    name: str
    lock: ReferenceLock
    peripheral: Peripheral
    eavesdropper: Eavesdropper | None = None

    @property
    def device_id(self) -> str:
        """The 12 hexadecimal characters."""
        return device_id_to_text(self.lock.device)

    def state(self) -> Json:
        """Return what a person at the door can see, and what a maker could read out."""
        return {
            "device_id": self.device_id,
            "name": self.name,
            "connections": self.peripheral.accepted,
            **self.lock.show(),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """Something that can be done at a door; what it returns is told."""

    help: str
    argument: str = ""
    do: Callable[[Door, str], Coroutine[Any, Any, Json | None]]


async def _button(door: Door, seconds: str) -> None:
    door.lock.press_button(_number(seconds or str(_PRESS), _LONGEST_PRESS))


async def _knob(door: Door, way: str) -> None:
    door.lock.turn_knob(_choice(way, {"lock": Operation.LOCK, "unlock": Operation.UNLOCK}))


async def _door(door: Door, way: str) -> None:
    door.lock.move_door(open=_choice(way, {"open": True, "close": False}))


async def _code(door: Door, digits: str) -> Json:
    if not digits.isascii() or not digits.isdecimal():
        raise DoorError("a code has digits only")
    return {"accepted": door.lock.type_code(digits)}


def _credential(method: Method) -> Callable[[Door, str], Coroutine[Any, Any, None]]:
    async def show(door: Door, number: str) -> None:
        door.lock.show_credential(method, _number(number, 255))

    return show


async def _battery(door: Door, percent: str) -> None:
    door.lock.set_battery(_number(percent, 100))


async def _tamper(door: Door, _: str) -> None:
    door.lock.tamper()


async def _jam(door: Door, _: str) -> None:
    door.lock.jam_next()


async def _power(door: Door, _: str) -> None:
    door.peripheral.power_cycle()


async def _cut(door: Door, steps: str) -> Json:
    left, door.peripheral.cut_after = door.peripheral.cut_after, _number(steps, 255)
    return {"steps_left": left}


async def _replay(door: Door, _: str) -> Json:
    if door.eavesdropper is None:
        raise DoorError("nobody listens on a real air; replay is for bsld home")
    written, notified = await door.eavesdropper.replay(door.lock.device)
    return {"written": written, "notified": [packet.hex() for packet in notified]}


ACTIONS: Final[Mapping[str, Action]] = {
    "button": Action(
        help=f"press the inside button, {_PRESS} s long (10 s makes the lock nobody's)",
        argument="[SECONDS]",
        do=_button,
    ),
    "knob": Action(help="turn the knob inside", argument="lock|unlock", do=_knob),
    "door": Action(help="move the door", argument="open|close", do=_door),
    "code": Action(help="type a code at the keypad", argument="DIGITS", do=_code),
    "fixed": Action(
        help="type a code that the maker's app has put in",
        argument="NUMBER",
        do=_credential(Method.FIXED_CODE),
    ),
    "finger": Action(help="show a finger", argument="NUMBER", do=_credential(Method.FINGERPRINT)),
    "card": Action(help="show a card", argument="NUMBER", do=_credential(Method.CARD)),
    "key": Action(help="turn a key", argument="NUMBER", do=_credential(Method.KEY)),
    "battery": Action(help="let the battery have so much left", argument="PERCENT", do=_battery),
    "tamper": Action(help="try to force the lock", do=_tamper),
    "jam": Action(help="let the next movement jam", do=_jam),
    "power": Action(help="take the battery out and put it in again", do=_power),
    "cut": Action(
        help="break the link after so many steps: subscribing, a write, a notification",
        argument="STEPS",
        do=_cut,
    ),
    "replay": Action(help="send the last connection's packets again, as an attacker", do=_replay),
}


@asynccontextmanager
async def serve_doors(folder: Path) -> AsyncGenerator[list[Door]]:
    """Serve the doors in the yielded list, which the caller fills, until the context ends.

    Raises:
        DoorError: Another process serves this folder.

    """
    path = folder / SOCKET_NAME
    _claim(path)
    doors: list[Door] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answer = await _answer(doors, await reader.readline())
        writer.write(json.dumps(answer).encode() + b"\n")
        writer.close()

    server = await asyncio.start_unix_server(serve, path)
    path.chmod(0o600)
    try:
        yield doors
    finally:
        server.close()
        await server.wait_closed()
        path.unlink(missing_ok=True)


async def ask(folder: Path, request: Json) -> Json:
    """Send a request to the process that serves a folder, and return its answer.

    Raises:
        DoorError: Nobody serves the folder, or the request was refused.

    """
    try:
        reader, writer = await asyncio.open_unix_connection(folder / SOCKET_NAME)
    except OSError:
        raise DoorError(
            f"no lock runs in {folder}; start some with: bsld home --folder {folder}"
        ) from None
    writer.write(json.dumps(request).encode() + b"\n")
    answer: Json = json.loads(await reader.readline() or b'{"error": "it stopped"}')
    writer.close()
    if "error" in answer:
        raise DoorError(answer["error"])
    return answer


def _claim(path: Path) -> None:
    """Refuse a folder that a process serves; what a killed one left is no hindrance."""
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except FileNotFoundError, ConnectionRefusedError:
            return
        except OSError as err:
            raise DoorError(f"cannot serve in {path.parent}: {err}; choose another folder") from err
    raise DoorError(f"locks run in {path.parent} already; stop them, or choose another folder")


async def _answer(doors: list[Door], line: bytes) -> Json:
    try:
        request = json.loads(line)
        if not request:
            return {"locks": [door.state() for door in doors]}
        door = _find(doors, str(request["device"]))
        words = [str(word) for word in request["action"]]
        result = await _act(door, *words) if words else None
    except DoorError as err:
        return {"error": str(err)}
    except OSError as err:
        return {"error": f"the lock cannot keep its state: {err.strerror}"}
    except ValueError, KeyError, TypeError:
        return {"error": "the socket takes requests of this version's bsld only"}
    return {"locks": [door.state()], **(result or {})}


def _find(doors: list[Door], wanted: str) -> Door:
    """Return the lock with this id, in any writing, or with this name."""
    for door in doors:
        if wanted.replace(":", "").upper() == door.device_id or wanted == door.name:
            return door
    known = ", ".join(f"{door.device_id} ({door.name})" for door in doors)
    raise DoorError(f"no lock {wanted} here; there is {known}")


async def _act(door: Door, word: str, argument: str = "") -> Json | None:
    action = ACTIONS.get(word)
    if action is None:
        raise DoorError(f"nobody can {word} at a door; there is {', '.join(ACTIONS)}")
    if bool(argument) != bool(action.argument) and action.argument != "[SECONDS]":
        raise DoorError(f"write: {word} {action.argument}".rstrip())
    return await action.do(door, argument)


def _choice[T](word: str, choices: Mapping[str, T]) -> T:
    if word not in choices:
        raise DoorError(f"{word} is neither {' nor '.join(choices)}")
    return choices[word]


def _number(word: str, most: int) -> int:
    if not word.isascii() or not word.isdecimal() or int(word) > most:
        raise DoorError(f"{word} is no number from 0 to {most}")
    return int(word)
