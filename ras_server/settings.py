"""The settings of a server: one folder, one file `ras.toml` (project profile)."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

DATABASE_FILE: Final = "ras.db"
KEY_FILE: Final = "master.key"
SETTINGS_FILE: Final = "ras.toml"
SOCKET_FILE: Final = "ras.sock"


class SettingsError(Exception):
    """A setting is missing or wrong; the message says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What an operator can choose.

    `folder` holds the database, the key file and the administration socket. `delivery` is how
    verification codes reach a person: `console` or `file:<path>`. `cert` and `key` are PEM files;
    without them the server listens on loopback addresses only.
    """

    folder: Path
    name: str = "RAS"
    node: str = "n1"
    host: str = "127.0.0.1"
    port: int = 8470
    delivery: str = "console"
    cert: Path | None = None
    key: Path | None = None
    announce: bool = True
    limits: bool = field(default=True)
    """Whether rates are limited; a benchmark switches it off."""

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
