"""The commands about a server as a whole: health, backup, restore; completion of the shell."""

import argparse
import asyncio
from collections.abc import Iterator
import getpass
import os
from pathlib import Path
import sys
import time
from typing import Final

from .commands import Arguments, CommandError, Group, call, command
from .settings import DATABASE_FILE, SETTINGS_FILE, Settings

_VARIABLE: Final = "RAS_PASSPHRASE"


def add(commands: Group) -> None:
    """Add the commands."""
    command(commands, "health", _health, "Say whether the running server can do its work.")
    backup = command(commands, "backup", _backup, "Write an archive of a server, which may run.")
    backup.add_argument("file", type=Path, help="the new file")
    restore = command(
        commands, "restore", _restore, "Go back to an archive; the server must not run."
    )
    restore.add_argument("file", type=Path, help="what `ras backup` wrote")
    for each in backup, restore:
        each.add_argument(
            "--passphrase-file",
            type=Path,
            help=f"a file whose first line is the passphrase (default: {_VARIABLE}, or ask)",
        )
    completion = command(commands, "completion", _completion, "Print the completion of a shell.")
    completion.add_argument("shell", choices=["bash", "zsh"])


def _health(asked: Arguments) -> int:
    """Ask the server."""
    from .control import readiness  # noqa: PLC0415 - see commands.call

    print(asyncio.run(readiness(Settings.load(asked.folder))))
    return 0


def _passphrase(asked: Arguments, *, twice: bool) -> str:
    from .archive import MINIMUM  # noqa: PLC0415 - see commands.call

    if asked.passphrase_file:
        try:
            text = str(asked.passphrase_file.read_text(encoding="utf-8")).partition("\n")[0]
        except (OSError, UnicodeDecodeError) as err:
            raise CommandError(f"{asked.passphrase_file} cannot be read: {err}") from None
    elif (text := os.environ.get(_VARIABLE, "")) == "":
        if not sys.stdin.isatty():
            raise CommandError(f"give the passphrase in a file or in {_VARIABLE}")
        text = getpass.getpass("Passphrase of the archive: ")
        if twice and getpass.getpass("Once more: ") != text:
            raise CommandError("the passphrases are not the same")
    if len(text) < MINIMUM:
        raise CommandError(f"the passphrase must have at least {MINIMUM} characters")
    return text


def _backup(asked: Arguments) -> int:
    """Have the server copy its database, and write the archive."""
    from .backup import workplace, write  # noqa: PLC0415 - see commands.call

    settings = Settings.load(asked.folder)
    passphrase = _passphrase(asked, twice=True)
    with workplace(settings) as place:
        path = place.resolve() / DATABASE_FILE
        call(asked, "POST", "/v1/admin/backup", {"path": str(path)})
        write(settings, place, asked.file, passphrase, int(time.time()))
    print(f"{asked.file} is written. It opens with its passphrase, and what is sealed in it only")
    print(f"with {settings.master_key}: keep that and audit.key apart from it.")
    return 0


def _restore(asked: Arguments) -> int:
    """Put the database of an archive in place."""
    from .backup import restore  # noqa: PLC0415 - see commands.call

    known = (asked.folder / SETTINGS_FILE).exists()
    settings = Settings.load(asked.folder) if known else Settings(folder=asked.folder)
    passphrase = _passphrase(asked, twice=False)
    done = asyncio.run(
        restore(settings, asked.file, passphrase, clock=time.time, random=os.urandom)
    )
    print(f"The server is back at entry {done.entries} of its audit.")
    print(f"From the journals: {done.changes} changes and {done.keys} keys that came after it.")
    print("All logins have ended, and every lock is told that no ticket is good any more.")
    return 0


def _completion(asked: Arguments) -> int:
    """Print the script."""
    from .cli import parser  # noqa: PLC0415 - it is the one that calls this

    if asked.shell == "zsh":
        print("autoload -U +X bashcompinit && bashcompinit")
    print(_script(parser()))
    return 0


def _script(root: argparse.ArgumentParser) -> str:
    """Return a function of the shell that knows every command and its options."""
    cases = "\n".join(
        f"    '{' '.join(path)}') words='{' '.join(words)}' ;;" for path, words in _words(root, ())
    )
    return f"""_ras() {{
  local words path='' word
  for word in "${{COMP_WORDS[@]:1:COMP_CWORD-1}}"; do
    case "$word" in
      -*) ;;
      *) case "$path $word" in {"|".join(f"' {' '.join(p)}'" for p, _ in _words(root, ()) if p)})
        path="${{path:+$path }}$word" ;; esac ;;
    esac
  done
  case "$path" in
{cases}
  esac
  COMPREPLY=($(compgen -W "$words" -- "${{COMP_WORDS[COMP_CWORD]}}"))
}}
complete -o default -F _ras ras"""


def _words(
    parser: argparse.ArgumentParser, path: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], list[str]]]:
    """Yield each command with the words that may follow it."""
    words: list[str] = []
    inner: dict[str, argparse.ArgumentParser] = {}
    for action in parser._actions:  # noqa: SLF001 - argparse shows them to nobody
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001 - the same
            inner |= action.choices
        elif action.choices is not None and not action.option_strings:
            words += map(str, action.choices)
        if action.help is not argparse.SUPPRESS:
            words += [option for option in action.option_strings if option.startswith("--")]
    yield path, [*inner, *words]
    for name, each in inner.items():
        yield from _words(each, (*path, name))
