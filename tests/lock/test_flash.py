"""The flash memory: what a power cut at any write leaves behind (protocol 10)."""

from collections.abc import Callable
from pathlib import Path
import stat

import pytest

from igrs_codec.bsld.frame import Bolt
from igrs_codec.bsld.lock_state import Ownership
from igrs_codec.errors import FormatError
from reference_devices.flash import (
    PAGE_SIZE,
    FileMedium,
    Flash,
    MemoryMedium,
    PowerCutError,
    new_flash,
    open_flash,
)
from reference_devices.lock import ReferenceLock
from tests.lock.bench import DEVICE, K_F, Bench, owned

TORN = [0.0, 0.3, 0.5, 0.999, 1.0]


def body(number: int, size: int = 14) -> bytes:
    """Return a slot's content."""
    return number.to_bytes(size)


def cut_everywhere(
    prepare: Callable[[Flash], None], act: Callable[[Flash], None], torn: float
) -> list[Flash]:
    """Do something once per primitive write that it makes, and cut the power in it."""
    medium = MemoryMedium()
    prepare(Flash(medium))
    before = medium.writes
    act(Flash(medium))
    results = []
    for number in range(before + 1, medium.writes + 1):
        cut = MemoryMedium()
        prepare(Flash(cut))
        cut.cut_at, cut.torn = number, torn
        with pytest.raises(PowerCutError):
            act(Flash(cut))
        results.append(Flash(cut))
    return results


class TestOwnership:
    """Two alternating records."""

    def test_newest_counts(self) -> None:
        """Each write goes to the other page."""
        medium = MemoryMedium()
        flash = Flash(medium)
        assert flash.ownership() is None

        for number in range(5):
            flash.write_ownership(body(number))
            assert flash.ownership() == Flash(medium).ownership() == body(number)
            pages = [medium.read(0), medium.read(1)]
            assert number == 0 or sum(body(number - 1) in page for page in pages) == 1

    @pytest.mark.parametrize("torn", TORN)
    @pytest.mark.parametrize("before", [1, 2, 3])
    def test_power_cut(self, before: int, torn: float) -> None:
        """After a cut there is the old or the new record, and the next write works."""

        def prepare(flash: Flash) -> None:
            for number in range(before):
                flash.write_ownership(body(number))

        cuts = cut_everywhere(prepare, lambda flash: flash.write_ownership(body(99)), torn)

        assert len(cuts) == 2
        for flash in cuts:
            assert flash.ownership() in {body(before - 1), body(99)}
            flash.write_ownership(body(7))
            assert flash.ownership() == body(7)

    @pytest.mark.parametrize("page", [0, 1])
    def test_one_damaged_record(self, page: int) -> None:
        """The other one still counts."""
        medium = MemoryMedium()
        flash = Flash(medium)
        flash.write_ownership(body(1))
        flash.write_ownership(body(2))
        medium.damage(page, 10)

        assert flash.ownership() == body(2 - page)

    def test_nonsense_length(self) -> None:
        """A length beyond the page is no record."""
        medium = MemoryMedium()
        medium.program(0, 0, bytes(4) + b"\x00\x01\x00\x00")

        assert Flash(medium).ownership() is None

    def test_too_large(self) -> None:
        """What does not fit is refused before anything is erased."""
        medium = MemoryMedium()
        flash = new_flash(medium)

        with pytest.raises(ValueError, match="does not fit"):
            flash.write_ownership(bytes(PAGE_SIZE))
        assert flash.ownership() == bytes(Ownership())


class TestPages:
    """Append-only slots."""

    @pytest.mark.parametrize("count", [1, 255, 256, 510, 511, 766, 3000])
    def test_log(self, count: int) -> None:
        """At least the newest 510 records are there, in order, also after mounting."""
        medium = MemoryMedium()
        flash = Flash(medium)
        for number in range(count):
            flash.append_record(body(number))

        kept = flash.records()

        assert kept == Flash(medium).records()
        assert kept == [body(number) for number in range(count - len(kept), count)]
        assert len(kept) >= min(count, 510)

    def test_time(self) -> None:
        """The newest time is never lost."""
        medium = MemoryMedium()
        flash = Flash(medium)
        for number in range(5000):
            flash.append_time(body(number, 6))
        assert flash.times() == Flash(medium).times()
        assert Flash(medium).times()[-1] == body(4999, 6)

    @pytest.mark.parametrize("torn", TORN)
    @pytest.mark.parametrize("before", [0, 3, 255, 510, 765, 766])
    def test_power_cut(self, before: int, torn: float) -> None:
        """A cut loses at most the record being written; appending goes on."""

        def prepare(flash: Flash) -> None:
            for number in range(before):
                flash.append_record(body(number))

        for flash in cut_everywhere(prepare, lambda f: f.append_record(body(before)), torn):
            kept = [int.from_bytes(data) for data in flash.records()]
            end = before + (before in kept)
            assert kept == list(range(end - len(kept), end))
            assert len(kept) >= min(before, 510)
            flash.append_record(body(9999))
            assert flash.records()[-1] == body(9999)

    def test_damaged_slot_is_skipped(self) -> None:
        """One bad slot costs one record."""
        medium = MemoryMedium()
        flash = Flash(medium)
        for number in range(5):
            flash.append_record(body(number))
        medium.damage(2, 3 * 16)

        assert flash.records() == [body(number) for number in (0, 1, 3, 4)]

    def test_erase(self) -> None:
        """An erased log is empty and takes new records."""
        medium = MemoryMedium()
        flash = Flash(medium)
        for number in range(300):
            flash.append_record(body(number))

        flash.erase_records()

        assert flash.records() == Flash(medium).records() == []
        flash.append_record(body(1))
        assert Flash(medium).records() == [body(1)]

    def test_wrong_size(self) -> None:
        """A slot has its size."""
        with pytest.raises(ValueError, match="14 bytes"):
            Flash(MemoryMedium()).append_record(b"short")


def test_programming_twice() -> None:
    """The medium refuses what no flash can do."""
    medium = MemoryMedium()
    medium.program(0, 0, b"\x00")

    with pytest.raises(ValueError, match="not erased"):
        medium.program(0, 0, b"\x01")


class TestFile:
    """A flash in a file."""

    def test_new_lock(self, tmp_path: Path) -> None:
        """A missing file is a new, unowned lock, readable by nobody else."""
        path = tmp_path / "lock.flash"

        flash = open_flash(path)

        assert flash.ownership() == bytes(Ownership())
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert list(tmp_path.iterdir()) == [path]

    def test_remembers(self, tmp_path: Path) -> None:
        """Everything is still there when the file is opened again."""
        path = tmp_path / "lock.flash"
        flash = open_flash(path)
        flash.write_ownership(bytes(owned()))
        flash.append_record(body(5))
        flash.append_time(body(6, 6))

        again = open_flash(path)

        assert again.ownership() == bytes(owned())
        assert again.records() == [body(5)]
        assert again.times() == [body(6, 6)]
        again.erase_records()
        assert open_flash(path).records() == []

    def test_file_cut_short(self, tmp_path: Path) -> None:
        """What is missing reads as erased."""
        path = tmp_path / "lock.flash"
        open_flash(path)
        path.write_bytes(path.read_bytes()[:50])

        assert FileMedium(path).read(0) == path.read_bytes().ljust(PAGE_SIZE, b"\xff")
        assert Flash(FileMedium(path)).ownership() is None


class TestFault:
    """Both records unreadable."""

    @staticmethod
    def bench() -> Bench:
        """Return a lock that was booted without a readable record."""
        bench = Bench()
        bench.lock.tamper()
        bench.medium.erase(0)
        bench.medium.erase(1)
        bench.lock.power_cycle()
        return bench

    def test_closed_to_ble(self) -> None:
        """No connection, no advert, no code, no pairing window: never unowned."""
        bench = self.bench()

        assert bench.lock.show()["fault"]
        assert bench.lock.connect() is None
        assert bench.lock.service_data() == b""
        assert not bench.lock.type_code("0000000000")
        bench.lock.press_button(1)
        assert not bench.lock.show()["window_open"]

    def test_knob_works(self) -> None:
        """Mechanics go on, and so does the log."""
        bench = self.bench()
        before = bench.counter

        bench.lock.move_door(True)

        assert bench.counter == before + 2

    def test_reset(self) -> None:
        """Ten seconds on the inside button make it an unowned lock."""
        bench = self.bench()
        before = bench.counter

        bench.lock.press_button(10)

        assert not bench.lock.show()["fault"]
        assert bench.own == Ownership(first_record=before + 1)
        assert bench.lock.service_data()[0] == 0x10
        assert bench.client().hello.gen == 0
        bench.lock.power_cycle()
        assert bench.own.gen == 0
        assert bench.counter == before + 1

    def test_unknown_content(self) -> None:
        """A sound record that means nothing is as bad as none."""
        bench = Bench()
        bench.lock._flash.write_ownership(b"something else")
        bench.lock.power_cycle()

        assert bench.lock.show()["fault"]


@pytest.mark.parametrize("nonsense", [b"\xee" * 14, bytes(13) + b"\x07"])
def test_log_record_without_meaning(nonsense: bytes) -> None:
    """A record that cannot be read is skipped at boot, as a damaged one is."""
    bench = Bench()
    bench.lock._flash.append_record(nonsense)

    bench.lock.power_cycle()

    assert [record.number for record in bench.records] == [1, 2]
    again = ReferenceLock(Flash(bench.medium), device=DEVICE, k_f=K_F, clock=bench.clock, rng=bytes)
    assert again.state.bolt is Bolt.LOCKED


class TestOwnershipBytes:
    """The content of the record."""

    @pytest.mark.parametrize("damage", [b"", b"\x02" + bytes(200), bytes(10)])
    def test_not_a_record(self, damage: bytes) -> None:
        """Nothing is guessed."""
        with pytest.raises(FormatError):
            Ownership.from_bytes(damage)

    def test_every_truncation(self) -> None:
        """A record has exactly its length."""
        data = bytes(owned())

        for size in range(len(data)):
            with pytest.raises(FormatError):
                Ownership.from_bytes(data[:size])
        with pytest.raises(FormatError):
            Ownership.from_bytes(data + b"\x00")

    def test_commit_of_nothing(self) -> None:
        """Without a pending generation there is nothing to commit."""
        with pytest.raises(FormatError):
            owned().committed(bytes(6))
