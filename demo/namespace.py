"""Run a command in a private network, where the system lets us: python -m demo.namespace COMMAND.

Home Assistant answers multicast DNS on every interface, whatever it is told. A network of its own
keeps it, and the ports of a demo or a test, from the machine and from its neighbours. The one
interface has a second address, because Home Assistant's multicast DNS fails on 127.0.0.1 alone.
"""

import ctypes
import fcntl
import os
from pathlib import Path
import socket
import struct
import sys
from typing import Final, NoReturn

# Requests of netdevice(7), and the structures they take.
_ADD_ROUTE: Final = 0x890B
_SET_FLAGS: Final = 0x8914
_SET_ADDRESS: Final = 0x8916
_SET_NETMASK: Final = 0x891C
_REQUEST_FLAGS: Final = struct.Struct("16sh22x")
_REQUEST_ADDRESS: Final = struct.Struct("16s16s8x")
_ROUTE: Final = struct.Struct("8x16s16s16sH2x4x8x8xh6xPQQH6x")

_UP_RUNNING_MULTICAST: Final = 0x1 | 0x40 | 0x1000
_ROUTE_IS_UP: Final = 0x1

_MARK: Final = "IGRS_NETWORK_TRIED"


def _socket_address(address: str) -> bytes:
    """Return a struct sockaddr_in: 16 bytes."""
    return struct.pack("=HH4s8x", socket.AF_INET, 0, socket.inet_aton(address))


def _raise_interface() -> None:
    """Bring the loopback interface up, with a second address, and multicast on it."""
    device = ctypes.create_string_buffer(b"lo")
    address = _socket_address("10.104.0.1")
    netmask = _socket_address("255.255.255.0")
    multicast = [_socket_address(part) for part in ("224.0.0.0", "0", "240.0.0.0")]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        fcntl.ioctl(control, _SET_FLAGS, _REQUEST_FLAGS.pack(b"lo", _UP_RUNNING_MULTICAST))
        fcntl.ioctl(control, _SET_ADDRESS, _REQUEST_ADDRESS.pack(b"lo:1", address))
        fcntl.ioctl(control, _SET_NETMASK, _REQUEST_ADDRESS.pack(b"lo:1", netmask))
        fcntl.ioctl(
            control,
            _ADD_ROUTE,
            _ROUTE.pack(*multicast, _ROUTE_IS_UP, 0, ctypes.addressof(device), 0, 0, 0),
        )


def _enter() -> None:
    """Leave the machine's network for one of our own, or raise OSError."""
    uid, gid = os.getuid(), os.getgid()
    os.unshare(os.CLONE_NEWUSER | os.CLONE_NEWNET)
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1")
    Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1")
    _raise_interface()


def was_tried() -> bool:
    """Return whether main started this process, in a network of its own or not."""
    return _MARK in os.environ


def is_possible() -> bool:
    """Try in a child, because half a step cannot be taken back."""
    if sys.platform != "linux":
        return False
    if (child := os.fork()) == 0:
        try:
            _enter()
        except OSError:
            os._exit(1)
        os._exit(0)
    return os.waitpid(child, 0)[1] == 0


def main(command: list[str]) -> NoReturn:
    """Become the command, in a private network if there can be one."""
    if not was_tried():
        if is_possible():
            _enter()
        else:
            print("No private network can be had here: the machine's is used.", file=sys.stderr)
        os.environ[_MARK] = "1"
    os.execvp(command[0], command)  # noqa: S606 - the command is the caller's own


if __name__ == "__main__":
    main(sys.argv[1:])
