"""The commands `ras audit`: check the audit, take it out, follow one operation."""

import asyncio
from functools import partial
import os
from pathlib import Path
import sys
from typing import Any, Final

from .commands import Arguments, CommandError, Group, call, command, subcommands
from .settings import Settings

_FOUND: Final = {
    "altered": "entry {} was altered",
    "missing": "entry {} is missing",
    "repeated": "in the place of entry {} an earlier one stands again",
    "reordered": "in the place of entry {} stands a later one",
    "rewritten": "the entries from {} on are not those that were signed",
    "unsigned": "the checkpoint of entry {} is not signed by this server",
}


def add(commands: Group) -> None:
    """Add the commands."""
    audits = subcommands(commands, "audit", "Check the audit, export it, follow an operation.")
    verify = command(audits, "verify", _verify, "Check that nobody changed the audit.")
    verify.add_argument(
        "--checkpoints",
        type=Path,
        help="a copy of audit.checkpoints that was kept elsewhere (default: that of the folder)",
    )
    export = command(audits, "export", _export, "Write all entries to a file.")
    export.add_argument("file", help="the new file; - for standard output")
    export.add_argument("--format", choices=["jsonl", "csv"], default="jsonl")
    export.add_argument("--after", type=int, default=0, metavar="N", help="only newer entries")
    operation = command(audits, "operation", _operation, "Show who witnessed an operation.")
    operation.add_argument("operation_id", help="as the interface and the entries show it")


def _verify(asked: Arguments) -> int:
    """Check the chain and the checkpoints."""
    fields = {"checkpoints": str(asked.checkpoints.resolve())} if asked.checkpoints else {}
    result = call(asked, "POST", "/v1/admin/audit/verify", fields)
    if not result["ok"]:
        found = _FOUND[result["kind"]].format(result["first_bad"])
        raise CommandError(f"the audit was changed: {found}. Keep this database")
    print(
        f"The audit is complete and unchanged: {result['to']} entries,"
        f" {result['checkpoints']} signed checkpoints"
    )
    return 0


def _export(asked: Arguments) -> int:
    """Write the audit."""
    from .control import download  # noqa: PLC0415 - see commands.call

    path = f"/v1/audit/export?format={asked.format}&after={asked.after}"
    fetch = partial(download, Settings.load(asked.folder), path)
    if asked.file == "-":
        asyncio.run(fetch(sys.stdout.buffer.write))
        return 0
    try:
        descriptor = os.open(asked.file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as err:
        raise CommandError(f"{asked.file}: {err.strerror}") from None
    with os.fdopen(descriptor, "wb") as file:
        asyncio.run(fetch(file.write))
    return 0


def _operation(asked: Arguments) -> int:
    """Show what server, gateway and lock tell."""
    told = call(asked, "GET", f"/v1/operations/{asked.operation_id}/witnesses", {})
    decision = told["decision"] or {}
    print(told["operation"], told["command"], told["device_id"], told["verdict"], sep="\t")
    _print("server", decision, decision.get("actor", ""))
    for receipt in told["receipts"]:
        _print("gateway", receipt, receipt["gateway"])
    _print("answer", told["answer"] or {}, "")
    _print("record", told["record"] or {}, (told["record"] or {}).get("record", ""))
    return 0


def _print(witness: str, said: dict[str, Any], what: object) -> None:
    print(witness, *(said.get(name, "-") for name in ("n", "ts", "result")), what, sep="\t")
