"""The drawing of the vision-language model: the picture first, then the words, then what is learned."""

import re

from vizkit.course.drawings.vision_language import (
    ANSWER,
    PREDICTED,
    QUESTION,
    vision_language_model,
)


def _places() -> dict[str, list[tuple[float, float]]]:
    found: dict[str, list[tuple[float, float]]] = {}
    for x, y, words in re.findall(
        r'<text x="([^"]+)" y="([^"]+)">([^<]+)<', vision_language_model().text
    ):
        found.setdefault(words, []).append((float(x), float(y)))
    return found


def test_encoder_connector_and_the_words_stand_in_their_order():
    places = _places()
    assert places["encoder"][0][0] < places["connector"][0][0]
    row = [min(places[word], key=lambda at: at[1])[0] for word in QUESTION + ANSWER]
    assert row == sorted(row)


def test_each_word_predicts_the_next():
    places = _places()
    from_words = [min(places[word], key=lambda at: at[1])[0] for word in (QUESTION[-1], *ANSWER)]
    predicted = [max(places[word], key=lambda at: at[1])[0] for word in PREDICTED]
    assert from_words == predicted


def test_it_follows_the_theme():
    assert "currentColor" in vision_language_model().text
