"""The drawings of notebook 16 show what the code does."""

import re

import pytest

from vizkit.course.drawings.any_size import merged_pairs, mixed_places, packed_pictures
from vizkit.models.block_attention import block_diagonal_mask
from vizkit.models.multimodal_rope import multimodal_places


def test_the_squares_of_the_mask_are_those_of_the_pictures():
    import torch

    text = packed_pictures().text
    owner = torch.tensor([0] * 4 + [1] * 3 + [2] * 6)
    seen = block_diagonal_mask(owner[None])[0]
    drawn = set(
        re.findall(r'<rect x="(\d+)" y="(\d+)" width="14" height="14" rx="2" fill="#', text)
    )
    expected = {(str(500 + 15 * c), str(40 + 15 * r)) for r, c in seen.nonzero().tolist()}
    assert drawn == expected


def test_the_places_are_those_of_multimodal_rope():
    texts = re.findall(r'font-size="16"[^>]*>(\d+)<', mixed_places().text)
    places = [[int(n) for n in texts[3 * token : 3 * token + 3]] for token in range(11)]
    assert places == multimodal_places([3, (2, 3), 2]).tolist()


def test_two_pairs_merge_and_their_sizes_add_up():
    text = merged_pairs().text
    assert text.count("<polygon") == 2
    sizes = [int(n) for n in re.findall(r">x (\d)<", text)]
    assert sum(sizes) == 9
    assert sorted(sizes) == [1, 1, 1, 1, 1, 2, 2]


@pytest.mark.parametrize("drawing", [packed_pictures, mixed_places, merged_pairs])
def test_they_follow_the_theme(drawing):
    assert "currentColor" in drawing().text
    assert "black" not in drawing().text
