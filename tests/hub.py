"""A hub of models on this machine: enough of the Hugging Face protocol for a real client.

    with Hub() as hub, hub.used_by_this_process(cache):
        hub.repos["timm/some_model"] = {"model.safetensors": …, "config.json": …}

Large files answer with a redirect to a storage of their own, as the hub does it; `faults` breaks
the delivery of single files in the ways that networks and disks know.
"""

import contextlib
import errno
import hashlib
import http.server
import io
import json
import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import huggingface_hub.constants as constants
import pytest
from huggingface_hub import file_download

COMMIT = "0123456789abcdef0123456789abcdef01234567"
FILE = re.compile(r"/(?P<repo>[^/]+/[^/]+)/resolve/(?P<revision>[^/]+)/(?P<name>.+)")


class Hub:
    """repos: name → file → bytes; faults: file → what goes wrong; requests: what was asked for.

    Faults: "truncated", "wrong bytes", "no answer" (to anything about the file), "stalled" (half of
    the body, then silence), "503", "gated", "no checksum", "sign-in page" (an answer that is not the hub's).
    """

    def __init__(self) -> None:
        self.repos: dict[str, dict[str, bytes]] = {}
        self.faults: dict[str, str] = {}
        self.requests: list[str] = []
        self.closing = threading.Event()

    def __enter__(self):
        handler = type("Handler", (Handler,), {"hub": self})
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,))
        self.thread.start()
        self.address = f"http://127.0.0.1:{self.server.server_port}"
        # Another host, as the hub's storage is: the client follows redirects within one by itself.
        self.storage = f"http://localhost:{self.server.server_port}/storage"
        return self

    def __exit__(self, *_):
        self.closing.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    @contextlib.contextmanager
    def used_by_this_process(self, cache: Path) -> Iterator[None]:
        """What HF_ENDPOINT, HF_HUB_CACHE and short time limits in the environment would do."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("NO_PROXY", "127.0.0.1,localhost")
            patch.setattr(constants, "ENDPOINT", self.address)
            template = self.address + "/{repo_id}/resolve/{revision}/{filename}"
            patch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
            patch.setattr(constants, "HF_HUB_CACHE", str(cache))
            patch.setattr(constants, "HF_HUB_OFFLINE", False)
            patch.setattr(constants, "HF_HUB_ETAG_TIMEOUT", 0.5)
            patch.setattr(constants, "HF_HUB_DOWNLOAD_TIMEOUT", 0.3)
            patch.setattr(file_download, "time", Hasty)
            yield


class Hasty:
    """`time` for `huggingface_hub`, which waits between its retries."""

    sleep = staticmethod(lambda seconds: time.sleep(0.01))


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers for one `Hub`."""

    hub: Hub
    protocol_version = "HTTP/1.1"

    def do_HEAD(self):
        self.answer(body=False)

    def do_GET(self):
        self.answer(body=True)

    def log_message(self, *_):
        pass

    def answer(self, *, body: bool) -> None:
        path = unquote(self.path)
        self.hub.requests.append(f"{self.command} {path}")
        stored = re.fullmatch("/storage/([^/]+)/(.+)/([0-9a-f]{64})", path)
        if stored:
            data = self.hub.repos[stored[1].replace("--", "/")][stored[2]]
            named = {"Content-Disposition": f'inline; filename="{stored[2]}";'}
            self.deliver(data, stored[2], body, named)
            return
        asked = FILE.fullmatch(path)
        if asked is None:
            self.refuse(404, "")
        elif asked["repo"] not in self.hub.repos:
            self.refuse(401, "RepoNotFound")
        elif asked["name"] not in self.hub.repos[asked["repo"]]:
            self.refuse(404, "EntryNotFound")
        else:
            self.describe(asked["repo"], asked["name"], body)

    def describe(self, repo: str, name: str, body: bool) -> None:
        data, fault = self.hub.repos[repo][name], self.hub.faults.get(name)
        if fault == "no answer":
            self.hub.closing.wait(20)
            self.close_connection = True
        elif fault == "503":
            self.refuse(503, "")
        elif fault == "sign-in page":
            self.refuse(200, "")
        elif fault == "gated":
            self.refuse(403, "GatedRepo")
        elif name.endswith(".json"):  # small files are git's
            digest = hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
            self.deliver(data, name, body, {"X-Repo-Commit": COMMIT, "ETag": f'"{digest}"'})
        else:  # large ones lie in a storage that names them by their SHA-256
            digest = hashlib.sha256(data).hexdigest()
            self.send_response(302)
            self.send_header("X-Repo-Commit", COMMIT)
            self.send_header("X-Linked-Size", str(len(data)))
            etag = "none-of-yours" if fault == "no checksum" else digest
            self.send_header("X-Linked-Etag", f'"{etag}"')
            where = f"/{repo.replace('/', '--')}/{name}/{digest}"
            self.send_header("Location", self.hub.storage + where)
            self.send_header("Content-Length", "0")
            self.end_headers()

    def deliver(self, data: bytes, name: str, body: bool, headers: dict[str, str]) -> None:
        fault = self.hub.faults.get(name)
        self.send_response(200)
        for header, value in headers.items():
            self.send_header(header, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if not body:
            return
        if fault == "wrong bytes":
            data = data[:-1] + bytes([data[-1] ^ 1])
        if fault in ("truncated", "stalled"):
            data = data[: len(data) // 2]
        self.wfile.write(data)
        if fault == "stalled":
            self.wfile.flush()
            self.hub.closing.wait(20)
        if fault in ("truncated", "stalled"):
            self.close_connection = True

    def refuse(self, status: int, code: str) -> None:
        self.send_response(status)
        self.send_header("X-Error-Code", code)
        self.send_header("Content-Length", "0")
        self.end_headers()


@contextlib.contextmanager
def full_disk(after: int) -> Iterator[None]:
    """Within this context a download can write so many bytes, and no more."""
    plain = file_download.http_get

    def http_get(url, temp_file, **options):
        plain(url, FullFile(temp_file, after), **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(file_download, "http_get", http_get)
        yield


class FullFile(io.RawIOBase):
    """A file on a disk with little space left."""

    def __init__(self, file, space: int) -> None:
        self.file, self.space = file, space

    def write(self, data) -> int:
        if self.file.tell() + len(data) > self.space:
            self.file.write(data[: self.space])
            raise OSError(errno.ENOSPC, "No space left on device")
        return self.file.write(data)

    def tell(self) -> int:
        return self.file.tell()


def as_json(value) -> bytes:
    return json.dumps(value).encode()
