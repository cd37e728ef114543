"""What runs in tests and for stored outputs is cut off from the network, and from nothing else."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tools.course.offline import block_network, notebook_environment

GUARD = Path(__file__).parents[1] / "offline"
# Says what each call to the outside met, and which modules the guard itself brought along.
PROBE = """
import json, sys
loaded = sorted({"numpy", "torch", "vizkit"} & set(sys.modules))
import socket
calls = {
    "connect": lambda: socket.create_connection(("192.0.2.1", 80), timeout=1),
    "connect_ex": lambda: socket.socket().connect_ex(("192.0.2.1", 80)),
    "connect over IPv6": lambda: socket.socket(socket.AF_INET6).connect(("2001:db8::1", 80)),
    "look-up": lambda: socket.getaddrinfo("example.org", 80),
    "look-up of bytes": lambda: socket.getaddrinfo(b"example.org", 80),
}
met = {}
for name, call in calls.items():
    try:
        met[name] = f"no error, but {call()}"
    except OSError as error:
        met[name] = f"{type(error).__name__}: {error}"
with socket.create_server(("127.0.0.1", 0)) as server:
    socket.create_connection(server.getsockname(), timeout=2).close()
    socket.create_connection(("localhost", server.getsockname()[1]), timeout=2).close()
print(json.dumps({"met": met, "loaded": loaded}))
"""


def probe(*arguments: str, **environment: str) -> dict:
    """What a fresh Python meets that starts in this environment."""
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    run = subprocess.run(
        [sys.executable, *arguments, "-c", PROBE],
        env=inherited | environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return json.loads(run.stdout.splitlines()[-1])


def test_a_python_with_the_guard_on_its_path_stays_on_this_machine():
    found = probe(PYTHONPATH=str(GUARD))
    for call, met in found["met"].items():
        assert met.startswith("gaierror:"), (call, met)
        assert "runs offline" in met, (call, met)
    assert found["loaded"] == []  # the guard costs a started Python nothing


def test_ipython_with_the_startup_folder_stays_on_this_machine(tmp_path):
    environment = notebook_environment(tmp_path)
    environment["PYTHONPATH"] = str(GUARD.parents[1])  # the package, without the guard of the tests
    found = probe("-m", "IPython", "--no-banner", **environment)
    for call, met in found["met"].items():
        assert "runs offline" in met, (call, met)


def test_a_rehearsal_is_never_stored_or_compared(tmp_path, monkeypatch):
    monkeypatch.setenv("VIZKIT_REHEARSAL", "2")
    assert not {**os.environ, **notebook_environment(tmp_path)}["VIZKIT_REHEARSAL"]


def test_blocking_twice_changes_nothing():
    block_network()
    before = socket.socket.connect, socket.socket.connect_ex, socket.getaddrinfo
    block_network()
    assert before == (socket.socket.connect, socket.socket.connect_ex, socket.getaddrinfo)


def test_the_whole_test_run_is_offline():
    with pytest.raises(OSError, match=r"runs offline: the connection to 'example\.org'"):
        socket.create_connection(("example.org", 80), timeout=1)
    assert str(GUARD) in os.environ["PYTHONPATH"].split(os.pathsep)


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="this system has no Unix sockets")
def test_unix_sockets_stay_open(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # the path of a Unix socket must be short
    with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as client:
        server.bind("socket")
        server.listen()
        client.connect("socket")
