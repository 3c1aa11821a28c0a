"""The settings of a server: one folder, one file `ras.toml` (project profile)."""

from dataclasses import dataclass, fields
from ipaddress import ip_address
import os
from pathlib import Path
import tomllib
from typing import Any, Final, Self

from .errors import OperatorError

DATABASE_FILE: Final = "ras.db"
KEY_FILE: Final = "master.key"
SETTINGS_FILE: Final = "ras.toml"
SOCKET_FILE: Final = "ras.sock"


class SettingsError(OperatorError):
    """A setting is missing or wrong; the message says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What an operator can choose.

    `folder` holds the database, the key file and the administration socket. `host` is an IP
    address. `url` is the address clients are told, if it is not that of the host. `delivery` is how
    verification codes reach a person: `console` or `file:<path>`. `cert` and `key` are PEM files;
    without them the server listens on loopback addresses only. `limits` is switched off by a
    benchmark.
    """

    folder: Path
    name: str = "RAS"
    node: str = "n1"
    host: str = "127.0.0.1"
    port: int = 8470
    url: str = ""
    delivery: str = "console"
    cert: str = ""
    key: str = ""
    announce: bool = True
    limits: bool = True

    def __post_init__(self) -> None:
        """Refuse what cannot work."""
        try:
            ip_address(self.host)
        except ValueError:
            raise SettingsError(f"host must be an IP address, not {self.host!r}") from None
        if not 0 <= self.port <= 65535:  # noqa: PLR2004 - the range of a port
            raise SettingsError(f"port must be 0 to 65535, not {self.port}")

    @classmethod
    def load(cls, folder: Path, **overrides: Any) -> Self:
        """Read the file of a folder; overrides that are None change nothing."""
        path = folder / SETTINGS_FILE
        try:
            stored = tomllib.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise SettingsError(f"{path} is missing: run `ras init --folder {folder}`") from None
        except (OSError, ValueError) as err:
            raise SettingsError(f"{path} cannot be read: {err}") from None
        types = {field.name: type(field.default) for field in fields(cls) if field.name != "folder"}
        for name, value in stored.items():
            if name not in types or type(value) is not types[name]:
                raise SettingsError(f"{path}: {name} is no setting, or has the wrong type")
        chosen = {name: value for name, value in overrides.items() if value is not None}
        return cls(folder=folder, **stored | chosen)

    def create(self) -> None:
        """Make the folder (0700) with the settings file and a new key file (0400)."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lines = [
            f"{field.name} = {_toml(value)}\n"
            for field in fields(self)
            if field.name != "folder" and (value := getattr(self, field.name)) != field.default
        ]
        _create(self.master_key, os.urandom(32).hex() + "\n", 0o400)
        _create(self.folder / SETTINGS_FILE, "# Settings of the RAS.\n" + "".join(lines), 0o600)

    @property
    def database(self) -> Path:
        """Return the path of the database."""
        return self.folder / DATABASE_FILE

    @property
    def master_key(self) -> Path:
        """Return the path of the key file."""
        return self.folder / KEY_FILE

    @property
    def socket(self) -> Path:
        """Return the path of the administration socket."""
        return self.folder / SOCKET_FILE


def _create(path: Path, text: str, mode: int) -> None:
    """Write a new file, durable before anything depends on it."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    except FileExistsError:
        raise SettingsError(f"{path} exists already: nothing was changed") from None
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(descriptor)


def _toml(value: str | int) -> str:
    """Return a value as TOML; a basic string is written like one of JSON."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return str(value)
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
