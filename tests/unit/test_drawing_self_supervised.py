"""The drawings of notebook 14: what is hidden is left out of the encoder, the teacher gets no gradient."""

from vizkit.course.drawings.self_supervised import masked_autoencoder, two_views


def test_three_quarters_of_the_patches_are_hidden_and_come_back():
    text = masked_autoencoder().text
    # 12 hidden in the picture and as mask tokens; 4 visible, thrice, and 16 rebuilt.
    assert text.count("stroke-dasharray") == 12 + 12
    assert text.count('fill-opacity="0.6"') == 4 + 4 + 4 + 16
    assert "4 visible patches" in text
    assert "12 mask tokens" in text


def test_the_teacher_follows_as_an_average_without_a_gradient():
    text = two_views().text
    for word in ("student", "teacher", "no gradient", "running average", "0.04", "0.1"):
        assert word in text


def test_both_follow_the_theme():
    for drawing in (masked_autoencoder(), two_views()):
        assert "currentColor" in drawing.text
        assert "black" not in drawing.text
