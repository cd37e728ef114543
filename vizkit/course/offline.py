"""Run notebooks with no network: what the tests and the stored outputs rely on."""

import ipaddress
import os
import socket
from pathlib import Path

_STARTUP = "from vizkit.course.offline import block_network\n\nblock_network()\ndel block_network\n"


def block_network() -> None:
    """Refuse every connection of this process that leaves the machine, and every name look-up.

    Loopback stays open. The error is an `OSError`, as it is on a machine without a network.
    """
    connect, connect_ex, getaddrinfo = (
        socket.socket.connect,
        socket.socket.connect_ex,
        socket.getaddrinfo,
    )

    def guarded_connect(self, address):
        _refuse_outside(address)
        return connect(self, address)

    def guarded_connect_ex(self, address):
        _refuse_outside(address)
        return connect_ex(self, address)

    def guarded_getaddrinfo(host, *arguments, **options):
        _refuse_outside((host,))
        return getaddrinfo(host, *arguments, **options)

    socket.socket.connect = guarded_connect
    socket.socket.connect_ex = guarded_connect_ex
    socket.getaddrinfo = guarded_getaddrinfo


def write_startup(folder: Path) -> None:
    """Make `folder` an IPYTHONDIR whose kernels start with the network blocked."""
    startup = folder / "profile_default" / "startup"
    startup.mkdir(parents=True, exist_ok=True)
    (startup / "00-offline.py").write_text(_STARTUP, encoding="utf-8")


def notebook_environment(scratch: Path) -> dict[str, str]:
    """The environment in which notebooks are run for tests and for stored outputs.

    No network, no progress bars, a fresh progress file and a ledger of its own, both in
    `scratch`, so that a run leaves nothing behind.
    """
    write_startup(scratch / "ipython")
    above_package = str(Path(__file__).resolve().parents[2])
    return {
        # The kernel imports the same vizkit as this process, installed or not.
        "PYTHONPATH": os.pathsep.join(filter(None, (above_package, os.environ.get("PYTHONPATH")))),
        "IPYTHONDIR": str(scratch / "ipython"),
        "VIZKIT_LEDGER": str(scratch / "ledger.json"),
        "VIZKIT_PROGRESS_FILE": str(scratch / "progress.json"),
        "VIZKIT_PROGRESS": "0",
        # The debugger's notice about frozen modules would be stored as an output.
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
    }


def _refuse_outside(address) -> None:
    if not isinstance(address, tuple):
        return  # a Unix socket
    host = address[0]
    host = host.decode() if isinstance(host, bytes) else host
    if host in (None, "", "localhost") or _is_loopback(host):
        return
    raise ConnectionRefusedError(
        f"notebooks are run without a network here: the connection to {host} was refused"
    )


def _is_loopback(host: str) -> bool:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified
