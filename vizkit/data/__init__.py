"""The course's data: the drawn world, image-text pairs from anywhere, and a few photographs.

from vizkit.data import sample_scenes, render, write_captions, scenes, pairs, photos
"""

from vizkit.extras import require

# What reads or writes datasets asks for that library itself: the drawn world needs none of it.
require("course", "tqdm", what="vizkit.data")

from vizkit.data.captions import (
    PROMPTS,
    BindingProbes,
    binding_probes,
    caption_vocabulary,
    describe,
    describe_pair,
    write_captions,
)
from vizkit.data.emoji import (
    EMOJI_CREDIT,
    EMOJI_STYLES,
    EmojiConcepts,
    draw_emoji,
    emoji_concepts,
    name_pieces,
    name_words,
    near_duplicates,
    unseen_split,
)
from vizkit.data.pairs import ImageTextPairs, pairs
from vizkit.data.photos import Photo, photos
from vizkit.data.render import object_masks, render
from vizkit.data.scenes import (
    HELD_OUT_PAIRS,
    PLACES,
    RELATIONS,
    SIZES,
    SceneTable,
    sample_scenes,
)
from vizkit.data.shapes import SHAPES
from vizkit.data.store import cache_folder, images_as_array, scenes
from vizkit.data.styles import BACKGROUNDS, COLORS, STYLES

__all__ = [
    "SHAPES",
    "COLORS",
    "BACKGROUNDS",
    "STYLES",
    "SIZES",
    "PLACES",
    "RELATIONS",
    "HELD_OUT_PAIRS",
    "SceneTable",
    "sample_scenes",
    "render",
    "object_masks",
    "PROMPTS",
    "write_captions",
    "describe",
    "describe_pair",
    "BindingProbes",
    "binding_probes",
    "caption_vocabulary",
    "scenes",
    "cache_folder",
    "images_as_array",
    "ImageTextPairs",
    "pairs",
    "Photo",
    "photos",
    "EMOJI_CREDIT",
    "EMOJI_STYLES",
    "EmojiConcepts",
    "emoji_concepts",
    "draw_emoji",
    "name_pieces",
    "name_words",
    "near_duplicates",
    "unseen_split",
]
