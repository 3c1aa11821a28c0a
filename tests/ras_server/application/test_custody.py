"""Custody: sealed keys open only at their place, and handles tell nothing."""

import os

import pytest

from igrs_codec.bsld.keys import admin_key
from ras_server.application.custody import Custody, DeviceKey
from ras_server.vault import Vault, VaultError
from tests.ras_server.application.parts import DEVICE, K_F

K_D = bytes(range(16))
KEY = DeviceKey(DEVICE, 1, K_D)


@pytest.fixture
def custody() -> Custody:
    """Return the custody of a server."""
    return Custody(Vault(bytes(range(32))), os.urandom)


def test_opens(custody: Custody) -> None:
    """A sealed key opens at its place, and does what it did."""
    opened = custody.open_key(DEVICE, 1, "k-1", custody.seal_key(KEY, "k-1"))

    frame = bytes(16)
    assert opened.admin.seal(b"\x41\x01\x00\x00", frame) == (
        admin_key(K_D, DEVICE, 1).seal(b"\x41\x01\x00\x00", frame)
    )


@pytest.mark.parametrize(
    ("device", "gen", "key_id"),
    [
        pytest.param(bytes(6), 1, "k-1", id="another lock"),
        pytest.param(DEVICE, 2, "k-1", id="another generation"),
        pytest.param(DEVICE, 1, "k-2", id="another row"),
    ],
)
def test_swapped_row(custody: Custody, device: bytes, gen: int, key_id: str) -> None:
    """A sealed key that was moved to another row does not open."""
    sealed = custody.seal_key(KEY, "k-1")

    with pytest.raises(VaultError):
        custody.open_key(device, gen, key_id, sealed)


def test_swapped_column(custody: Custody) -> None:
    """A sealed label key is no device key."""
    sealed = custody.seal_label(custody.imported(DEVICE, K_F))

    with pytest.raises(VaultError):
        custody.open_key(DEVICE, 1, "k-1", sealed)


def test_other_master_key(custody: Custody) -> None:
    """The database alone opens nothing."""
    other = Custody(Vault(bytes(32)), os.urandom)

    with pytest.raises(VaultError):
        other.open_key(DEVICE, 1, "k-1", custody.seal_key(KEY, "k-1"))


def test_silent(custody: Custody) -> None:
    """The text of a handle holds no key."""
    handles = (KEY, custody.imported(DEVICE, K_F), custody.new_pair())

    for handle in handles:
        text = f"{handle!r} {handle}"
        assert K_D.hex() not in text
        assert K_F.hex() not in text
        assert "\\x" not in text
