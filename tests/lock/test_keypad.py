"""The keypad of the lock: codes, their use, and wrong ones (protocol 14)."""

import pytest

from igrs_codec.bsld import codes
from igrs_codec.bsld.admin import Parameter
from igrs_codec.bsld.codes import CodeFormat, CodeId
from igrs_codec.bsld.frame import Bolt, Capability, Event
from igrs_codec.bsld.keys import code_key
from igrs_codec.bsld.lock_keypad import wait_of
from igrs_codec.bsld.lock_state import DEFAULT_CONFIG, KEYPAD_OFF, Ownership
from tests.lock.bench import DAY, DEVICE, K_D, TODAY, Bench, owned, writes

K_CODE = code_key(K_D, DEVICE, 1, 0)
WRONG = "0000000000"


def once(number: int) -> str:
    """Return a one-time code."""
    return codes.once(K_CODE, number)


def type_wrong(bench: Bench, times: int) -> None:
    """Type wrong codes."""
    for _ in range(times):
        assert not bench.lock.type_code(WRONG)


class TestRightCodes:
    """Codes that open."""

    @pytest.mark.parametrize("code_class", [1, 2, 3, 4])
    @pytest.mark.parametrize("index", [0, 1])
    def test_timed(self, code_class: int, index: int) -> None:
        """Valid from start to start and length; the record names class and index."""
        bench = Bench()
        code = codes.timed(K_CODE, code_class, index, TODAY)

        assert bench.lock.type_code(code.code)

        record = bench.records[-1]
        assert (record.event, record.method.name) == (Event.UNLOCK, "TIMED_CODE")
        assert (record.uid, record.detail) == (0, code_class * 16 + index)
        assert bench.bolt() is Bolt.UNLOCKED

    def test_timed_code_ends(self) -> None:
        """The last second counts, the next one does not."""
        code = codes.timed(K_CODE, 1, 0, TODAY)
        bench = Bench()
        bench.sleep(code.end - TODAY - 1)
        assert bench.lock.type_code(code.code)

        bench.sleep(1)

        assert not bench.lock.type_code(code.code)

    def test_timed_code_needs_the_clock(self) -> None:
        """Without a clock only one-time codes work."""
        bench = Bench(clock_set=False)

        assert not bench.lock.type_code(codes.timed(K_CODE, 4, 0, TODAY).code)
        assert bench.lock.type_code(once(1))

    def test_once(self) -> None:
        """Each number works once; the base moves over the used ones."""
        bench = Bench()

        assert bench.lock.type_code(once(3))
        assert (bench.own.once_base, bench.own.once_used) == (1, 0b100)
        assert not bench.lock.type_code(once(3))
        assert bench.lock.type_code(once(1))
        assert bench.lock.type_code(once(2))

        assert (bench.own.once_base, bench.own.once_used) == (4, 0)
        assert bench.events[-1] == ("UNLOCK", "ONE_TIME_CODE")
        assert bench.records[-1].detail == 2

    def test_window_of_eight(self) -> None:
        """The ninth number from the base on is too far."""
        bench = Bench(owned(once_base=5))

        assert not bench.lock.type_code(once(13))
        assert not bench.lock.type_code(once(4))
        assert bench.lock.type_code(once(12))

    def test_last_number(self) -> None:
        """The numbers end with the u32; the last one still works only once."""
        bench = Bench(owned(once_base=0xFFFF_FFFF))

        assert bench.lock.type_code(once(0xFFFF_FFFF))
        assert not bench.lock.type_code(once(0xFFFF_FFFF))

    def test_used_number_survives_a_power_loss(self) -> None:
        """It is stored before the bolt moves."""
        bench = Bench()
        bench.lock.type_code(once(2))

        bench.lock.power_cycle()

        assert not bench.lock.type_code(once(2))

    @pytest.mark.parametrize("code_id", [CodeId(0, 0, 1), CodeId(2, 1, TODAY - TODAY % 43200)])
    def test_cancelled(self, code_id: CodeId) -> None:
        """A cancelled code does not match."""
        text = codes.digits(K_CODE, code_id)

        assert Bench().lock.type_code(text)
        assert not Bench(owned(cancelled=(code_id,))).lock.type_code(text)

    def test_other_format(self) -> None:
        """The format in force decides on the digits."""
        form = CodeFormat(11, 6, 1)
        config = {**DEFAULT_CONFIG, Parameter.CODE_FORMAT: form.to_value()}
        bench = Bench(owned(config=config))

        assert not bench.lock.type_code(once(1))
        assert bench.lock.type_code(codes.once(K_CODE, 1, form))

    def test_relocks(self) -> None:
        """Who comes in by code is locked in by the default."""
        bench = Bench(owned(config={**DEFAULT_CONFIG, Parameter.AUTO_RELOCK: 5}))
        bench.lock.type_code(once(1))

        bench.wait(5)

        assert bench.bolt() is Bolt.LOCKED


class TestNotNow:
    """Entries that nobody looks at."""

    def test_off(self) -> None:
        """Configuration 4 b1."""
        bench = Bench(owned(config={**DEFAULT_CONFIG, Parameter.FLAGS: KEYPAD_OFF}))

        assert not bench.lock.type_code(once(1))
        assert bench.own.once_used == 0

    def test_unowned(self) -> None:
        """Nobody's lock has no codes, and counts none."""
        bench = Bench(Ownership())

        type_wrong(bench, 5)

        assert bench.own == Ownership()

    def test_no_keypad(self) -> None:
        """A lock without keypad takes no code."""
        assert not Bench(capabilities=Capability.OPEN).lock.type_code(once(1))

    def test_while_the_bolt_moves(self) -> None:
        """A code is not used up while the motor runs."""
        bench = Bench(motor_seconds=3)
        bench.lock.type_code(once(1))

        assert not bench.lock.type_code(once(2))
        bench.wait(3)
        assert bench.lock.type_code(once(2))


class TestWrongCodes:
    """The counter of wrong codes and its waits."""

    def test_fifth_is_an_alarm(self) -> None:
        """It is recorded with the number of tries, and latches the alarm."""
        bench = Bench()

        type_wrong(bench, 5)

        assert bench.events == [("WRONG_CODES", "HAND")]
        assert bench.records[-1].detail == 5
        assert bench.role.state.alarm

    def test_wait(self) -> None:
        """For 90 s no entry is looked at or counted, not even a right one."""
        bench = Bench()
        type_wrong(bench, 5)
        bench.sleep(89)
        assert not bench.lock.type_code(once(1))
        assert bench.own.wrong_codes == 5

        bench.sleep(1)

        assert bench.lock.type_code(once(1))
        assert bench.own.wrong_codes == 4

    @pytest.mark.parametrize(
        ("counter", "seconds"),
        [
            (0, 0),
            (4, 0),
            (5, 90),
            (9, 90),
            (10, 180),
            (15, 360),
            (30, 2880),
            (35, 3600),
            (255, 3600),
        ],
    )
    def test_waits_double(self, counter: int, seconds: int) -> None:
        """After each further five the double, at most an hour."""
        assert wait_of(counter) == seconds

    def test_only_each_fifth_costs_time(self) -> None:
        """Between the steps one may try again at once."""
        bench = Bench()
        type_wrong(bench, 5)
        bench.sleep(90)

        type_wrong(bench, 4)
        assert bench.lock.type_code(once(1))

    def test_the_end_of_counting(self) -> None:
        """At 255 every wrong code costs an hour."""
        bench = Bench(owned(wrong_codes=255))
        bench.sleep(3600)

        type_wrong(bench, 1)

        assert bench.own.wrong_codes == 255
        bench.sleep(3599)
        assert not bench.lock.type_code(once(1))
        bench.sleep(1)
        assert bench.lock.type_code(once(1))

    def test_power_loss_starts_the_wait_anew(self) -> None:
        """The counter is kept, and pulling the battery gains nothing."""
        bench = Bench()
        type_wrong(bench, 5)
        bench.sleep(80)

        bench.lock.power_cycle()
        bench.sleep(89)
        assert not bench.lock.type_code(once(1))

        bench.sleep(1)
        assert bench.lock.type_code(once(1))

    def test_power_loss_between_the_steps(self) -> None:
        """From five on a boot costs the wait of the counter; below it costs nothing."""
        bench = Bench(owned(wrong_codes=7))

        assert not bench.lock.type_code(once(1))
        bench.sleep(90)
        assert bench.lock.type_code(once(1))
        assert Bench(owned(wrong_codes=4)).lock.type_code(once(1))

    def test_days_heal(self) -> None:
        """Each 24 h of running time takes five off."""
        bench = Bench(owned(wrong_codes=12))
        bench.sleep(DAY - 1)
        assert bench.own.wrong_codes == 12

        bench.sleep(1)
        assert bench.own.wrong_codes == 7
        bench.sleep(DAY)
        assert bench.own.wrong_codes == 2
        bench.sleep(DAY)
        assert bench.own.wrong_codes == 0

    def test_a_wrong_code_begins_the_day_anew(self) -> None:
        """The day counts from the last wrong code."""
        bench = Bench(owned(wrong_codes=1))
        bench.sleep(DAY - 1)
        type_wrong(bench, 1)

        bench.sleep(DAY - 1)

        assert bench.own.wrong_codes == 2

    def test_right_code_without_debt_writes_no_ownership(self) -> None:
        """A timed code leaves the ownership record alone if nothing changes."""
        bench = Bench()
        written = writes(bench)

        assert bench.lock.type_code(codes.timed(K_CODE, 2, 0, TODAY).code)

        assert written() == 2  # the record and its time
