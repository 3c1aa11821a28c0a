"""The program bsld: run locks in software, and act at their doors.

What needs Bluetooth is imported by the commands that do: it takes half a second, which a person
who acts at a door need not wait.
"""

from argparse import ArgumentParser, ArgumentTypeError, Namespace, RawDescriptionHelpFormatter
import asyncio
from collections.abc import Callable, Sequence
import json
import logging
from pathlib import Path
import sys
from typing import Any, Final

from .door import ACTIONS, ask
from .errors import BsldError

DEFAULT_FOLDER: Final = Path("~/.local/state/bsld")
DEFAULT_PORT: Final = 16053
DEFAULT_SLOTS: Final = 3  # connections, as a proxy of hardware has them

_MAX_LOCKS: Final = 50
_MAX_HOP_DELAY: Final = 1000  # milliseconds
_MAX_PORT: Final = 65535

_TRANSPORTS: Final = """\
transports (as Bumble writes them):
  usb:0                         the first USB dongle; the system must not use it
  serial:/dev/ttyUSB0,1000000   a controller at a serial port
  hci-socket:0                  hci0 of Linux, as root, while it is down
  tcp-client:HOST:PORT          a controller on the network
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program, and return its exit status."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    # What a host cannot do is also raised, and told in one line.
    logging.getLogger("bumble.host").setLevel(logging.CRITICAL)
    options = _parser().parse_args(arguments)
    try:
        asyncio.run(options.run(options))
    except BsldError as err:
        sys.stderr.write(f"bsld: {err}\n")
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _parser() -> ArgumentParser:
    parser = ArgumentParser(
        prog="bsld",
        description="Smart locks in software: true GATT servers, on the air of a virtual radio "
        "or of a real Bluetooth controller.",
    )
    folder = ArgumentParser(add_help=False)
    folder.add_argument(
        "--folder",
        type=_folder,
        default=_folder(str(DEFAULT_FOLDER)),
        metavar="DIR",
        help=f"where the locks keep their state (default: {DEFAULT_FOLDER})",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    home = commands.add_parser(
        "home",
        parents=[folder],
        help="run locks behind an ESPHome Bluetooth proxy",
        description="Run locks behind an ESPHome Bluetooth proxy in software. Add it to Home "
        "Assistant with the ESPHome integration: host 127.0.0.1, this port, no encryption key. "
        "When all is ready one line of JSON is printed.",
    )
    home.add_argument(
        "--locks", type=_number(1, _MAX_LOCKS), default=3, metavar="N", help="how many (3)"
    )
    home.add_argument(
        "--port",
        type=_number(0, _MAX_PORT),
        default=DEFAULT_PORT,
        metavar="PORT",
        help=f"TCP port of the proxy on 127.0.0.1 ({DEFAULT_PORT}; 0: a free one)",
    )
    home.add_argument(
        "--hop-delay",
        type=_number(0, _MAX_HOP_DELAY),
        default=0,
        metavar="MS",
        help="milliseconds a packet spends on the air, 15 to 50 in real life (0)",
    )
    home.add_argument(
        "--slots",
        type=_number(1, _MAX_LOCKS),
        default=DEFAULT_SLOTS,
        metavar="N",
        help=f"connections that the proxy can hold ({DEFAULT_SLOTS})",
    )
    home.set_defaults(run=_home)

    lock = commands.add_parser(
        "lock",
        parents=[folder],
        help="run one lock at a real Bluetooth controller",
        description="Run one lock at a Bluetooth controller. Its device id is the controller's "
        "address. When it is ready one line of JSON is printed.",
        epilog=_TRANSPORTS,
        formatter_class=RawDescriptionHelpFormatter,
    )
    lock.add_argument("--transport", required=True, metavar="SPEC", help="the controller, as below")
    lock.set_defaults(run=_lock)

    act = commands.add_parser(
        "act",
        parents=[folder],
        help="act at the door of a running lock",
        description="Act at the door of a running lock, and print its new state.",
        epilog="actions:\n"
        + "".join(
            f"  {f'{word} {action.argument}':<20} {action.help}\n"
            for word, action in ACTIONS.items()
        ),
        formatter_class=RawDescriptionHelpFormatter,
    )
    act.add_argument("device", metavar="DEVICE", help="device id or name")
    act.add_argument("action", choices=ACTIONS, metavar="ACTION", help="what to do, as below")
    act.add_argument("argument", nargs="?", metavar="ARGUMENT", help="what the action needs")
    act.set_defaults(run=_act)

    every = commands.add_parser("list", parents=[folder], help="list the running locks")
    every.set_defaults(run=_list)

    show = commands.add_parser("show", parents=[folder], help="show the state of a running lock")
    show.add_argument("device", metavar="DEVICE", help="device id or name")
    show.set_defaults(run=_show)
    return parser


async def _home(options: Namespace) -> None:
    from .serving import run_home  # noqa: PLC0415 - see the top

    await run_home(
        options.folder,
        locks=options.locks,
        port=options.port,
        slots=options.slots,
        hop_delay=options.hop_delay / 1000,
    )


async def _lock(options: Namespace) -> None:
    from .serving import run_lock  # noqa: PLC0415 - see the top

    await run_lock(options.folder, options.transport)


async def _act(options: Namespace) -> None:
    words = [options.action] if options.argument is None else [options.action, options.argument]
    answer = await ask(options.folder, {"device": options.device, "action": words})
    (state,) = answer.pop("locks")
    _print(state | answer)


async def _show(options: Namespace) -> None:
    answer = await ask(options.folder, {"device": options.device, "action": []})
    _print(*answer["locks"])


async def _list(options: Namespace) -> None:
    for state in (await ask(options.folder, {}))["locks"]:
        _print(state)


def _print(state: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(state, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def _folder(text: str) -> Path:
    return Path(text).expanduser()


def _number(least: int, most: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not text.isdecimal() or not least <= int(text) <= most:
            raise ArgumentTypeError(f"{text} is not a number from {least} to {most}")
        return int(text)

    return parse
