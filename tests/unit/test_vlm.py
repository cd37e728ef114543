"""The small language model: its mask, its loss, that it cannot look ahead, its answers."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from tests.unit.equality import DTYPES, assert_close, fill, value_and_gradients
from vizkit.data import COLORS, SHAPES, render, sample_scenes
from vizkit.models import (
    CausalDecoder,
    MlpConnector,
    Resampler,
    VisionLanguageModel,
    next_word_loss,
    prefix_mask,
)
from vizkit.models.attention import LAYER_NORM_EPS
from vizkit.models.text import END, PADDING
from vizkit.training.loop import fit
from vizkit.training.vlm import (
    TOKENIZER,
    answer_loss,
    answers_of,
    describe_scene,
    visual_features,
    words_of,
    write_dialogues,
)
from vizkit.zoo import load

WIDTH = 12
COLOR_NAMES = tuple(COLORS)


def small_decoder(dtype: torch.dtype = torch.float32, **options) -> CausalDecoder:
    options = {"vocabulary_size": 10, "context_length": 12, "depth": 2, **options}
    decoder = CausalDecoder(embed_dim=WIDTH, num_heads=3, **options).to(dtype)
    fill(decoder)
    return decoder.eval()


def some(*shape: int, dtype: torch.dtype = torch.float32, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def some_words(*shape: int) -> torch.Tensor:
    return torch.randint(3, 10, shape, generator=torch.Generator().manual_seed(0))


# Who may look at whom


def test_the_mask_of_a_prefix():
    assert prefix_mask(3).tolist() == [[1, 0, 0], [1, 1, 0], [1, 1, 1]]
    assert prefix_mask(4, 2).tolist() == [[1, 1, 0, 0], [1, 1, 0, 0], [1, 1, 1, 0], [1, 1, 1, 1]]
    with pytest.raises(ValueError, match="at most 3, received 4"):
        prefix_mask(3, 4)


def test_a_later_word_changes_nothing_earlier():
    decoder, words, visual = small_decoder(), some_words(2, 6), some(2, 4, WIDTH)
    before = decoder(words, visual)
    for place in range(6):
        changed = words.clone()
        changed[:, place] = (changed[:, place] - 2) % 10
        after = decoder(changed, visual)
        assert torch.equal(after[:, :place], before[:, :place])
        assert not torch.allclose(after[:, place:], before[:, place:])


def test_a_later_word_gets_no_gradient_from_an_earlier_score():
    decoder, words = small_decoder(), some_words(1, 5)
    embedded = []
    decoder.token_embedding.register_forward_hook(
        lambda module, inputs, output: embedded.append(output)
    )
    scores = decoder(words, some(1, 3, WIDTH))
    (slope,) = torch.autograd.grad(scores[0, 2].sum(), embedded[0])
    assert (slope[0, 3:] == 0).all()
    assert (slope[0, :3] != 0).any(dim=-1).all()


def test_every_word_sees_the_picture():
    decoder, words, visual = small_decoder(), some_words(1, 5), some(1, 4, WIDTH)
    for patch in range(4):
        changed = visual.clone()
        changed[:, patch] = some(WIDTH, seed=5)
        difference = (decoder(words, changed) - decoder(words, visual)).abs()
        assert (difference.amax(dim=-1) > 1e-4).all()


# The decoder against torch's own layers


def torch_decoder(ours: CausalDecoder, dtype: torch.dtype) -> nn.TransformerEncoder:
    """torch's transformer layers with the same weights: pre-norm, GELU, causal by a mask."""
    layer = nn.TransformerEncoderLayer(
        WIDTH,
        3,
        4 * WIDTH,
        dropout=0.0,
        activation="gelu",
        layer_norm_eps=LAYER_NORM_EPS,
        batch_first=True,
        norm_first=True,
        dtype=dtype,
    )
    reference = nn.TransformerEncoder(layer, len(ours.blocks), enable_nested_tensor=False)
    names = {
        "attention.query_key_value.": "self_attn.in_proj_",
        "attention.projection.": "self_attn.out_proj.",
        "norm_1.": "norm1.",
        "norm_2.": "norm2.",
        "mlp.expand.": "linear1.",
        "mlp.contract.": "linear2.",
    }
    state = {}
    for key, value in ours.blocks.state_dict().items():
        index, _, rest = key.partition(".")
        old = next(name for name in names if rest.startswith(name))
        state[f"layers.{index}.{names[old]}{rest.removeprefix(old)}"] = value
    reference.load_state_dict(state)
    return reference


@DTYPES
@pytest.mark.parametrize("num_visual", [0, 4])
def test_decoder_equals_torch_transformer(num_visual, dtype):
    ours = small_decoder(dtype)
    reference = torch_decoder(ours, dtype)
    words, visual = some_words(2, 5), some(2, num_visual, WIDTH, dtype=dtype)
    length = num_visual + 5

    def theirs(visual):
        joint = torch.cat([visual, ours.token_embedding(words)], dim=1) + ours.position[:length]
        mask = nn.Transformer.generate_square_subsequent_mask(length, dtype=dtype)
        mixed = reference(joint, mask=mask)
        normed = F.layer_norm(mixed, (WIDTH,), ours.norm.weight, ours.norm.bias, LAYER_NORM_EPS)
        return ours.head(normed[:, num_visual:])

    direction = some(2, 5, 10, dtype=dtype, seed=3)
    results = []
    for function in (lambda visual: ours(words, visual), theirs):
        leaf = visual.clone().requires_grad_()
        scores = function(leaf)
        results.append([scores])
        if num_visual:
            results[-1] += torch.autograd.grad((scores * direction).sum(), leaf)
    for one, other in zip(*results, strict=True):
        assert_close(one, other)


def test_maps_are_attention_and_change_nothing():
    decoder, words, visual = small_decoder(), some_words(2, 5), some(2, 4, WIDTH)
    scores, maps = decoder(words, visual, return_maps=True)
    assert torch.equal(scores, decoder(words, visual))
    assert [one.shape for one in maps] == [(2, 3, 9, 9)] * 2
    for one in maps:
        assert_close(one.sum(-1), torch.ones(2, 3, 9))
        assert (one.triu(1) == 0).all()


# The loss


@DTYPES
def test_the_loss_equals_cross_entropy(dtype):
    tokens = some_words(3, 6)
    counted = torch.tensor([[0, 0, 1, 1, 0, 0], [1, 1, 1, 0, 0, 0], [0, 0, 0, 1, 1, 1]]).bool()
    labels = tokens.masked_fill(~counted, -100)

    def theirs(logits):
        return F.cross_entropy(logits[:, :-1].reshape(-1, 10), labels[:, 1:].reshape(-1))

    logits = some(3, 6, 10, dtype=dtype)
    ours = value_and_gradients(lambda one: next_word_loss(one, tokens, counted), logits)
    for one, other in zip(ours, value_and_gradients(theirs, logits), strict=True):
        assert_close(one, other)


def test_the_loss_is_large_and_finite_for_sure_mistakes():
    logits = torch.full((1, 2, 4), -1e4)
    logits[..., 0] = 1e4
    loss = next_word_loss(logits, torch.tensor([[1, 2]]), torch.tensor([[True, True]]))
    assert loss == 2e4


def test_nothing_to_learn_is_refused():
    only_first = torch.tensor([[True, False]])
    with pytest.raises(ValueError, match="at least one counted word"):
        next_word_loss(torch.zeros(1, 2, 4), torch.zeros(1, 2, dtype=torch.long), only_first)


# Answers


class Script(CausalDecoder):
    """Says the words of a script, whatever it is asked."""

    def __init__(self, script: list[list[int]]) -> None:
        super().__init__(vocabulary_size=10, context_length=32, embed_dim=4, depth=1, num_heads=1)
        self.script = torch.tensor(script)
        self.asked: int | None = None
        self.calls = 0

    def forward(self, tokens, visual=None, return_maps=False):
        self.asked = self.asked or tokens.shape[1]
        self.calls += 1
        next_words = self.script[:, tokens.shape[1] - self.asked]
        return F.one_hot(next_words, 10).float()[:, None]


def test_an_answer_stops_at_its_end_sign():
    decoder = Script([[5, END, 7, 7, 7], [5, 6, 7, END, 8]])
    answer = decoder.generate(some_words(2, 3), max_words=5)
    assert answer.tolist() == [[5, END, PADDING, PADDING], [5, 6, 7, END]]
    assert decoder.calls == 4


def test_an_answer_has_at_most_so_many_words():
    assert Script([[5, 6, 7, 8]]).generate(some_words(1, 3), max_words=2).tolist() == [[5, 6]]


def test_the_same_question_gets_the_same_likeliest_answer():
    decoder, words, visual = small_decoder(), some_words(2, 3), some(2, 4, WIDTH)
    answer = decoder.generate(words, visual, max_words=4)
    assert torch.equal(answer, decoder.generate(words, visual, max_words=4))
    assert torch.equal(answer[:, 0], decoder(words, visual)[:, -1].argmax(dim=-1))


def test_too_many_tokens_are_refused():
    with pytest.raises(ValueError, match=r"at most 12 tokens.*received 13"):
        small_decoder()(some_words(1, 9), some(1, 4, WIDTH))
    with pytest.raises(ValueError, match=r"visual tokens \(1, P, 12\), received \(1, 4, 5\)"):
        small_decoder()(some_words(1, 3), some(1, 4, 5))


# The whole


def test_the_model_is_its_connector_before_its_decoder():
    connector, decoder = MlpConnector(in_dim=5, embed_dim=WIDTH), small_decoder()
    model = VisionLanguageModel(connector, decoder)
    features, words = some(2, 4, 5), some_words(2, 3)
    assert torch.equal(model(features, words), decoder(words, connector(features)))
    expected = decoder.generate(words, connector(features), max_words=3)
    assert torch.equal(model.generate(features, words, max_words=3), expected)


def test_parts_that_do_not_fit_are_refused():
    resampler = Resampler(in_dim=5, embed_dim=8, num_queries=2, num_heads=2)
    with pytest.raises(ValueError, match="width 12, received 8"):
        VisionLanguageModel(resampler, small_decoder())
    with pytest.raises(TypeError, match="CausalDecoder, received Linear"):
        VisionLanguageModel(resampler, nn.Linear(8, 8))


def test_it_learns_to_say_what_it_sees():
    """Four features, four words: the answer depends on the picture alone."""
    torch.manual_seed(0)
    decoder = CausalDecoder(vocabulary_size=10, embed_dim=WIDTH, depth=1, num_heads=3)
    model = VisionLanguageModel(MlpConnector(in_dim=4, embed_dim=WIDTH), decoder)
    features = torch.eye(4)[:, None]  # one token each
    answers = torch.tensor([[3], [4], [5], [6]])
    tokens = torch.cat([torch.full((4, 1), 9), answers, torch.full((4, 1), END)], dim=1)
    counted = torch.tensor([[False, True, True]]).expand(4, 3)
    history = fit(
        model,
        lambda step: next_word_loss(model(features, tokens), tokens, counted),
        steps=150,
        learning_rate=1e-2,
        progress=False,
    )
    assert history.loss[-1] < 0.05
    assert torch.equal(model.generate(features, tokens[:, :1], max_words=4), tokens[:, 1:])


# Questions and answers


def test_answers_are_true_of_the_scene():
    scenes = sample_scenes(60, seed=0)
    dialogues = write_dialogues(scenes)
    assert len(dialogues) == (1 + scenes.num_objects).sum()
    for row, picture in enumerate(dialogues.pictures.tolist()):
        question, answer = dialogues.questions[row], dialogues.answers[row]
        assert not TOKENIZER.unknown_words(f"{question} {answer}")
        said = dialogues.tokens[row][dialogues.counted[row]]
        assert words_of(said[None]) == [answer]
        assert said[-1] == END
        if question == "describe the picture":
            assert answer == describe_scene(scenes, picture)


def test_relations_and_places_are_those_of_the_centers():
    scenes = sample_scenes(200, seed=1, objects="two")
    for index in range(200):
        sentence = describe_scene(scenes, index)
        relation = "left of" if " left of " in sentence else "above"
        axis = 0 if relation == "left of" else 1
        first = scenes.center[index, :, axis].argmin()
        subject = sentence.split(f" {relation} ")[0]
        lead = f"{COLOR_NAMES[scenes.color[index, first]]} {SHAPES[scenes.shape[index, first]]}"
        assert subject.split(" ", 1)[1] == lead


def test_a_question_names_one_object_only():
    scenes = sample_scenes(300, seed=2)
    dialogues = write_dialogues(scenes, tasks=["where"])
    for picture, question in zip(dialogues.pictures.tolist(), dialogues.questions, strict=True):
        words = set(question.removeprefix("where is the ").split())
        shapes, colors = scenes.shape[picture], scenes.color[picture]
        fits = [
            words <= {SHAPES[shape], COLOR_NAMES[color]}
            for shape, color in zip(shapes, colors, strict=True)
            if shape >= 0
        ]
        assert sum(fits) == 1


def test_tasks_are_checked():
    scenes = sample_scenes(2, seed=0)
    for tasks in ((), "where", ("count",)):
        with pytest.raises(ValueError, match="expected tasks among"):
            write_dialogues(scenes, tasks=tasks)
    with pytest.raises(TypeError, match="scenes from sample_scenes, received list"):
        write_dialogues([1])


def test_features_are_those_of_the_encoder():
    encoder, scenes = load("pocket-vit"), sample_scenes(3, seed=0)
    features = visual_features(encoder, scenes)
    pictures = render(scenes)
    assert_close(features["last"][:, 1:], encoder.patch_tokens(pictures))
    tower = encoder.image_tower
    last = tower.norm(tower.blocks[-1](features["before last"]))
    assert_close(last.detach(), features["last"])
    with pytest.raises(TypeError, match="no patch tokens"):
        visual_features(load("pocket-cnn"), scenes)


def small_model() -> VisionLanguageModel:
    torch.manual_seed(0)
    decoder = CausalDecoder(vocabulary_size=len(TOKENIZER), embed_dim=WIDTH, depth=1, num_heads=3)
    return VisionLanguageModel(MlpConnector(in_dim=5, embed_dim=WIDTH), decoder)


def test_the_loss_of_a_batch_is_that_of_its_dialogues():
    model, dialogues = small_model(), write_dialogues(sample_scenes(4, seed=0))
    features = some(4, 3, 5)
    losses = [answer_loss(model, features, dialogues, batch_size=64, seed=7)(0) for _ in range(2)]
    rows = torch.randint(len(dialogues), (64,), generator=torch.Generator().manual_seed(7))
    each = []
    for row in rows.tolist():
        tokens = dialogues.tokens[row]
        logits = model(features[dialogues.pictures[row]][None], tokens[None])[0]
        wanted = dialogues.counted[row].nonzero()[:, 0]
        each.append(F.cross_entropy(logits[wanted - 1], tokens[wanted], reduction="none"))
    assert_close(losses[0], torch.cat(each).mean())
    assert torch.equal(*losses)


def test_answers_come_in_the_order_of_the_questions():
    model, scenes = small_model(), sample_scenes(6, seed=0)
    fill(model)
    dialogues, features = write_dialogues(scenes), some(6, 3, 5)
    together = answers_of(model, features, dialogues, max_words=3)
    for row, question in enumerate(dialogues.questions):
        words = TOKENIZER(question)[:, : len(question.split())]
        picture = features[dialogues.pictures[row]][None]
        assert together[row] == words_of(model.generate(picture, words, max_words=3))[0]
