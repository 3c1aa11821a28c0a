"""The RAS of one lock, as the rules of protocol 10 have it, for the power-loss tests."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from igrs_codec.bsld import admin, ticket
from igrs_codec.bsld.admin import AdminAnswer, CodeOperation, PrepareAnswer, read_answer
from igrs_codec.bsld.frame import ALL_RIGHTS, Command, Frame, Operation, Status
from igrs_codec.bsld.keys import (
    check_value,
    next_generation,
    provisioned,
    public_key,
    rekeyed,
    session_key,
)
from igrs_codec.bsld.packet import Kind, parse_header, parse_prov, prov_packets
from igrs_codec.bsld.values import AuthAnswer
from igrs_codec.errors import IgrsError
from reference_devices.flash import PowerCutError
from tests.lock.bench import DEVICE, K_F, TODAY, UID, Bench, Client

TRIES: Final = 12
PAUSE: Final = 61  # seconds: time frames are at most one per minute


class LinkLostError(Exception):
    """No answer: a lost packet, or a lock without power."""


class LockOutError(AssertionError):
    """The RAS has no key that the lock knows."""


@dataclass
class Attempt:
    """A generation that was asked for."""

    gen: int
    n_r: bytes
    private: bytes | None
    k_d: bytes | None = None
    """Known once the check value was right."""


class Ras:
    """One lock of the RAS. Everything it keeps is stored before it is sent."""

    def __init__(self, bench: Bench, *, gen: int = 0, k_d: bytes = b"") -> None:
        self.bench = bench
        self.gen = gen
        self.k_d = k_d
        self.epoch = 1
        self.attempts: list[Attempt] = []
        """Newest last; those under whose key a frame was sent are kept."""
        self._last_time = 0

    def register(self) -> None:
        """Make the lock mine."""
        self.rekey(x25519=True)

    def rekey(self, *, x25519: bool) -> None:
        """Bring the lock to the next generation, however often the power fails."""
        for _ in range(TRIES):
            try:
                if self._try(x25519=x25519):
                    return
            except LinkLostError:
                pass
            self._pause()
        raise LockOutError

    def open_door(self) -> None:
        """Unlock with a new ticket: the proof that nobody is locked out."""
        for _ in range(TRIES):
            try:
                client = self._connect()
                if not client.hello.clock_set:
                    self._set_time(client, self.gen, self.k_d)
                self._unlock(client)
            except LinkLostError:
                self._pause()
            else:
                return
        raise LockOutError

    def raise_epoch(self) -> None:
        """End all tickets; a prepared generation is gone with it."""
        for _ in range(TRIES):
            try:
                client = self._connect()
                if not client.hello.clock_set:
                    self._set_time(client, self.gen, self.k_d)
                value = admin.raise_epoch(self.epoch + 1)
                if answer := self._send(client, self.gen, self.k_d, Command.EPOCH, value):
                    assert isinstance(answer, admin.EpochAnswer)
                    self.epoch = max(self.epoch, answer.epoch)
                    self.attempts = []
                    client.disconnect()
                    return
            except LinkLostError:
                pass
            self._pause()
        raise LockOutError

    def _try(self, *, x25519: bool) -> bool:
        client = self._connect()
        try:
            known = [attempt for attempt in reversed(self.attempts) if attempt.k_d]
            for attempt in known:
                if self._commit(client, attempt):
                    return True
            if known:
                self._prove_old(client)
            attempt = self._prepare(client, x25519=x25519)
            return self._commit(client, attempt)
        finally:
            client.disconnect()

    def _prepare(self, client: Client, *, x25519: bool) -> Attempt:
        private = self.bench._random.randbytes(32) if x25519 else None
        gen = next_generation(self.gen)
        attempt = Attempt(gen, self.bench._random.randbytes(8), private)
        self.attempts.append(attempt)
        if x25519 or not client.hello.clock_set:
            self._set_time(client, self.gen, self.k_d)
        if private is None:
            k_d = rekeyed(self.k_d, DEVICE, gen, attempt.n_r)
        else:
            lock_public = self._exchange(client, private)
            k_d = provisioned(
                self.k_d or K_F,
                DEVICE,
                gen,
                attempt.n_r,
                private=private,
                peer_public=lock_public,
                ras_public=public_key(private),
                lock_public=lock_public,
            )
        value = admin.prepare(attempt.n_r, gen, x25519=x25519)
        answer = self._send(client, self.gen, self.k_d, Command.PREPARE, value)
        if not isinstance(answer, PrepareAnswer) or answer.kcv != check_value(k_d):
            raise LinkLostError
        attempt.k_d = k_d
        self.attempts = [attempt]  # an answered 11: the lock has no other one any more
        return attempt

    def _exchange(self, client: Client, private: bytes) -> bytes:
        packets = [
            answer
            for packet in prov_packets(public_key(private))
            for answer in self._write(client, packet)
        ]
        try:
            halves = dict(parse_prov(packet, from_lock=True) for packet in packets)
            return halves[0] + halves[1]
        except IgrsError, KeyError:
            raise LinkLostError from None

    def _commit(self, client: Client, attempt: Attempt) -> bool:
        assert attempt.k_d is not None
        first = self.gen == 0
        if not client.hello.clock_set and not self._may_set_time(client, attempt):
            return False
        value = admin.write_user(UID, 0, ALL_RIGHTS, epoch=1)
        if not self._send(client, attempt.gen, attempt.k_d, Command.WRITE_USER, value):
            return False
        if attempt.private and not first:
            value = admin.codes(CodeOperation.NEW_KEY, epoch=1)
            self._send(client, attempt.gen, attempt.k_d, Command.CODES, value)
        self.gen, self.k_d, self.epoch, self.attempts = attempt.gen, attempt.k_d, 1, []
        return True

    def _may_set_time(self, client: Client, attempt: Attempt) -> bool:
        assert attempt.k_d is not None
        value = admin.set_time(client.hello)
        return bool(self._send(client, attempt.gen, attempt.k_d, Command.TIME, value))

    def _prove_old(self, client: Client) -> None:
        """Get an authentic answer under the old generation: the commit did not happen."""
        if self.gen == 0 or not client.hello.clock_set:
            self._set_time(client, self.gen, self.k_d)
        if self.gen:
            value = admin.raise_epoch(self.epoch)
            if not self._send(client, self.gen, self.k_d, Command.EPOCH, value):
                raise LinkLostError

    def _set_time(self, client: Client, gen: int, k_d: bytes) -> None:
        value = admin.set_time(client.hello)
        if not self._send(client, gen, k_d, Command.TIME, value):
            raise LinkLostError

    def _send(
        self, client: Client, gen: int, k_d: bytes, command: Command, value: bytes
    ) -> AdminAnswer | None:
        """Send a frame; return its authentic answer, None for ERR."""
        time = self._next_time()
        key, _ = client._admin(gen, k_d or None)
        packets = self._write(
            client, client.admin_packet(command, value, time=time, gen=gen, k_d=k_d or None)
        )
        kinds = [parse_header(packet).kind for packet in packets]
        if Kind.ADMIN in kinds:
            answer = packets[kinds.index(Kind.ADMIN)]
            return read_answer(key, answer, gen=gen, tag=5, command=command, time=time)
        if Kind.ERR in kinds:
            return None
        raise LinkLostError

    def _unlock(self, client: Client) -> None:
        minted = ticket.mint(
            self.k_d,
            DEVICE,
            self.gen,
            tag=1,
            uid=UID,
            tid=1,
            rights=ALL_RIGHTS,
            ttl=0,
            epoch=self.epoch,
            time=self.now,
        )
        key = session_key(minted.k_t, DEVICE, bytes(client.hello))
        answers = [p for p in self._write(client, minted.packet) if p[0] == 0x62]
        if not answers:
            raise LinkLostError
        answer = AuthAnswer.from_bytes(Frame.from_bytes(key.open(answers[0])).value)
        if answer.status is not Status.OK:
            raise LockOutError
        client.key = key
        frame = client.frame(Command.OPERATE, Operation.UNLOCK)
        answers = [p for p in self._write(client, client.sealed(frame, 1)) if p[0] == 0x64]
        if not answers:
            raise LinkLostError
        assert Frame.from_bytes(key.open(answers[0])).value[0] == Status.OK
        client.disconnect()

    def _connect(self) -> Client:
        if self.gen == 0 and not self.bench.lock.show()["window_open"]:
            self._guard(lambda: self.bench.lock.press_button(0.1))
        if self.bench.lock.show()["fault"]:
            raise LockOutError
        client = Client(self.bench)
        self.bench.lock.subscribe(client.link, True)
        if not self.bench.sent[client.link]:
            client.disconnect()
            raise LinkLostError
        client.take()
        return client

    def _write(self, client: Client, packet: bytes) -> list[bytes]:
        self._guard(lambda: self.bench.lock.write(client.link, packet))
        return client.take()

    def _guard(self, act: Callable[[], None]) -> None:
        try:
            act()
        except PowerCutError:
            self._power_up()
            raise LinkLostError from None

    def _power_up(self) -> None:
        while True:
            try:
                self.bench.lock.power_cycle()
            except PowerCutError:
                continue
            return

    def _pause(self) -> None:
        self.bench.clock.now += PAUSE
        try:
            self.bench.lock.tick()
        except PowerCutError:
            self._power_up()

    def _next_time(self) -> int:
        self._last_time = max(self.now, self._last_time + 1)
        return self._last_time

    @property
    def now(self) -> int:
        """The time of the RAS."""
        return TODAY + int(self.bench.clock.now - self.bench.start)
