"""Parts for the tests of the devices: a real lock, and the gateway that carries its packets."""

from collections.abc import Callable
import os
from typing import Any, Final

from igrs_codec.bsld.keys import device_id_to_text
from igrs_codec.bsld.label import setup_code
from igrs_codec.bsld.packet import Hello, Kind, parse_header
from reference_devices.flash import MemoryMedium, PowerCutError, new_flash
from reference_devices.lock import ReferenceLock
from tests.ras_server.client import Answer, Client, mid

DEVICE: Final = bytes.fromhex("A1B2C3D4E5F6")
K_F: Final = bytes.fromhex("f0e1d2c3b4a5968778695a4b3c2d1e0f")


class Door:
    """A lock with its flash, and the one connection of a gateway to it."""

    def __init__(
        self,
        clock: Callable[[], float],
        *,
        device: bytes = DEVICE,
        k_f: bytes = K_F,
        motor_seconds: float = 0.0,
    ) -> None:
        """Put up a new lock."""
        self.medium = MemoryMedium()
        self.lock = ReferenceLock(
            new_flash(self.medium),
            device=device,
            k_f=k_f,
            clock=clock,
            rng=os.urandom,
            motor_seconds=motor_seconds,
        )
        self.lock.on_notify = self._notified
        self.device_id = device_id_to_text(device)
        self.setup_code = setup_code(device, k_f)
        self.link: int | None = None
        self.heard: list[bytes] = []
        self.deaf = False
        """The answers of the lock are lost."""
        self.mute = False
        """What is written is lost."""

    def _notified(self, _: int, packet: bytes) -> None:
        self.heard.append(packet)

    def connect(self) -> bytes:
        """Connect anew and subscribe; return the HELLO."""
        self.disconnect()
        self.heard.clear()
        self.link = self.lock.connect()
        assert self.link is not None
        self.lock.subscribe(self.link, True)
        return self.lock.read_info(self.link)

    def disconnect(self) -> None:
        """End the connection."""
        if self.link is not None:
            self.lock.disconnect(self.link)
            self.link = None

    def write(self, packets: list[bytes]) -> tuple[list[bytes], bytes | None]:
        """Write a flight; return the notifications and the HELLO that came with them, if any."""
        self.heard.clear()
        for packet in packets:
            if self.link is not None and not self.mute:
                try:
                    self.lock.write(self.link, packet)
                except PowerCutError:
                    self.medium.cut_at = None
                    self.lock.power_cycle()
                    self.disconnect()
                    self.heard.clear()
        heard = [] if self.deaf else list(self.heard)
        hellos = [packet for packet in heard if _is_hello(packet)]
        return [packet for packet in heard if packet not in hellos], hellos[-1] if hellos else None


def _is_hello(packet: bytes) -> bool:
    return parse_header(packet).kind is Kind.HELLO


class Gateway:
    """A gateway as the server sees one: it carries what it is given, and understands none of it."""

    def __init__(self, client: Client) -> None:
        """Speak to the server as a gateway that is logged in."""
        self.client = client
        self.id = client.gateway_id

    async def see(self, door: Door) -> Answer:
        """Tell the server which lock is near."""
        return await self.client.post(
            f"/v1/gateways/{self.id}/sightings",
            {
                "seen": [
                    {
                        "device_id": door.device_id,
                        "rssi": -60,
                        "service_data": door.lock.service_data().hex(),
                        "at": 0,
                    }
                ]
            },
        )

    async def register(self, door: Door, **fields: Any) -> Answer:
        """Connect to a lock and register it; return the last answer."""
        body = {"name": "Front door", "setup_code": door.setup_code} | fields
        return await self.open(door, "register", body)

    async def open(
        self,
        door: Door,
        what: str,
        body: dict[str, Any] | None = None,
        client: Client | None = None,
    ) -> Answer:
        """Connect, open an exchange of a kind, and carry it to its end."""
        hello = door.connect()
        caller = client or self.client
        opened = await caller.post(
            f"/v1/devices/{door.device_id}/{what}",
            {"gateway_id": self.id, "hello": hello.hex()} | (body or {}),
        )
        return await self.carry(door, opened, caller)

    async def carry(self, door: Door, answer: Answer, client: Client | None = None) -> Answer:
        """Carry the flights of an exchange until it is done."""
        caller = client or self.client
        while not answer.code and not answer.data["done"]:
            packets = [bytes.fromhex(packet) for packet in answer.data["packets"]]
            notifications, hello = door.write(packets)
            body: dict[str, Any] = {"notifications": [each.hex() for each in notifications]}
            if hello is not None:
                body["hello"] = hello.hex()
            answer = await caller.post(f"/v1/exchanges/{answer.data['exchange_id']}", body)
        door.disconnect()
        return answer

    async def begin(self, door: Door, exchange_id: str) -> Answer:
        """Connect, and begin the exchange of a remote operation."""
        hello = door.connect()
        opened = await self.client.post(f"/v1/exchanges/{exchange_id}", {"hello": hello.hex()})
        return await self.carry(door, opened)


__all__ = ["DEVICE", "K_F", "Door", "Gateway", "Hello", "mid"]
