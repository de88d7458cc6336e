"""No address but this machine's own may be reached: imported at the start of each Python process.

A folder with this file comes first on the PYTHONPATH of a notebook's kernel, so that processes
which the notebook starts are guarded too. Each refusal is written to ``STELLARNB_GUARD_LOG``: also
one that the code survives is seen.
"""

import ipaddress
import os
import socket
import sys
from pathlib import Path

_EVENTS = {
    "socket.connect": 1,
    "socket.sendto": 1,
    "socket.sendmsg": 1,
    "socket.getaddrinfo": 0,
    "socket.gethostbyname": 0,
}


def _host(address: object) -> str:
    """Return the host of an address as sockets take it; nothing where it needs no network."""
    if isinstance(address, tuple):
        address = address[0] if address else ""
    if not isinstance(address, str | bytes):
        return ""
    name = os.fsdecode(address)
    # Sockets in the file system, and unnamed ones, are this machine's.
    return "" if name.startswith(("/", "\0")) else name


def _is_own(host: str) -> bool:
    if host in {"", "localhost", "0.0.0.0", "::", socket.gethostname()}:  # noqa: S104 - compared only
        return True
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return False


def _guard(event: str, arguments: tuple[object, ...]) -> None:
    place = _EVENTS.get(event)
    if place is None or _is_own(host := _host(arguments[place])):
        return
    log = os.environ.get("STELLARNB_GUARD_LOG")
    if log:
        with Path(log).open("a", encoding="utf-8") as stream:
            stream.write(f"{event} {host}\n")
    raise ConnectionRefusedError(f"{host}: no other host may be reached here ({event}).")


sys.addaudithook(_guard)
