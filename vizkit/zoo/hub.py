"""Files from the Hugging Face hub: fetched once, checked on every use, with clear errors.

`huggingface_hub` moves the bytes, so that HF_ENDPOINT, HF_HOME, HF_HUB_OFFLINE, HF_TOKEN and
HF_HUB_DOWNLOAD_TIMEOUT mean here what they mean everywhere, and a file that timm or open_clip
have fetched before is found. What they leave out is added: the checksum, one short question
instead of minutes of retries where nobody answers, and messages that say what to do.
"""

from __future__ import annotations

import errno
import hashlib
import re
import warnings
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import constants, get_hf_file_metadata, hf_hub_download, hf_hub_url
from huggingface_hub import try_to_load_from_cache as find_in_cache
from huggingface_hub.errors import (
    FileMetadataError,
    GatedRepoError,
    HfHubHTTPError,
    HTTPError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RemoteEntryNotFoundError,
    RepositoryNotFoundError,
    XetDownloadError,
)

from vizkit.files import write_whole

# All that `huggingface_hub` and the transfer libraries under it raise when a file does not come.
FAILURES = (HTTPError, OSError, RuntimeError, XetDownloadError)
SAFE = (".safetensors", ".json")


@dataclass(frozen=True)
class HubFile:
    """One file of a repository on the hub; of several names, the first that exists there."""

    repo: str
    names: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.names or not all(name.endswith(SAFE) for name in self.names):
            raise ValueError(f"expected names that end in {' or '.join(SAFE)}, got {self.names}")


def weights_file(repo: str, name: str, default: str) -> HubFile:
    """The safetensors file of `repo` in place of `name`, which may be a pickle or empty."""
    return HubFile(repo, (str(Path(name).with_suffix(".safetensors")) if name else default,))


def fetch(wanted: HubFile) -> Path:
    """A whole, checked file of the cache, downloaded if it is not there.

    Raises:
        FileNotFoundError: the hub has no such repository, or no such file in it.
        PermissionError: the repository asks for a licence to be accepted first.
        ConnectionError, TimeoutError: no network, or nobody answers.
        OSError: broken off, damaged on the way, disk full. Nothing half-written stays behind.
    """
    path = cached(wanted)
    if path is not None:
        expected = expected_digest(path)
        if expected and has_checksum(path, expected):
            return path
        if expected:
            remove(path)
            warnings.warn(
                f"{wanted.repo}/{path.name} was damaged in the cache and is removed", stacklevel=2
            )
    for name in wanted.names:
        try:
            return download(wanted.repo, name)
        except RemoteEntryNotFoundError:
            continue
    raise FileNotFoundError(
        f"{wanted.repo} has no {' or '.join(wanted.names)} on {constants.ENDPOINT}. Only weights "
        "in safetensors are loaded here, never pickled ones (.bin, .pt), which can run any code: "
        "choose other weights, see list_models(network=True)."
    )


def cached(wanted: HubFile) -> Path | None:
    """The file in the cache, unchecked, or None. Asks no network."""
    for name in wanted.names:
        found = find_in_cache(wanted.repo, name)
        if isinstance(found, str):
            return Path(found)
    return None


def download(repo: str, name: str) -> Path:
    """One file from the hub, checked against the hub's checksum, with a progress bar."""
    try:
        # Asked once: `hf_hub_download` by itself asks for minutes where nobody answers.
        expected = get_hf_file_metadata(
            hf_hub_url(repo, name), timeout=constants.HF_HUB_ETAG_TIMEOUT
        ).etag
        path = Path(hf_hub_download(repo, name))
    except RemoteEntryNotFoundError:
        raise
    except FAILURES as error:
        raise explained(error, repo, name) from error
    if expected is None or not has_checksum(path, expected):
        remove(path)
        raise OSError(
            f"{repo}/{name} came damaged: its bytes do not match the checksum that "
            f"{constants.ENDPOINT} gives ({(expected or 'none')[:12]}…). It is removed; run this "
            "again to fetch it anew. If that does not help, the repository, or a mirror or proxy "
            "in between, is broken."
        )
    if not path.is_symlink():
        write_record(path, expected)
    return path


# Checksums


def expected_digest(path: Path) -> str | None:
    """The checksum of a cached file; None if the cache does not say.

    The cache holds a link to a file that is named by its checksum. Where links are not possible
    (Windows without developer mode), a record of our own stands beside the file.
    """
    if path.is_symlink():
        return path.readlink().name
    record = record_of(path)
    return record.read_text(encoding="ascii") if record.is_file() else None


def has_checksum(path: Path, expected: str) -> bool:
    """Whether the file has this checksum: SHA-256 of large files, git's SHA-1 of small ones."""
    if re.fullmatch("[0-9a-f]{64}", expected):
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == expected
    if re.fullmatch("[0-9a-f]{40}", expected):
        data = path.read_bytes()
        return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest() == expected
    return False


def record_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.checksum")


def write_record(path: Path, digest: str) -> None:
    write_whole(record_of(path), digest.encode("ascii"))


def remove(path: Path) -> None:
    """Delete a file of the cache: every link on the way to it, and the file itself."""
    record_of(path).unlink(missing_ok=True)
    while path.is_symlink():
        target = path.parent / path.readlink()
        path.unlink()
        path = target
    path.unlink(missing_ok=True)


# Messages


def explained(error: BaseException, repo: str, name: str) -> OSError:
    """The error that a reader of the course can act on."""
    if isinstance(error, LocalEntryNotFoundError):
        error = error.__cause__ or error
    what, hub = f"{repo}/{name}", constants.ENDPOINT
    if isinstance(error, GatedRepoError):
        return PermissionError(
            f"{what} is given to those who accepted its licence: do so on {hub}/{repo}, then log "
            "in with `hf auth login`."
        )
    if isinstance(error, RepositoryNotFoundError):
        return FileNotFoundError(f"{hub} knows no repository {repo}, or it is private.")
    if isinstance(error, OfflineModeIsEnabled):
        return ConnectionError(
            f"{what} is not in the cache, and HF_HUB_OFFLINE forbids to fetch it: unset it and "
            f"start again. {WITHOUT}"
        )
    if "Timeout" in type(error).__name__:
        return TimeoutError(
            f"{hub} was too slow with {what}. Try again later, or give it more seconds: "
            f"HF_HUB_ETAG_TIMEOUT={constants.HF_HUB_ETAG_TIMEOUT} is the time for an answer, "
            f"HF_HUB_DOWNLOAD_TIMEOUT={constants.HF_HUB_DOWNLOAD_TIMEOUT} the longest silence in "
            f"a download. {WITHOUT}"
        )
    if isinstance(error, HfHubHTTPError):
        status = error.response.status_code
        return ConnectionError(f"{hub} answered {status} for {what}. Try again later. {WITHOUT}")
    if isinstance(error, FileMetadataError):
        return ConnectionError(
            f"{hub} was asked for {what} and does not answer as the Hugging Face hub does: look at "
            f"HF_ENDPOINT, at the proxy and at the sign-in page of your network. {WITHOUT}"
        )
    if isinstance(error, HTTPError) and "Protocol" not in type(error).__name__:
        return ConnectionError(
            f"{hub} cannot be reached, and {what} is not in the cache: connect to a network and "
            f"run this again. {WITHOUT}"
        )
    return explained_on_disk(error, what)


def explained_on_disk(error: BaseException, what: str) -> OSError:
    """The error of a transfer that had begun."""
    cache = constants.HF_HUB_CACHE
    if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT) or "No space" in str(error):
        return OSError(
            f"the disk is full: {what} does not fit into {cache}. Free some space, or set HF_HOME "
            "to a folder on another disk and start again. Nothing half-written is left."
        )
    if isinstance(error, PermissionError):
        return PermissionError(
            f"{what} cannot be written into {cache}: make the folder writable, or set HF_HOME to "
            "another one and start again."
        )
    return OSError(
        f"the download of {what} broke off ({first_line(error)}). Nothing half-written is left: "
        "run this again."
    )


WITHOUT = 'Without a network: load("pocket-clip"), or fallback="pocket-clip".'


def first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:150]
