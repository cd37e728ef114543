"""Reads and checks what a caller hands over: columns, pictures and embeddings of any kind.

from vizkit.inputs import as_list, as_texts, as_image, as_images, as_array, as_embeddings

Widgets, zoo and data all go through it, so that what one of them takes all of them take, and what
is refused is refused in the same words. It knows numpy and Pillow; tensors, tables and data sets
are recognised by what they can do, and none of their libraries is imported.
"""

from vizkit.inputs.columns import as_list, as_texts, is_missing
from vizkit.inputs.embeddings import as_array, as_embeddings, as_numpy
from vizkit.inputs.numbers import nonzero_rows, power_of_two, unit_rows
from vizkit.inputs.options import refuse_unknown
from vizkit.inputs.pictures import as_image, as_images, as_pictures, is_one_picture, upright_rgb

__all__ = [
    "as_array",
    "as_embeddings",
    "as_image",
    "as_images",
    "as_list",
    "as_numpy",
    "as_pictures",
    "as_texts",
    "is_missing",
    "is_one_picture",
    "nonzero_rows",
    "power_of_two",
    "refuse_unknown",
    "unit_rows",
    "upright_rgb",
]
