"""The settings of a server: one folder, one file `ras.toml` (project profile).

An option of the command line counts before the environment (`RAS_<NAME>`), that before the file.
All mistakes are told at once.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from functools import cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
import os
from pathlib import Path
import tomllib
from typing import Any, Final, Self, override

from .errors import OperatorError

DATABASE_FILE: Final = "ras.db"
KEY_FILE: Final = "master.key"
SETTINGS_FILE: Final = "ras.toml"
SOCKET_FILE: Final = "ras.sock"


TOKEN_SIZE: Final = 16  # characters, at least
_ENVIRONMENT: Final = "RAS_"
MOST_REKEY_DAYS: Final = 3650
_NO_SETTINGS: Final = frozenset({"RAS_FOLDER", "RAS_PASSPHRASE"})
"""Variables that belong to the commands."""
_BOOLEANS: Final[Mapping[str, bool]] = {"true": True, "false": False}

type Network = IPv4Network | IPv6Network

type Check = Callable[[Settings], object]
"""Raises SettingsError for what it finds wrong."""


class SettingsError(OperatorError):
    """Settings are missing or wrong; each argument says what to do about one of them."""

    @override
    def __str__(self) -> str:
        return "; ".join(map(str, self.args))


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What an operator can choose.

    `folder` holds the database, the key file and the administration socket. `host` is an IP
    address. `url` is the address clients are told, if it is not that of the host. `proxies` are
    addresses and networks of proxies in front, with commas. `delivery` is how
    verification codes reach a person: `console`, `file:<path>`, `smtp`, `webhook`, or several with
    commas. `smtp_security` is `starttls`, `tls` or, on this machine, `none`. `cert` and `key`
    are PEM files; without them the server listens on loopback addresses only. `console` are the
    pages for people. After `rekey_days` a lock is given a new key (0: never). `limits` is switched
    off by a benchmark. With `flush_audit` no answer leaves before its entry of the audit is on the
    disk. `metrics` opens /metrics to this machine or, with `metrics_token`, to who shows that.
    """

    folder: Path
    name: str = "RAS"
    node: str = "n1"
    host: str = "127.0.0.1"
    port: int = 8470
    url: str = ""
    proxies: str = ""
    delivery: str = "console"
    smtp_host: str = ""
    smtp_port: int = 587
    smtp_security: str = "starttls"
    smtp_user: str = ""
    smtp_password: str = field(default="", repr=False)
    smtp_from: str = ""
    webhook_url: str = field(default="", repr=False)
    webhook_secret: str = field(default="", repr=False)
    cert: str = ""
    key: str = ""
    announce: bool = True
    console: bool = True
    rekey_days: int = 90
    limits: bool = True
    flush_audit: bool = False
    metrics: bool = False
    metrics_token: str = field(default="", repr=False)

    @classmethod
    def load(
        cls,
        folder: Path,
        *checks: Check,
        environment: Mapping[str, str] = os.environ,
        **overrides: Any,
    ) -> Self:
        """Read the file of a folder and the environment; overrides that are None change nothing.

        What the checks find wrong is told together with everything else.
        """
        path = folder / SETTINGS_FILE
        try:
            stored = tomllib.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise SettingsError(f"{path} is missing: run `ras init --folder {folder}`") from None
        except (OSError, ValueError) as err:
            raise SettingsError(f"{path} cannot be read: {err}") from None
        problems: list[str] = []
        chosen = dict(_stored(path, stored, problems)) | dict(_set(environment, problems))
        chosen |= {name: value for name, value in overrides.items() if value is not None}
        settings = cls(folder=folder, **chosen)
        settings.check(*checks, problems=problems)
        return settings

    def check(self, *checks: Check, problems: Iterable[str] = ()) -> None:
        """Raise SettingsError with everything that cannot work, if anything."""
        found = [*problems, *self._problems()]
        for each in checks:
            try:
                each(self)
            except SettingsError as err:
                found.extend(err.args)
        if found:
            raise SettingsError(*found)

    def _problems(self) -> Iterator[str]:
        """Yield what is wrong with each value."""
        try:
            ip_address(self.host)
        except ValueError:
            yield f"host must be an IP address, not {self.host!r}"
        if not 0 <= self.port <= 65535:  # noqa: PLR2004 - the range of a port
            yield f"port must be 0 to 65535, not {self.port}"
        if self.url and not self.url.startswith(("https://", "http://")):
            yield f"url must begin with https:// (or http://), not {self.url!r}"
        try:
            _ = self.trusted
        except ValueError as err:
            yield f"proxies must be IP addresses or networks, with commas: {err}"
        if not 0 <= self.rekey_days <= MOST_REKEY_DAYS:
            yield f"rekey_days must be 0 (never) to {MOST_REKEY_DAYS}, not {self.rekey_days}"
        if self.metrics_token and len(self.metrics_token) < TOKEN_SIZE:
            yield f"metrics_token must have at least {TOKEN_SIZE} characters"

    def create(self) -> None:
        """Make the folder (0700) with the settings file and a new key file (0400)."""
        self.check()
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lines = [
            f"{field.name} = {_toml(value)}\n"
            for field in fields(self)
            if field.name != "folder" and (value := getattr(self, field.name)) != field.default
        ]
        create_file(self.master_key, os.urandom(32).hex() + "\n", 0o400)
        create_file(self.folder / SETTINGS_FILE, "# Settings of the RAS.\n" + "".join(lines), 0o600)

    @property
    def trusted(self) -> tuple[Network, ...]:
        """Return the networks of the proxies."""
        return _networks(self.proxies)

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


@cache
def _networks(text: str) -> tuple[Network, ...]:
    return tuple(ip_network(each.strip()) for each in text.split(",")) if text else ()


def _types() -> dict[str, type]:
    return {each.name: type(each.default) for each in fields(Settings) if each.name != "folder"}


def _stored(path: Path, stored: dict[str, Any], problems: list[str]) -> Iterator[tuple[str, Any]]:
    """Yield the settings of the file."""
    types = _types()
    for name, value in stored.items():
        if name in types and type(value) is types[name]:
            yield name, value
        else:
            problems.append(f"{path}: {name} is no setting, or has the wrong type")


def _set(environment: Mapping[str, str], problems: list[str]) -> Iterator[tuple[str, Any]]:
    """Yield the settings of the environment."""
    types = _types()
    for variable, text in environment.items():
        if not variable.startswith(_ENVIRONMENT) or variable in _NO_SETTINGS:
            continue
        name = variable.removeprefix(_ENVIRONMENT).lower()
        kind = types.get(name)
        if kind is str:
            yield name, text
        elif kind is bool and text in _BOOLEANS:
            yield name, _BOOLEANS[text]
        elif kind is int and text.isascii() and text.isdigit():
            yield name, int(text)
        else:
            problems.append(f"{variable} in the environment is no setting, or has the wrong type")


def create_file(path: Path, text: str, mode: int) -> None:
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
