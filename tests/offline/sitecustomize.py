"""Cuts a Python process off from everything but this machine.

Python imports a module of this name by itself when it starts. The tests put this folder on
PYTHONPATH, so that every kernel and server they start is offline, however deep it was started.
"""

import ipaddress
import socket

LOCAL_NAMES = {None, "", "localhost", socket.gethostname()}


def is_local(host) -> bool:
    """Whether an address stays on this machine."""
    host = host.decode() if isinstance(host, bytes) else host
    if host in LOCAL_NAMES:
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


def is_outside(sock: socket.socket, address) -> bool:
    return sock.family in (socket.AF_INET, socket.AF_INET6) and not is_local(address[0])


def go_offline() -> None:
    """Makes look-ups and connections to other machines fail the way they do with no network."""
    if getattr(socket, "is_cut_off", False):
        return
    socket.is_cut_off = True
    connect, connect_ex, getaddrinfo = (
        socket.socket.connect,
        socket.socket.connect_ex,
        socket.getaddrinfo,
    )

    def refuse(host) -> None:
        raise socket.gaierror(socket.EAI_NONAME, f"tests run offline: no connection to {host!r}")

    def local_connect(self, address):
        if is_outside(self, address):
            refuse(address[0])
        return connect(self, address)

    def local_connect_ex(self, address):
        if is_outside(self, address):
            refuse(address[0])
        return connect_ex(self, address)

    def local_getaddrinfo(host, *args, **kwargs):
        if not is_local(host):
            refuse(host)
        return getaddrinfo(host, *args, **kwargs)

    socket.socket.connect = local_connect
    socket.socket.connect_ex = local_connect_ex
    socket.getaddrinfo = local_getaddrinfo


go_offline()
