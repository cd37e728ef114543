"""Run notebooks with no network: what the tests and the stored outputs rely on.

Needs the standard library only: `tests/offline/sitecustomize.py` runs this file by itself.
"""

import ipaddress
import os
import socket
from pathlib import Path

_STARTUP = "from tools.course.offline import block_network\n\nblock_network()\ndel block_network\n"
_LOCAL_NAMES = {None, "", "localhost", socket.gethostname()}


def block_network() -> None:
    """Refuse every connection of this process that leaves the machine, and every name look-up.

    Loopback and Unix sockets stay open. The error is the one of a machine without a network, an
    `OSError`. A second call changes nothing.
    """
    if getattr(socket, "vizkit_blocked", False):
        return
    connect, connect_ex, getaddrinfo = (
        socket.socket.connect,
        socket.socket.connect_ex,
        socket.getaddrinfo,
    )

    def local_connect(self, address):
        _refuse_outside(self, address)
        return connect(self, address)

    def local_connect_ex(self, address):
        _refuse_outside(self, address)
        return connect_ex(self, address)

    def local_getaddrinfo(host, *arguments, **options):
        if not _is_local(host):
            _refuse(host)
        return getaddrinfo(host, *arguments, **options)

    socket.socket.connect = local_connect
    socket.socket.connect_ex = local_connect_ex
    socket.getaddrinfo = local_getaddrinfo
    socket.vizkit_blocked = True


def write_startup(folder: Path) -> None:
    """Make `folder` an IPYTHONDIR whose kernels start with the network blocked."""
    startup = folder / "profile_default" / "startup"
    startup.mkdir(parents=True, exist_ok=True)
    (startup / "00-offline.py").write_text(_STARTUP, encoding="utf-8")


def notebook_environment(scratch: Path) -> dict[str, str]:
    """The environment in which notebooks are run for tests and for stored outputs.

    No network, no progress bars, and a fresh progress file in `scratch`, so that a run leaves
    nothing behind.
    """
    write_startup(scratch / "ipython")
    above_package = str(Path(__file__).resolve().parents[2])
    return {
        # The kernel imports the same vizkit as this process, installed or not.
        "PYTHONPATH": os.pathsep.join(filter(None, (above_package, os.environ.get("PYTHONPATH")))),
        "IPYTHONDIR": str(scratch / "ipython"),
        "VIZKIT_PROGRESS_FILE": str(scratch / "progress.json"),
        "VIZKIT_PROGRESS": "0",
        "VIZKIT_REHEARSAL": "",  # numbers of untrained networks must never be stored or compared
        # The debugger's notice about frozen modules would be stored as an output.
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
    }


def _refuse_outside(connecting: socket.socket, address) -> None:
    internet = connecting.family in (socket.AF_INET, socket.AF_INET6)
    if internet and not _is_local(address[0]):
        _refuse(address[0])


def _refuse(host) -> None:
    raise socket.gaierror(
        socket.EAI_NONAME, f"this process runs offline: the connection to {host!r} was refused"
    )


def _is_local(host) -> bool:
    """Whether an address or a name stays on this machine."""
    host = host.decode() if isinstance(host, bytes) else host
    if host in _LOCAL_NAMES:
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified
