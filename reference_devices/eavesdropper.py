"""An attacker on the virtual air: hears every packet, and can send it again.

A real air has him too. Here he is at hand, so that everybody can see that replay moves no bolt.
"""

import asyncio
from dataclasses import dataclass, field
from typing import Final

from bumble import att, hci
from bumble.core import BaseBumbleError
from bumble.device import Connection, Device
from bumble.l2cap import L2CAP_PDU

from .radio import RadioLink, hang_up, public_address

_CONNECT_TIMEOUT: Final = 5.0  # seconds
_QUIET: Final = 0.5  # seconds without an answer, after which there will be none

type _Write = att.ATT_Write_Request | att.ATT_Write_Command


@dataclass(frozen=True, slots=True)
class _Recording:
    """What a client wrote in one connection, and where it was notified."""

    client: hci.Address
    writes: list[_Write] = field(default_factory=list)
    notified: set[int] = field(default_factory=set)


class Eavesdropper:
    """Keeps the last connection to each lock on an air."""

    def __init__(self, air: RadioLink) -> None:
        self._air = air
        self._own: hci.Address | None = None
        self._recordings: dict[hci.Address, _Recording] = {}
        air.spy = self

    def connected(self, client: hci.Address, lock: hci.Address) -> None:
        """Begin a new recording, unless it is of the attack itself."""
        if client != self._own:
            self._recordings[lock] = _Recording(client)

    def packet(self, source: hci.Address, destination: hci.Address, data: bytes) -> None:
        """Keep a write to a lock, and the handle of a notification from it."""
        l2cap = L2CAP_PDU.from_bytes(data)
        if l2cap.cid != att.ATT_CID:
            return
        pdu = att.ATT_PDU.from_bytes(l2cap.payload)
        if isinstance(pdu, att.ATT_Write_Request | att.ATT_Write_Command):
            recording = self._recordings.get(destination)
            if recording is not None and recording.client == source:
                recording.writes.append(pdu)
        elif isinstance(pdu, att.ATT_Handle_Value_Notification):
            recording = self._recordings.get(source)
            if recording is not None and recording.client == destination:
                recording.notified.add(pdu.attribute_handle)

    async def replay(self, device: bytes) -> tuple[int, list[bytes]]:
        """Connect, and write once more what the last client wrote to a lock (6-byte id).

        Return the number of packets written and what the lock notified, nothing of both if
        there is no recording or the lock is not heard.
        """
        recording = self._recordings.get(public_address(device))
        if recording is None:
            return 0, []
        radio = await self._air.radio()
        self._own = radio.random_address
        try:
            connection = await radio.connect(public_address(device), timeout=_CONNECT_TIMEOUT)
            return await _attack(radio, connection, recording)
        except BaseBumbleError:
            return 0, []
        finally:
            self._air.vanish(radio)


async def _attack(
    radio: Device, connection: Connection, recording: _Recording
) -> tuple[int, list[bytes]]:
    client = connection.gatt_client
    heard: asyncio.Queue[bytes] = asyncio.Queue()
    for handle in recording.notified:
        client.notification_subscribers[handle] = {heard.put_nowait}
    written = 0
    for write in tuple(recording.writes):
        if connection.handle not in radio.connections:
            break
        if isinstance(write, att.ATT_Write_Request):
            await asyncio.wait([asyncio.create_task(client.send_request(write))])
        else:
            await client.send_command(write)
        written += 1
    answers = []
    try:
        while True:
            answers.append(await asyncio.wait_for(heard.get(), _QUIET))
    except TimeoutError:
        await hang_up(connection)
    return written, answers
