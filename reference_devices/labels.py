"""The labels of the locks in a folder: what the factory prints, and nobody else may know.

labels.json is a list of {"device_id", "name", "setup_code", "qr"}; the setup code carries K_F.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
import json
import os
from pathlib import Path
from typing import Final

from igrs_codec.bsld.keys import DEVICE_ID_SIZE, device_id_from_text, device_id_to_text
from igrs_codec.bsld.label import parse_setup_code, qr_text, setup_code
from igrs_codec.bsld.packet import KEY_SIZE
from igrs_codec.errors import IgrsError

from .errors import HomeError

LABELS_NAME: Final = "labels.json"

_NAMES: Final = ("Front door", "Back door", "Garage")
_STATIC: Final = 0xC0  # the top bits of an address that is random and stays


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """One label."""

    device: bytes
    """The device id, 6 bytes."""
    k_f: bytes = field(repr=False)
    """The factory key, 16 bytes."""
    name: str

    @property
    def device_id(self) -> str:
        """The 12 hexadecimal characters."""
        return device_id_to_text(self.device)

    @property
    def setup_code(self) -> str:
        """The 32 characters to type."""
        return setup_code(self.device, self.k_f)

    @property
    def qr(self) -> str:
        """The text to scan."""
        return qr_text(self.device, self.k_f)


def new_device() -> bytes:
    """Return an address that no other maker's device has, as a public or a static random one."""
    first, *rest = os.urandom(DEVICE_ID_SIZE)
    return bytes(((first | _STATIC | 0x02) & ~0x01, *rest))


def can_be_random(device: bytes) -> bool:
    """Return whether a device id can also be a static random address."""
    return device[0] & _STATIC == _STATIC


def new_label(labels: Sequence[Label], device: bytes) -> Label:
    """Return the label of a new lock beside others."""
    number = len(labels)
    name = _NAMES[number] if number < len(_NAMES) else f"Door {number + 1}"
    return Label(device=device, k_f=os.urandom(KEY_SIZE), name=name)


def read_labels(folder: Path) -> list[Label]:
    """Return the labels in a folder, none if it is new.

    Raises:
        HomeError: The file is damaged, or cannot be read.

    """
    path = folder / LABELS_NAME
    try:
        return [_parse(entry) for entry in json.loads(path.read_text(encoding="utf-8"))]
    except FileNotFoundError:
        return []
    except OSError as err:
        raise HomeError(f"cannot read {path}: {err.strerror}") from err
    except ValueError, TypeError, KeyError, IgrsError:
        raise HomeError(f"{path} is damaged; restore it, or choose an empty folder") from None


def write_labels(folder: Path, labels: Sequence[Label]) -> None:
    """Replace the labels in a folder, which is made if there is none, for the owner's eyes.

    Raises:
        HomeError: The folder cannot be written.

    """
    entries = [
        {
            "device_id": label.device_id,
            "name": label.name,
            "setup_code": label.setup_code,
            "qr": label.qr,
        }
        for label in labels
    ]
    path = folder / LABELS_NAME
    new = path.with_suffix(".new")
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with open(new, "w", encoding="utf-8", opener=_open_secret) as file:
            json.dump(entries, file, indent=2)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    except OSError as err:
        raise HomeError(f"cannot write {path}: {err.strerror}") from err


def _parse(entry: dict[str, str]) -> Label:
    device = device_id_from_text(entry["device_id"])
    k_f = parse_setup_code(device, entry["setup_code"])
    return Label(device=device, k_f=k_f, name=entry["name"])


def _open_secret(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
