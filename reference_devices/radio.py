"""Bluetooth LE without hardware: Bumble's virtual controllers, with their errors mended.

A radio controller stands where a chip would: a Bumble host drives it over HCI. What differs
from Bumble 0.0.236, and why:

- data carry the address of their connection, not always the random address of the sender: a
  lock on its public address, which is its device id, could connect but exchange nothing;
- a cancelled connection attempt ends with an event, as Core 5.4 Vol 4 Part E 7.8.13 demands;
  without it the next attempt is disallowed, or a connection nobody wants comes up later;
- to end a connection that is down already is an error, and not left without an answer;
- a connection is told by the enhanced event where the host asked for it: Linux waits for it;
- a scan response carries its own data, and only answers an active scan;
- changed data are advertised at once, and not after the interval;
- a connection that the advertiser did not take up fails, and does not linger at one end;
- a device can vanish, as with its power cut: its peers then see a supervision timeout;
- an answer to a command that was given up in the same moment is no error;
- every hop can be given a delay, which stands for the connection interval.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final, Protocol, override

from bumble import hci, ll
from bumble.controller import Controller
from bumble.core import BaseBumbleError, PhysicalTransport
from bumble.device import Connection, Device
from bumble.host import Host
from bumble.link import LocalLink
from bumble.transport.common import AsyncPipeSink

from igrs_codec.bsld.advert import local_name

_HANG_UP_TIMEOUT: Final = 2.0  # seconds until a controller that does not answer is given up
_RSSI: Final = -50  # dBm
_ENHANCED_CONNECTION_COMPLETE: Final = 1 << (
    hci.HCI_LE_ENHANCED_CONNECTION_COMPLETE_EVENT - 1
)  # the bit in the LE event mask

type _EventType = hci.HCI_LE_Extended_Advertising_Report_Event.EventType
_ADV_IND: Final = (
    hci.HCI_LE_Extended_Advertising_Report_Event.EventType.CONNECTABLE_ADVERTISING
    | hci.HCI_LE_Extended_Advertising_Report_Event.EventType.SCANNABLE_ADVERTISING
    | hci.HCI_LE_Extended_Advertising_Report_Event.EventType.LEGACY_ADVERTISING_PDU_USED
)
_SCAN_RSP: Final = _ADV_IND | hci.HCI_LE_Extended_Advertising_Report_Event.EventType.SCAN_RESPONSE


def public_address(device: bytes) -> hci.Address:
    """Return the public Bluetooth address that is a device id (6 bytes)."""
    return hci.Address(device[::-1], hci.Address.PUBLIC_DEVICE_ADDRESS)


async def hang_up(connection: Connection) -> None:
    """Send what waits, then disconnect; a connection that is already down will do."""
    with suppress(BaseBumbleError, TimeoutError):
        async with asyncio.timeout(_HANG_UP_TIMEOUT):
            await _sent(connection)
            if connection.device.lookup_connection(connection.handle) is connection:
                await connection.disconnect()


async def _sent(connection: Connection) -> None:
    """Wait until all that waits is sent; Bumble's drain() heeds only what has left the host."""
    queue = connection.data_packet_queue
    if queue is None:
        return
    flow = asyncio.Event()
    queue.on("flow", flow.set)
    try:
        while queue.pending:
            flow.clear()
            await flow.wait()
    finally:
        queue.remove_listener("flow", flow.set)


class Spy(Protocol):
    """Somebody who hears every connection on an air."""

    def connected(self, client: hci.Address, lock: hci.Address) -> None:
        """Hear that a client takes up a connection."""

    def packet(self, source: hci.Address, destination: hci.Address, data: bytes) -> None:
        """Hear an L2CAP packet."""


class _Host(Host):
    """Bumble's, which takes it amiss when an answer comes just as its command was given up."""

    @override
    def on_command_processed(
        self, event: hci.HCI_Command_Complete_Event[Any] | hci.HCI_Command_Status_Event
    ) -> None:
        if self.pending_response is None or not self.pending_response.done():
            super().on_command_processed(event)


class RadioLink(LocalLink):
    """The air between radio controllers; a spy on it hears all.

    Args:
        hop_delay: Seconds that a packet of a connection takes from one side to the other.

    """

    spy: Spy | None = None

    def __init__(self, hop_delay: float = 0.0) -> None:
        LocalLink.__init__(self)
        self._hop_delay = hop_delay
        self._under_way: deque[Callable[[], None]] = deque()

    async def radio(self, device: bytes | None = None) -> Device:
        """Return a new powered device: a lock with its id (6 bytes), or else a central."""
        address = None if device is None else public_address(device)
        controller = RadioController(self, address)
        name = None if device is None else local_name(device)
        radio = Device(name=name, host=_Host(controller, AsyncPipeSink(controller)))
        await radio.power_on()
        return radio

    def vanish(self, radio: Device) -> None:
        """Cut the power of a device: see RadioController.host_gone."""
        for controller in tuple(self.controllers):
            if isinstance(controller, RadioController) and controller.serves(radio):
                controller.host_gone()

    @override
    def send_acl_data(
        self,
        sender_controller: Controller,
        destination_address: hci.Address,
        transport: PhysicalTransport,
        data: bytes,
    ) -> None:
        connection = sender_controller.le_connections.get(destination_address)
        if connection is None:
            return
        source = connection.self_address
        if self.spy is not None:
            self.spy.packet(source, destination_address, data)

        def deliver() -> None:
            receiver = self.find_le_controller(destination_address)
            if receiver is not None and source in receiver.le_connections:
                receiver.on_link_acl_data(source, transport, data)

        self._carry(deliver)

    @override
    def send_ll_control_pdu(
        self,
        sender_address: hci.Address,
        receiver_address: hci.Address,
        packet: ll.ControlPdu,
    ) -> None:
        def deliver() -> None:
            receiver = self.find_le_controller(receiver_address)
            if receiver is not None and sender_address in receiver.le_connections:
                receiver.on_ll_control_pdu(sender_address, packet)

        self._carry(deliver)

    @override
    def send_advertising_pdu(
        self, sender_controller: Controller, packet: ll.AdvertisingPdu
    ) -> None:
        loop = asyncio.get_running_loop()
        scan_response = _scan_response(sender_controller, packet)
        for controller in self.controllers - {sender_controller}:
            if isinstance(packet, ll.AdvExtInd) and isinstance(controller, RadioController):
                loop.call_soon(controller.hear, packet, scan_response)
            else:
                loop.call_soon(controller.on_ll_advertising_pdu, packet)
        if isinstance(packet, ll.ConnectInd):
            if self.spy is not None:
                self.spy.connected(packet.initiator_address, packet.advertiser_address)
            loop.call_soon(self._fail_if_not_taken, packet)

    def _fail_if_not_taken(self, packet: ll.ConnectInd) -> None:
        """End a connection whose advertiser is gone, or was faster taken by another."""
        advertiser = self.find_le_controller(packet.advertiser_address)
        if advertiser is None or packet.initiator_address not in advertiser.le_connections:
            self.send_ll_control_pdu(
                packet.advertiser_address,
                packet.initiator_address,
                ll.TerminateInd(hci.HCI_ErrorCode.CONNECTION_FAILED_TO_BE_ESTABLISHED_ERROR),
            )

    def _carry(self, deliver: Callable[[], None]) -> None:
        """Deliver after the delay, in the order of sending whatever the timers do."""
        self._under_way.append(deliver)
        asyncio.get_running_loop().call_later(self._hop_delay, self._deliver_oldest)

    def _deliver_oldest(self) -> None:
        self._under_way.popleft()()


class RadioController(Controller):
    """One Bluetooth LE chip on the air of a link."""

    _scan_is_active = False

    def __init__(self, air: RadioLink, address: hci.Address | None = None) -> None:
        super().__init__("radio", link=air, public_address=address)
        self._air = air

    def serves(self, radio: Device) -> bool:
        """Return whether this is the controller of a device."""
        return self.hci_sink is radio.host

    def host_gone(self) -> None:
        """Fall silent for good, as with the power cut: connected peers see a timeout."""
        for advertising_set in self.advertising_sets.values():
            advertising_set.stop()
        self.le_legacy_advertiser.stop()
        self.le_scan_enable = False
        self.pending_le_connection = None
        for connection in self.le_connections.values():
            connection.send_ll_control_pdu(
                ll.TerminateInd(hci.HCI_ErrorCode.CONNECTION_TIMEOUT_ERROR)
            )
        self.le_connections.clear()
        with suppress(KeyError):
            self._air.remove_controller(self)

    def hear(self, packet: ll.AdvExtInd, scan_response: bytes) -> None:
        """Report an advertisement to the host, and connect if it waits for this one."""
        if self.le_scan_enable:
            self._report(packet.advertiser_address, _ADV_IND, packet.data)
            if self._scan_is_active and scan_response:
                self._report(packet.advertiser_address, _SCAN_RSP, scan_response)
        pending = self.pending_le_connection
        if pending is not None and pending.peer_address == packet.advertiser_address:
            self.create_le_connection(packet.advertiser_address)

    @override
    def send_hci_packet(self, packet: hci.HCI_Packet) -> None:
        if (
            isinstance(packet, hci.HCI_LE_Connection_Complete_Event)
            and self.le_event_mask & _ENHANCED_CONNECTION_COMPLETE
        ):
            packet = _enhanced(packet)
        super().send_hci_packet(packet)

    @override
    def on_hci_disconnect_command(self, command: hci.HCI_Disconnect_Command) -> None:
        if self.find_connection_by_handle(command.connection_handle) is None:
            self.send_hci_packet(
                hci.HCI_Command_Status_Event(
                    status=hci.HCI_ErrorCode.UNKNOWN_CONNECTION_IDENTIFIER_ERROR,
                    num_hci_command_packets=1,
                    command_opcode=command.op_code,
                )
            )
        else:
            super().on_hci_disconnect_command(command)

    @override
    def on_hci_le_create_connection_cancel_command(
        self, _command: hci.HCI_LE_Create_Connection_Cancel_Command
    ) -> hci.HCI_StatusReturnParameters:
        pending = self.pending_le_connection
        if pending is None:
            return hci.HCI_StatusReturnParameters(hci.HCI_ErrorCode.COMMAND_DISALLOWED_ERROR)
        self.pending_le_connection = None
        ended = hci.HCI_LE_Connection_Complete_Event(
            status=hci.HCI_ErrorCode.UNKNOWN_CONNECTION_IDENTIFIER_ERROR,
            connection_handle=0,
            role=hci.Role.CENTRAL,
            peer_address_type=pending.peer_address.address_type,
            peer_address=pending.peer_address,
            connection_interval=0,
            peripheral_latency=0,
            supervision_timeout=0,
            central_clock_accuracy=0,
        )
        # The answer to this command goes first.
        asyncio.get_running_loop().call_soon(self.send_hci_packet, ended)
        return hci.HCI_StatusReturnParameters(hci.HCI_ErrorCode.SUCCESS)

    @override
    def on_hci_le_set_extended_scan_parameters_command(
        self, command: hci.HCI_LE_Set_Extended_Scan_Parameters_Command
    ) -> hci.HCI_StatusReturnParameters:
        self._scan_is_active = any(command.scan_types)
        return super().on_hci_le_set_extended_scan_parameters_command(command)

    @override
    def on_hci_le_set_extended_advertising_data_command(
        self, command: hci.HCI_LE_Set_Extended_Advertising_Data_Command
    ) -> hci.HCI_StatusReturnParameters:
        result = super().on_hci_le_set_extended_advertising_data_command(command)
        advertising_set = self.advertising_sets.get(command.advertising_handle)
        if advertising_set is not None and advertising_set.enabled:
            advertising_set.send_extended_advertising_data()
        return result

    def _report(self, address: hci.Address, event_type: _EventType, data: bytes) -> None:
        self.send_hci_packet(
            hci.HCI_LE_Extended_Advertising_Report_Event(
                [
                    hci.HCI_LE_Extended_Advertising_Report_Event.Report(
                        event_type=event_type,
                        address_type=address.address_type,
                        address=address,
                        primary_phy=hci.Phy.LE_1M,
                        secondary_phy=hci.Phy.LE_1M,
                        advertising_sid=0,
                        tx_power=0,
                        rssi=_RSSI,
                        periodic_advertising_interval=0,
                        direct_address_type=0,
                        direct_address=hci.Address.ANY,
                        data=data,
                    )
                ]
            )
        )


def _scan_response(controller: Controller, packet: ll.AdvertisingPdu) -> bytes:
    if not isinstance(packet, ll.AdvExtInd):
        return b""
    return next(
        (
            bytes(advertising_set.scan_response_data)
            for advertising_set in controller.advertising_sets.values()
            if advertising_set.address == packet.advertiser_address
        ),
        b"",
    )


def _enhanced(
    event: hci.HCI_LE_Connection_Complete_Event,
) -> hci.HCI_LE_Enhanced_Connection_Complete_Event:
    return hci.HCI_LE_Enhanced_Connection_Complete_Event(
        status=event.status,
        connection_handle=event.connection_handle,
        role=event.role,
        peer_address_type=event.peer_address_type,
        peer_address=event.peer_address,
        local_resolvable_private_address=hci.Address.ANY_RANDOM,
        peer_resolvable_private_address=hci.Address.ANY_RANDOM,
        connection_interval=event.connection_interval,
        peripheral_latency=event.peripheral_latency,
        supervision_timeout=event.supervision_timeout,
        central_clock_accuracy=event.central_clock_accuracy,
    )
