"""The archive: what was packed comes out, and nothing else does."""

import io
from pathlib import Path
import tarfile

import pytest

from ras_server import archive
from ras_server.archive import CHUNK, ArchiveError, pack, unpack

PASSPHRASE = "a long passphrase"
NAMES = frozenset({"a", "b", "empty"})
CONTENT = {"a": bytes(range(256)) * 700, "b": b"canary of the content", "empty": b""}


@pytest.fixture(autouse=True)
def _cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take little memory for the key."""
    monkeypatch.setattr(archive, "_COST", (1, 64, 1))


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    """Return files to pack."""
    (tmp_path / "in").mkdir()
    files = {name: tmp_path / "in" / name for name in CONTENT}
    for name, path in files.items():
        path.write_bytes(CONTENT[name])
    return files


@pytest.fixture
def packed(files: dict[str, Path]) -> bytes:
    """Return an archive of them."""
    target = io.BytesIO()
    pack(target, files, PASSPHRASE)
    return target.getvalue()


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """Return an empty folder."""
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


def unpacked(data: bytes, folder: Path, passphrase: str = PASSPHRASE) -> set[str]:
    """Unpack an archive."""
    return unpack(io.BytesIO(data), folder, NAMES, passphrase)


def test_round_trip(packed: bytes, out: Path) -> None:
    """What was packed comes out, for its user only."""
    assert unpacked(packed, out) == set(CONTENT)

    assert {path.name: path.read_bytes() for path in out.iterdir()} == CONTENT
    assert {path.stat().st_mode & 0o777 for path in out.iterdir()} == {0o600}


def test_sealed(packed: bytes, files: dict[str, Path]) -> None:
    """Nothing of the content shows, and the same files give another archive each time."""
    again = io.BytesIO()
    pack(again, files, PASSPHRASE)

    assert b"canary" not in packed
    assert bytes(range(32)) not in packed
    assert again.getvalue()[-64:] != packed[-64:]


def test_wrong_passphrase(packed: bytes, out: Path) -> None:
    """Another passphrase opens nothing."""
    with pytest.raises(ArchiveError, match="passphrase is wrong"):
        unpacked(packed, out, PASSPHRASE + "!")

    assert not list(out.iterdir())


@pytest.mark.parametrize("place", [8, 20, 30, 43, 60, CHUNK + 70, -1])
def test_changed(packed: bytes, out: Path, place: int) -> None:
    """An archive with a changed bit is refused, wherever the bit is."""
    changed = bytearray(packed)
    changed[place] ^= 1

    with pytest.raises(ArchiveError):
        unpacked(bytes(changed), out)


@pytest.mark.parametrize("left", [0, 5, 43, 43 + CHUNK, 43 + CHUNK + 16, -16, -1])
def test_cut_off(packed: bytes, out: Path, left: int) -> None:
    """An archive that was cut off is refused, also at the end of a chunk."""
    with pytest.raises(ArchiveError):
        unpacked(packed[:left], out)


def test_exchanged_chunks(packed: bytes, out: Path) -> None:
    """Chunks in another order are refused."""
    head, size = 43, CHUNK + 16
    first, second = packed[head : head + size], packed[head + size : head + 2 * size]

    with pytest.raises(ArchiveError):
        unpacked(packed[:head] + second + first + packed[head + 2 * size :], out)


def test_expensive(packed: bytes, out: Path) -> None:
    """An archive cannot make its reader take all memory."""
    changed = packed[:12] + (1 << 31).to_bytes(4) + packed[16:]

    with pytest.raises(ArchiveError, match="more work"):
        unpacked(changed, out)


@pytest.mark.parametrize("name", ["../evil", "/evil", "other"])
def test_foreign_member(files: dict[str, Path], out: Path, name: str) -> None:
    """A name that does not belong into an archive is refused, and nothing is written there."""
    target = io.BytesIO()
    pack(target, {name: files["b"]}, PASSPHRASE)

    with pytest.raises(ArchiveError, match="no part of it"):
        unpacked(target.getvalue(), out)

    assert not list(out.iterdir())
    assert not (out.parent / "evil").exists()


def test_link(out: Path, tmp_path: Path) -> None:
    """A link in an archive is refused."""
    (tmp_path / "link").symlink_to("/etc/passwd")
    target = io.BytesIO()
    pack(target, {"a": tmp_path / "link"}, PASSPHRASE)

    with pytest.raises(ArchiveError, match="no part of it"):
        unpacked(target.getvalue(), out)


def test_names_nobody(files: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """Whose file it was is not in an archive."""
    seen: list[tarfile.TarInfo] = []
    nameless = archive._nameless

    def noted(member: tarfile.TarInfo) -> tarfile.TarInfo:
        seen.append(nameless(member))
        return seen[-1]

    monkeypatch.setattr(archive, "_nameless", noted)
    pack(io.BytesIO(), files, PASSPHRASE)

    assert {(each.uid, each.gid, each.uname, each.gname) for each in seen} == {(0, 0, "", "")}
