"""Quizzes, sources, figures and contact sheets: what they put under a cell."""

import base64
import io
import re
import sys
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import plotly.graph_objects as go
import pytest
import torch
from PIL import Image

from vizkit.course import (
    bar_chart,
    dot_chart,
    figures,
    heat_map,
    line_chart,
    mean_and_interval,
    quiz,
    scatter,
    show_figure,
    show_images,
    show_source,
    source,
)
from vizkit.course import quiz as _quiz_function
from vizkit.fonts import font

LABELS = {"title": "T", "x_label": "n (count)", "y_label": "accuracy (%)", "alt": "Two lines."}


@pytest.fixture
def shown(monkeypatch) -> list[dict]:
    """What would be displayed in a notebook."""
    calls = []

    def record(text, html="", *, data=None, metadata=None):
        calls.append({"text": text, "html": html, **(data or {}), "metadata": metadata})

    for module in (figures, source):
        monkeypatch.setattr(module, "show", record)
    monkeypatch.setitem(_quiz_function.__globals__, "show", record)
    return calls


def _text_of(html: str) -> str:
    parts = []
    parser = HTMLParser()
    parser.handle_data = parts.append
    parser.feed(html)
    return "".join(parts)


def test_quiz_text_lists_the_options_without_the_answer(shown):
    quiz("Which <b>?", ["a <script>", "b"], 1, ["no <img>", "yes"])
    (output,) = shown
    assert output["text"] == "Question: Which <b>?\n  ( ) a <script>\n  ( ) b"
    assert not re.search("<script|<img|<b>", output["html"])
    assert output["html"].count("<details ") == 2
    assert "open" not in re.findall("<details[^>]*>", output["html"])[0]
    assert output["application/vnd.jupyter.widget-view+json"]["model_id"]


def test_quiz_says_right_once_and_not_quite_to_the_others(shown):
    for said in ("Right: so it is.", "So it is."):
        quiz("Which?", ["a", "b"], 1, ["Right for others.", said])
    for output in shown:
        reasons = re.findall('18px">([^<]*)<', output["html"])
        assert reasons[0] == "Not quite. Right for others."
    assert [re.findall('18px">([^<]*)<', output["html"])[1] for output in shown] == [
        "Right: so it is.",
        "Right. So it is.",
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("Q", ["a"], 0, ["x"]), "two or more"),
        (("Q", ["a", "a"], 0, ["x", "y"]), "different"),
        (("Q", ["a", "b"], 2, ["x", "y"]), "index from 0 to 1"),
        (("Q", ["a", "b"], True, ["x", "y"]), "index"),
        (("Q", ["a", "b"], 0, ["x"]), "one explanation per option"),
    ],
)
def test_bad_quiz_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        quiz(*arguments)


def test_source_names_file_and_object_and_shows_the_code(shown):
    show_source(figures.show_images)
    (output,) = shown
    assert output["text"] == "vizkit/course/figures.py: show_images"
    text = _text_of(output["html"])
    assert "def show_images(\n    images: Any," in text
    assert "/work/" not in output["html"]
    assert re.search(r"line \d+: show_images", text)


def test_source_of_a_method_keeps_its_indentation(shown):
    show_source(HTMLParser.feed)
    assert "def feed(self, data):\n    r" in _text_of(shown[0]["html"])
    assert shown[0]["text"] == "html/parser.py: HTMLParser.feed"


@pytest.mark.parametrize("value", [3, len, "text"])
def test_source_of_what_has_none_is_refused(value):
    with pytest.raises(TypeError, match="show_source expects"):
        show_source(value)


def test_figure_is_offline_themed_and_has_its_alt_text(shown):
    show_figure(go.Figure(go.Scatter(y=[1, 2])), alt="A rising line.")
    (output,) = shown
    layout = output[figures.PLOTLY_MIME]["layout"]
    assert output["text"] == "A rising line."
    assert layout["template"]["layout"]["paper_bgcolor"] == "rgba(0,0,0,0)"
    assert "http" not in str(output)


def test_template_of_ones_own_is_kept(shown):
    show_figure(go.Figure(layout={"template": "plotly_dark"}), alt="An empty figure.")
    assert shown[0][figures.PLOTLY_MIME]["layout"]["template"]["layout"]["paper_bgcolor"] != (
        "rgba(0,0,0,0)"
    )


def _contrast(first: str, second: str) -> float:
    def luminance(color):
        parts = np.array([int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)])
        linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
        return float(linear @ [0.2126, 0.7152, 0.0722])

    low, high = sorted((luminance(first), luminance(second)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("background", ["#ffffff", "#111111"])
def test_chart_text_is_legible_in_both_themes(background):
    assert _contrast(figures.figure_template().layout.font.color, background) > 4.3


def test_mean_and_interval_is_the_t_interval():
    from scipy import stats

    values = np.random.default_rng(0).normal(size=(5, 3))
    mean, half = mean_and_interval(values)
    low, high = stats.t.interval(0.95, 4, values.mean(0), stats.sem(values))
    np.testing.assert_allclose(mean - half, low, rtol=1e-12)
    np.testing.assert_allclose(mean + half, high, rtol=1e-12)
    assert mean_and_interval([[1.0, 2.0]])[1].tolist() == [0, 0]


@pytest.mark.parametrize(
    ("x", "ticks"),
    [
        ([4, 8, 16], [4, 8, 16]),
        ([100.0, 1000.0], [100, 1000]),
        ([10, 11, 1000], [10, 20, 50, 100, 200, 500, 1000, 2000, 5000]),  # two would run together
        (list(range(1, 30)), [1, 2, 5, 10, 20, 50, 100, 200, 500]),  # too many
        ([0.003, 0.0031, 4000], [0.001, 0.01, 0.1, 1, 10, 100, 1000, 10000]),  # too far
    ],
)
def test_a_log_axis_has_ticks_that_do_not_run_together(shown, x, ticks):
    line_chart({"a": (x, x)}, log_x=True, log_y=True, **LABELS)
    layout = shown[0][figures.PLOTLY_MIME]["layout"]
    across, up = layout["xaxis"], layout["yaxis"]
    assert across["type"] == up["type"] == "log"
    for axis in (across, up):
        np.testing.assert_allclose(axis["tickvals"], ticks, rtol=1e-12)
        # The whole number, not its first digit.
        np.testing.assert_allclose([float(text) for text in axis["ticktext"]], ticks, rtol=1e-5)


def test_an_axis_can_have_names_in_place_of_numbers(shown):
    line_chart({"a": ([0, 1, 2], [1, 2, 3])}, ticks={0: "first", 2: "<b>end"}, **LABELS)
    axis = shown[0][figures.PLOTLY_MIME]["layout"]["xaxis"]
    assert (list(axis["tickvals"]), list(axis["ticktext"])) == ([0, 2], ["first", "&lt;b>end"])
    for wrong in ({"a": "first"}, {0: ""}, {0: 1}, {}, ["first"]):
        with pytest.raises(ValueError, match="tick"):
            line_chart({"a": ([0, 1, 2], [1, 2, 3])}, ticks=wrong, **LABELS)


def test_many_groups_can_have_their_names_on_the_left(shown):
    groups = {"first <b>": [0.1, 0.3], **{f"group number {k}": [k, k] for k in range(11)}}
    dot_chart(groups, limits=(0, 12), line=0.5, names_left=True, **LABELS)
    dot_chart(groups, limits=(0, 12), line=0.5, **LABELS)
    left, below = (one[figures.PLOTLY_MIME] for one in shown)
    for data, names, values in ((left, "y", "x"), (below, "x", "y")):
        layout = data["layout"]
        ticks, ends = layout[f"{names}axis"], layout[f"{values}axis"]
        assert ticks["ticktext"][0].replace("<br>", " ") == "first &lt;b>"
        assert list(ticks["tickvals"]) == list(range(12))
        assert list(ends["range"]) == [0, 12]
        assert ends["title"]["text"] == LABELS["y_label"]
        dots, bar = data["data"][:2]
        np.testing.assert_allclose(_values(dots[values]), [0.1, 0.3])
        assert abs(np.mean(_values(dots[names]))) < 1e-9
        np.testing.assert_allclose(_values(bar[values]), [0.2, 0.2])
        assert _values(bar[f"error_{values}"]["array"]) == pytest.approx([0.1, 0.1])
        mark = layout["shapes"][0]
        assert mark[f"{values}0"] == mark[f"{values}1"] == 0.5
    top, bottom = left["layout"]["yaxis"]["range"][::-1]
    assert top < bottom  # the first group stands at the top
    assert left["layout"]["yaxis"]["automargin"] is True
    assert LABELS["x_label"] in left["layout"]["title"]["text"]
    assert left["layout"]["height"] > 12 * 20
    assert max(map(len, left["layout"]["yaxis"]["ticktext"])) < 40
    with pytest.raises(TypeError, match="names_left"):
        dot_chart(groups, names_left="yes", **LABELS)


def test_a_log_axis_says_millions_in_a_letter(shown):
    line_chart({"a": ([2e5, 5e6, 2e9], [1, 2, 4])}, log_x=True, **LABELS)
    axis = shown[0][figures.PLOTLY_MIME]["layout"]["xaxis"]
    assert list(axis["ticktext"]) == ["200000", "5M", "2B"]


def test_captions_below_pictures_have_letters_beyond_ascii():
    if sys.platform == "linux" and not any(Path("/usr/share/fonts").glob("**/NotoSansCJK*")):
        pytest.skip("this system has no font with Korean letters")
    boxes = {font(26).getmask(letter).getbbox() for letter in "éöß한글"}
    assert len(boxes) > 1, "all letters look alike: the box for a missing one"


def test_line_chart_draws_mean_and_band_only_for_seeds(shown):
    x = [1, 2, 4]
    line_chart({"one": (x, [1, 2, 3]), "many": (x, [[1, 2, 3], [3, 4, 5]])}, **LABELS)
    data = shown[0][figures.PLOTLY_MIME]["data"]
    assert [trace.get("fill") for trace in data] == [None, "toself", None]
    np.testing.assert_allclose(_values(data[2]["y"]), [2, 3, 4])
    assert data[0]["line"]["dash"] != data[2]["line"]["dash"]


def test_seeds_that_agree_stand_apart(shown):
    x, same = [1, 10, 100], [[0.5, 0.6, 0.7]] * 5
    line_chart({"a": (x, same)}, dots=True, log_x=True, **LABELS)
    line_chart({"a": (x, same)}, dots=True, apart=True, log_x=True, **LABELS)
    hidden, (dots, mean) = (output[figures.PLOTLY_MIME]["data"] for output in shown)
    assert len(set(_values(hidden[0]["x"]).tolist())) == 3
    places = _values(dots["x"]).reshape(5, 3)
    assert (np.diff(places, axis=0) > 0).all()
    np.testing.assert_allclose(np.log(places).mean(0), np.log(x), atol=1e-12)
    assert np.ptp(np.log(places), axis=0).max() <= 0.031 * np.log(100)
    assert mean["mode"] == "lines"
    with pytest.raises(ValueError, match="dots=True"):
        line_chart({"a": (x, same)}, apart=True, **LABELS)


def _values(stored):
    if isinstance(stored, dict):
        return np.frombuffer(base64.b64decode(stored["bdata"]), stored["dtype"])
    return np.asarray(stored)


def test_other_charts(shown):
    bar_chart({"<b>a": [1, 3], "b": 4}, **LABELS)
    heat_map([[-1, 2], [0, 1]], **LABELS)
    scatter({"g": ([1, 2], [3, 4])}, hover={"g": ["<img>", "x"]}, **LABELS)
    bars, heat, points = (output[figures.PLOTLY_MIME]["data"][0] for output in shown)
    assert bars["x"] == ["&lt;b>a<br>2", "b<br>4"]
    bar_chart({f"a reading of the patches, {n}": n for n in range(6)}, **LABELS)
    names = shown[-1][figures.PLOTLY_MIME]["data"][0]["x"]
    assert names[0] == "a reading of<br>the patches,<br>0<br>0"
    assert (heat["zmin"], heat["zmax"]) == (-2, 2)
    assert points["text"] == ["&lt;img>", "x"]


@pytest.mark.parametrize("missing", list(LABELS))
def test_chart_without_a_label_is_refused(missing, shown):
    labels = {**LABELS, missing: " "}
    for chart, data in ((line_chart, {"a": ([1], [1])}), (heat_map, [[1]]), (bar_chart, {"a": 1})):
        with pytest.raises(ValueError, match=missing):
            chart(data, **labels)
    assert shown == []


def test_bad_chart_data_is_refused():
    with pytest.raises(ValueError, match="series 'a'"):
        line_chart({"a": ([1, 2], [1, 2, 3])}, **LABELS)
    with pytest.raises(ValueError, match="rows, columns"):
        heat_map([1, 2], **LABELS)
    with pytest.raises(ValueError, match="group 'a'"):
        scatter({"a": ([1], [1, 2])}, **LABELS)
    with pytest.raises(TypeError, match="Plotly figure"):
        show_figure("figure", alt="x")


def _sheet(output) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(output["image/png"])))


def test_contact_sheet_shows_every_image_in_its_place(shown):
    colors = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255]], dtype=np.uint8)
    images = np.broadcast_to(colors[:, None, None], (3, 8, 8, 3))
    for batch in (images, torch.tensor(images.copy()), images / 255.0):
        show_images(batch, ["a", "b", "c"], columns=2, size=64, alt="Three squares.")
    for output in shown:
        sheet = _sheet(output)
        size = output["metadata"]["image/png"]
        assert (sheet.width, sheet.height) == (2 * size["width"], 2 * size["height"])
        assert size["alt"] == output["text"] == "Three squares."
        assert sheet.getpixel((10, 10)) == (255, 0, 0, 255)
        assert sheet.getpixel((150, 10)) == (0, 255, 0, 255)
        assert sheet.getpixel((10, sheet.height - 50)) == (0, 0, 255, 255)


@pytest.mark.parametrize("caption", ["word " * 400, "w" * 5000, "\x00", "", "한국어 🙂 \u202e"])
def test_any_caption_fits(shown, caption):
    show_images([np.zeros((4, 9), dtype=np.uint8)], [caption], size=40, alt="A black image.")
    assert _sheet(shown[0]).width == 80


@pytest.mark.parametrize(
    ("images", "options", "message"),
    [
        ([], {}, "one or more"),
        ([np.zeros((4, 4))], {"alt": ""}, "alt"),
        ([np.zeros((4, 4))], {"captions": ["a", "b"]}, "captions"),
        ([np.zeros((4, 4))], {"columns": 0}, "columns"),
        ([np.zeros((3, 4, 4))], {}, "shape"),
        ([np.full((4, 4), 2.0)], {}, "between 0 and 1"),
        ([np.full((4, 4), np.nan)], {}, "between 0 and 1"),
    ],
)
def test_bad_images_are_refused(images, options, message):
    with pytest.raises(ValueError, match=message):
        show_images(images, **{"alt": "x", **options})
