"""What a client of an ESPHome Bluetooth proxy can ask, and gets for an answer."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
import logging
from typing import TYPE_CHECKING, Any, Final

from aioesphomeapi.model import (
    BluetoothDeviceRequestType,
    BluetoothProxyFeature,
    BluetoothScannerMode,
)
from bumble import att
from bumble.core import BaseBumbleError
from bumble.gatt_client import Client

from .gatt_services import discover
from .native_api import ApiError, Message, encode, messages, read

if TYPE_CHECKING:
    from .proxy import BluetoothProxy

_LOGGER: Final = logging.getLogger(__name__)

_API_VERSION: Final = (1, 12)
_ESPHOME_VERSION: Final = "2026.5.1"  # older ones get a repair issue in Home Assistant
_FEATURES: Final = (
    BluetoothProxyFeature.PASSIVE_SCAN
    | BluetoothProxyFeature.ACTIVE_CONNECTIONS
    | BluetoothProxyFeature.REMOTE_CACHING
    | BluetoothProxyFeature.PAIRING
    | BluetoothProxyFeature.CACHE_CLEARING
    | BluetoothProxyFeature.RAW_ADVERTISEMENTS
    | BluetoothProxyFeature.FEATURE_STATE_AND_MODE
)
_BACKLOG: Final = 65536  # bytes waiting for a client, above which it gets no more adverts

_NOT_CONNECTED: Final = -1
_GATT_ERROR: Final = 133  # the one without a better name
_PAIRING_NOT_SUPPORTED: Final = 5

type _Operation = Callable[[Session, Client, Any], Awaitable[None]]


class Session:
    """One client of the API."""

    def __init__(self, proxy: BluetoothProxy, writer: asyncio.StreamWriter) -> None:
        self.wants_adverts = False
        self.wants_slots = False
        self.ended = asyncio.Event()
        self._proxy = proxy
        self._writer = writer
        self._tasks: set[asyncio.Task[None]] = set()

    async def serve(self, reader: asyncio.StreamReader) -> None:
        """Answer until the client leaves."""
        try:
            while (message := await read(reader)) is not None:
                name = message.DESCRIPTOR.name
                if name in _HANDLERS:
                    _HANDLERS[name](self, message)
                elif name in _OPERATIONS:
                    self._start(self._operate(_OPERATIONS[name], message))
        except ApiError as err:
            _LOGGER.warning("Client of the proxy dropped: %s", err)
        finally:
            self.wants_adverts = self.wants_slots = False
            self._writer.close()
            for task in self._tasks:
                task.cancel()
            if self._tasks:
                await asyncio.wait(self._tasks)

    def drop(self) -> None:
        """Cut the client off."""
        self._writer.transport.abort()

    def send(self, message: Message) -> None:
        """Send a message, unless the client is gone."""
        if not self._writer.is_closing():
            self._writer.write(encode(message))

    def send_advert(self, message: Message) -> None:
        """Send an advertisement, unless the client does not keep up."""
        if self._writer.transport.get_write_buffer_size() < _BACKLOG:
            self.send(message)

    def tell_connection(self, address: int, *, mtu: int = 0, error: int = 0) -> None:
        """Tell whether a device is connected: with an MTU it is."""
        self.send(
            messages.BluetoothDeviceConnectionResponse(
                address=address, connected=mtu > 0, mtu=mtu, error=error
            )
        )

    def hello(self, _request: Message) -> None:
        """Say the version of the API."""
        major, minor = _API_VERSION
        self.send(
            messages.HelloResponse(
                api_version_major=major,
                api_version_minor=minor,
                server_info="reference_devices",
                name=self._proxy.identity.name,
            )
        )

    def disconnect(self, _request: Message) -> None:
        """Take leave."""
        self.send(messages.DisconnectResponse())
        self._writer.close()

    def ping(self, _request: Message) -> None:
        """Say that the proxy is there."""
        self.send(messages.PingResponse())

    def device_info(self, _request: Message) -> None:
        """Say who the proxy is and what it can do."""
        mac = self._proxy.identity.address.hex(":").upper()
        self.send(
            messages.DeviceInfoResponse(
                name=self._proxy.identity.name,
                friendly_name="Virtual radio",
                manufacturer="reference_devices",
                model="Bluetooth proxy in software",
                esphome_version=_ESPHOME_VERSION,
                mac_address=mac,
                bluetooth_mac_address=mac,
                bluetooth_proxy_feature_flags=_FEATURES,
            )
        )

    def list_entities(self, _request: Message) -> None:
        """Say that there are none."""
        self.send(messages.ListEntitiesDoneResponse())

    def subscribe_adverts(self, _request: Message) -> None:
        """Send raw advertisements from now on."""
        self.wants_adverts = True
        self.send(self._proxy.scanner_state())

    def unsubscribe_adverts(self, _request: Message) -> None:
        """Send no more advertisements."""
        self.wants_adverts = False

    def set_scanner_mode(self, request: Any) -> None:
        """Scan actively or passively."""
        active = request.mode == BluetoothScannerMode.ACTIVE
        mode = BluetoothScannerMode.ACTIVE if active else BluetoothScannerMode.PASSIVE
        self._start(self._proxy.scan(mode))

    def subscribe_slots(self, _request: Message) -> None:
        """Tell free and taken slots, now and at each change."""
        self.wants_slots = True
        self.send(self._proxy.free_slots())

    def device(self, request: Any) -> None:
        """Connect, disconnect, or answer that there is no pairing."""
        address = request.address
        match BluetoothDeviceRequestType.convert(request.request_type):
            case (
                BluetoothDeviceRequestType.CONNECT
                | BluetoothDeviceRequestType.CONNECT_V3_WITH_CACHE
                | BluetoothDeviceRequestType.CONNECT_V3_WITHOUT_CACHE
            ):
                self._proxy.connect(self, address, request.address_type)
            case BluetoothDeviceRequestType.DISCONNECT:
                self._proxy.release(self, address)
            case BluetoothDeviceRequestType.PAIR:
                self.send(
                    messages.BluetoothDevicePairingResponse(
                        address=address, error=_PAIRING_NOT_SUPPORTED
                    )
                )
            case BluetoothDeviceRequestType.UNPAIR:
                self.send(
                    messages.BluetoothDeviceUnpairingResponse(
                        address=address, error=_PAIRING_NOT_SUPPORTED
                    )
                )
            case BluetoothDeviceRequestType.CLEAR_CACHE:
                self.send(messages.BluetoothDeviceClearCacheResponse(address=address, success=True))
            case None:
                pass  # something of a later API

    def notify(self, request: Any) -> None:
        """Pass notifications on, or no longer; the client itself writes the CCCD."""
        slot = self._proxy.slot(self, request.address)
        if slot is None or slot.client is None:
            self._tell_error(request, _NOT_CONNECTED)
            return
        slot.client.notification_subscribers.pop(request.handle, None)
        if request.enable:
            slot.client.notification_subscribers[request.handle] = {
                lambda data: self.send(
                    messages.BluetoothGATTNotifyDataResponse(
                        address=request.address, handle=request.handle, data=data
                    )
                )
            }
        self.send(
            messages.BluetoothGATTNotifyResponse(address=request.address, handle=request.handle)
        )

    async def get_services(self, client: Client, request: Any) -> None:
        """Send the services one by one, then the end."""
        for service in await discover(client):
            self.send(
                messages.BluetoothGATTGetServicesResponse(
                    address=request.address, services=[service]
                )
            )
        self.send(messages.BluetoothGATTGetServicesDoneResponse(address=request.address))

    async def read(self, client: Client, request: Any) -> None:
        """Send the value of a characteristic or descriptor."""
        data = await client.read_value(request.handle)
        self.send(
            messages.BluetoothGATTReadResponse(
                address=request.address, handle=request.handle, data=data
            )
        )

    async def write(self, client: Client, request: Any) -> None:
        """Write a characteristic, with or without response."""
        await client.write_value(request.handle, request.data, request.response)
        if request.response:
            self._tell_written(request)

    async def write_descriptor(self, client: Client, request: Any) -> None:
        """Write a descriptor."""
        await client.write_value(request.handle, request.data, with_response=True)
        self._tell_written(request)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        """Run something that ends with the session at the latest."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _operate(self, operation: _Operation, request: Any) -> None:
        """Do a GATT operation when it is its turn, and tell an error."""
        slot = self._proxy.slot(self, request.address)
        if slot is None:
            self._tell_error(request, _NOT_CONNECTED)
            return
        try:
            async with slot.turn:
                if slot.client is None:
                    self._tell_error(request, _NOT_CONNECTED)
                else:
                    await operation(self, slot.client, request)
        except att.ATT_Error as err:
            self._tell_error(request, err.error_code)
        except BaseBumbleError, TimeoutError:
            self._tell_error(request, _GATT_ERROR)

    def _tell_written(self, request: Any) -> None:
        self.send(
            messages.BluetoothGATTWriteResponse(address=request.address, handle=request.handle)
        )

    def _tell_error(self, request: Any, error: int) -> None:
        self.send(
            messages.BluetoothGATTErrorResponse(
                address=request.address, handle=getattr(request, "handle", 0), error=error
            )
        )


_HANDLERS: Final[dict[str, Callable[[Session, Any], None]]] = {
    "HelloRequest": Session.hello,
    "DisconnectRequest": Session.disconnect,
    "PingRequest": Session.ping,
    "DeviceInfoRequest": Session.device_info,
    "ListEntitiesRequest": Session.list_entities,
    "SubscribeBluetoothLEAdvertisementsRequest": Session.subscribe_adverts,
    "UnsubscribeBluetoothLEAdvertisementsRequest": Session.unsubscribe_adverts,
    "BluetoothScannerSetModeRequest": Session.set_scanner_mode,
    "SubscribeBluetoothConnectionsFreeRequest": Session.subscribe_slots,
    "BluetoothDeviceRequest": Session.device,
    "BluetoothGATTNotifyRequest": Session.notify,
}
"""What is done at once; all other messages are ignored."""

_OPERATIONS: Final[dict[str, _Operation]] = {
    "BluetoothGATTGetServicesRequest": Session.get_services,
    "BluetoothGATTReadRequest": Session.read,
    "BluetoothGATTReadDescriptorRequest": Session.read,
    "BluetoothGATTWriteRequest": Session.write,
    "BluetoothGATTWriteDescriptorRequest": Session.write_descriptor,
}
"""What goes to a connected device, and takes its time."""
