"""What the RAS configures at a lock: its parameters and its codes (protocol 9 and 14)."""

from typing import Any

import pytest

from igrs_codec.bsld import admin
from igrs_codec.bsld.admin import (
    CodeOperation,
    CodesAnswer,
    Config,
    ConfigAnswer,
    Parameter,
)
from igrs_codec.bsld.codes import CodeFormat, CodeId
from igrs_codec.bsld.frame import Command, Status
from igrs_codec.bsld.keys import code_key
from tests.lock.bench import (
    DEVICE,
    K_D,
    TODAY,
    Bench,
    Client,
    owned,
)


class TestConfig:
    """Command 13."""

    @pytest.mark.parametrize(
        ("parameter", "value", "status"),
        [
            (1, 0, Status.OK),
            (1, 3600, Status.OK),
            (1, 3601, Status.BAD_ARGUMENT),
            (2, 1, Status.OK),
            (2, 2, Status.BAD_ARGUMENT),
            (3, 99, Status.BAD_ARGUMENT),
            (3, 100, Status.OK),
            (3, 2000, Status.OK),
            (3, 2001, Status.BAD_ARGUMENT),
            (4, 3, Status.OK),
            (4, 4, Status.BAD_ARGUMENT),
            (5, CodeFormat(11, 6, 1).to_value(), Status.OK),
            (5, 0x000A0A01, Status.BAD_ARGUMENT),
            (5, 0x01080A00, Status.BAD_ARGUMENT),
            (6, 0, Status.OK),
            (6, 1, Status.BAD_ARGUMENT),
            (0, 0, Status.BAD_ARGUMENT),
            (7, 0, Status.BAD_ARGUMENT),
        ],
    )
    def test_values(self, parameter: int, value: int, status: Status) -> None:
        """The answer shows the value in force, or what was asked for if there is none."""
        bench = Bench()
        before = dict(owned().config)

        answer = bench.client().admin(Command.CONFIG, bytes(Config(parameter, value, 1)))

        config = {int(known): number for known, number in bench.own.config.items()}
        assert answer == ConfigAnswer(status, parameter, config.get(parameter, value))
        changed = status is Status.OK and parameter != Parameter.CLEAR_ALARM
        assert config == before | ({parameter: value} if changed else {})

    def test_wrong_epoch(self) -> None:
        """05 comes before 09 and shows the value in force."""
        answer = Bench().client().admin(Command.CONFIG, bytes(Config(3, 5, 9)))

        assert answer == ConfigAnswer(Status.WRONG_EPOCH, 3, 500)

    def test_clear_alarm(self) -> None:
        """The alarm ends with a record; without one nothing is recorded."""
        bench = Bench()
        bench.lock.tamper()
        assert bench.role.state.alarm
        client = bench.client()
        clear = admin.config(Parameter.CLEAR_ALARM, 0, epoch=1)

        client.admin(Command.CONFIG, clear)
        client.admin(Command.CONFIG, clear, time=TODAY + 1)

        assert not bench.role.state.alarm
        assert bench.events == [("TAMPER", "HAND"), ("ALARM_CLEARED", "RAS")]

    def test_advert_interval(self) -> None:
        """The radio hears of a new advertising interval."""
        bench = Bench()
        bench.adverts.clear()

        bench.client().admin(Command.CONFIG, admin.config(Parameter.ADVERT_INTERVAL, 250, epoch=1))

        assert bench.lock.advert_interval == 250
        assert bench.adverts


class TestCodes:
    """Command 14."""

    @staticmethod
    def send(client: Client, operation: int, *fields: int, **keys: Any) -> Any:
        """Send a command 14 with class, index, start and perhaps epoch."""
        code_class, index, start, *epoch = fields
        value = bytes(admin.Codes(operation, code_class, index, start, *(epoch or [1])))
        return client.admin(Command.CODES, value, **keys)

    @pytest.mark.parametrize(
        ("operation", "fields", "status"),
        [
            (0, (5, 0, 0), Status.BAD_ARGUMENT),
            (0, (1, 2, 0), Status.BAD_ARGUMENT),
            (0, (0, 1, 5), Status.BAD_ARGUMENT),
            (1, (0, 0, 0), Status.BAD_ARGUMENT),
            (2, (0, 0, 0), Status.BAD_ARGUMENT),
            (5, (0, 0, 0), Status.BAD_ARGUMENT),
            (3, (1, 0, 0), Status.BAD_ARGUMENT),
            (3, (0, 1, 0), Status.BAD_ARGUMENT),
            (3, (0, 0, 1), Status.BAD_ARGUMENT),
            (4, (0, 0, 6), Status.BAD_ARGUMENT),
            (5, (0, 0, 0, 2), Status.WRONG_EPOCH),
        ],
    )
    def test_bad_arguments(self, operation: int, fields: tuple[int, ...], status: Status) -> None:
        """A refusal changes no code."""
        bench = Bench(owned(once_base=7))

        answer = self.send(bench.client(), operation, *fields)

        assert answer == CodesAnswer(status, operation, 0, 7)
        assert bench.own == owned(once_base=7, t_adm=TODAY)

    def test_cancel(self) -> None:
        """A cancelled code is stored once; ended ones give way."""
        ended = (CodeId(1, 0, TODAY - 3600), CodeId(0, 0, 6))
        bench = Bench(owned(once_base=7, cancelled=ended))
        client = bench.client()

        first = self.send(client, 0, 2, 1, TODAY - 86399)
        again = self.send(client, 0, 2, 1, TODAY - 86399, time=TODAY + 1)

        assert first == again == CodesAnswer(Status.OK, 0, 1, 7)
        assert bench.own.cancelled == (CodeId(2, 1, TODAY - 86399),)

    def test_full(self) -> None:
        """32 cancelled codes fit; a repeated one is still fine."""
        bench = Bench(owned(cancelled=tuple(CodeId(4, 0, TODAY + n) for n in range(32))))
        client = bench.client()

        assert self.send(client, 0, 4, 1, TODAY) == CodesAnswer(Status.FULL, 0, 32, 1)
        repeated = self.send(client, 0, 4, 0, TODAY, time=TODAY + 1)
        assert repeated == CodesAnswer(Status.OK, 0, 32, 1)

    def test_new_key(self) -> None:
        """Operation 3: a key of the frame's time, numbers from 1, nothing cancelled."""
        bench = Bench(owned(once_base=7, once_used=2, cancelled=(CodeId(4, 0, TODAY),)))

        answer = self.send(bench.client(), CodeOperation.NEW_KEY, 0, 0, 0)

        assert answer == CodesAnswer(Status.OK, 3, 0, 1)
        assert bench.own == owned(k_code=code_key(K_D, DEVICE, 1, TODAY), t_adm=TODAY)

    @pytest.mark.parametrize(
        ("used", "start", "base", "left"),
        [(0, 7, 7, 0), (0b1010, 7, 7, 0b1010), (0b1010, 8, 9, 0b10), (0b1010, 99, 99, 0)],
    )
    def test_move_base(self, used: int, start: int, base: int, left: int) -> None:
        """Operation 4: the base never goes back, and moves over used numbers."""
        bench = Bench(owned(once_base=7, once_used=used))

        answer = self.send(bench.client(), CodeOperation.MOVE_BASE, 0, 0, start)

        assert answer == CodesAnswer(Status.OK, 4, 0, base)
        assert (bench.own.once_base, bench.own.once_used) == (base, left)
