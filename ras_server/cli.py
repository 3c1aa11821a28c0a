"""The program `ras`: make a server, run it, administer it.

The administration speaks to the running server over the unix socket in its folder; if none runs,
the command is the server for a moment, without listening to the network.
"""

import argparse
import asyncio
from collections.abc import Callable
import getpass
import os
from pathlib import Path
import sys
from typing import Final

from . import cli_audit, cli_keys, cli_server
from .commands import Arguments, CommandError, call, command, pages, subcommands
from .errors import OperatorError
from .settings import Settings

FAILED: Final = 1


def main(arguments: list[str] | None = None) -> int:
    """Run the program, and return its exit code: 0 done, 1 failed, 2 misused."""
    asked = parser().parse_args(arguments)
    asked.folder = Path(getattr(asked, "folder", os.environ.get("RAS_FOLDER", "ras-data")))
    try:
        code: int = asked.run(asked)
    except OperatorError as err:
        print(f"ras: {err}", file=sys.stderr)
        return FAILED
    return code


def _init(asked: Arguments) -> int:
    """Make a new server."""
    chosen = {name: value for name, value in vars(asked).items() if value is not None}
    names = ("name", "host", "port", "url", "delivery", "cert", "key")
    settings = Settings(
        folder=asked.folder, **{name: chosen[name] for name in names if name in chosen}
    )
    settings.create()
    from .application.checkpoints import KEY_FILE, load_key  # noqa: PLC0415 - see _serve
    from .store.db import Database  # noqa: PLC0415

    Database(settings.database).close()
    load_key(settings.folder / KEY_FILE, may_create=True)
    print(f"{asked.folder} is ready. Keep {settings.master_key} safe and apart from backups:")
    print("without it nothing in the database opens. audit.key beside it signs the audit.")
    print("Next: `ras serve`.")
    return 0


def _serve(asked: Arguments) -> int:
    """Run the server."""
    # The help and wrong options answer at once, without loading the server.
    from . import logs  # noqa: PLC0415
    from .account.delivery import delivery  # noqa: PLC0415
    from .metrics import available  # noqa: PLC0415
    from .serve import serve  # noqa: PLC0415
    from .tls import server_context  # noqa: PLC0415

    settings = Settings.load(
        asked.folder,
        server_context,
        delivery,
        available,
        host=asked.host,
        port=asked.port,
        delivery=asked.delivery,
        cert=asked.cert,
        key=asked.key,
    )
    logs.set_up(asked.log_level)
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        return runner.run(serve(settings))


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    """Return uvloop's event loop where it is installed (extra `fast`), else Python's own."""
    try:
        import uvloop  # noqa: PLC0415 - not everybody has it
    except ImportError:
        return asyncio.new_event_loop
    return uvloop.new_event_loop


def _user_list(asked: Arguments) -> int:
    for user in pages(asked, "/v1/admin/users"):
        locked = "locked" if user["locked"] else "-"
        print(user["user_id"], user["account"]["value"], locked, user["display_name"], sep="\t")
    return 0


def _user_add(asked: Arguments) -> int:
    """Add a user; the password is read from the terminal, or from standard input."""
    password = (
        getpass.getpass("Password: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
    )
    if len(password) < 8:  # noqa: PLR2004 - with a second factor
        raise CommandError("the password must have at least 8 characters")
    from .account.names import type_of  # noqa: PLC0415 - see _serve
    from .account.sasl import verifier_of  # noqa: PLC0415 - the same

    user = call(
        asked,
        "POST",
        "/v1/admin/users",
        {
            "account": {"type": type_of(asked.account), "value": asked.account},
            "display_name": asked.name or asked.account,
            "scram": verifier_of(password),
        },
    )
    print(user["user_id"])
    return 0


def _user_lock(asked: Arguments) -> int:
    call(asked, "POST", f"/v1/admin/users/{asked.user_id}/lock", {})
    return 0


def _user_forget_app(asked: Arguments) -> int:
    call(asked, "DELETE", f"/v1/admin/users/{asked.user_id}/totp", {})
    return 0


def _user_unlock(asked: Arguments) -> int:
    call(asked, "POST", f"/v1/admin/users/{asked.user_id}/unlock", {})
    return 0


def parser() -> argparse.ArgumentParser:
    """Return what reads the command line."""
    root = argparse.ArgumentParser(
        prog="ras", description="The remote access server of a home's smart locks."
    )
    root.add_argument("--folder", default=argparse.SUPPRESS, help=argparse.SUPPRESS)
    commands = root.add_subparsers(title="commands", required=True, metavar="COMMAND")

    init = command(commands, "init", _init, "Make a new server in a folder.")
    init.add_argument("--name", help="what clients see (default: RAS)")
    init.add_argument("--url", help="the address clients are told, if it is not the host's")
    serve = command(commands, "serve", _serve, "Run the server until it is told to stop.")
    serve.add_argument("--log-level", default="INFO", choices=["DEBUG", "INFO", "WARNING"])
    for each in init, serve:
        each.add_argument("--host", help="IP address to listen on (default: 127.0.0.1)")
        each.add_argument("--port", type=int, help="port to listen on (default: 8470)")
        each.add_argument("--delivery", help="where codes go: console, file:PATH, smtp or webhook")
        each.add_argument("--cert", help="certificate chain (PEM); needed beyond loopback")
        each.add_argument("--key", help="private key of the certificate (PEM)")

    users = subcommands(commands, "user", "List, add, lock or unlock users.")
    command(users, "list", _user_list, "List all users.")
    add = command(users, "add", _user_add, "Add a user; asks for the password.")
    add.add_argument("account", help="phone number (+49...) or e-mail address")
    add.add_argument("--name", help="the name to show")
    lock = command(users, "lock", _user_lock, "Lock a user out, at once.")
    unlock = command(users, "unlock", _user_unlock, "Let a user in again.")
    forget = command(users, "forget-app", _user_forget_app, "Let a user in who lost his app.")
    for each in lock, unlock, forget:
        each.add_argument("user_id", help="as `ras user list` shows it")

    cli_keys.add(commands)
    cli_audit.add(commands)
    cli_server.add(commands)
    return root
