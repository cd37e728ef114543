"""The site's pages beside the course: the gallery's instruments are alive, the reference is whole and asks no network."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

import vizkit
from tools.site.__main__ import GALLERY
from tools.site.build import build_site
from tools.site.pages import API
from vizkit import widgets

ROOT = Path(__file__).parents[2]
# What a browser would fetch: sources, style sheets, imports. Links that a reader follows are none.
FETCHED = re.compile(r"""(?:src=["']|url\(["']?|@import ["']|<link[^>]*href=["'])https?:""")


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("gallery") / "site"
    build_site([ROOT / GALLERY], folder, slides=True, reference=True)
    return folder


@pytest.mark.slow
def test_every_instrument_of_the_gallery_is_alive(page: Page, site: Path):
    page.goto((site / "gallery.html").as_uri())
    kinds = [name for name in widgets.__all__ if hasattr(getattr(widgets, name), "save_html")]
    for kind in kinds:  # an instrument that joins vizkit joins the gallery
        expect(page.locator(f".widget.{kind} .vk[data-ready=true]").first).to_be_visible(
            timeout=60_000
        )
    assert not (site / "slides" / "gallery.html").exists()


@pytest.mark.slow
def test_the_reference_holds_all_that_is_public_and_asks_no_network(page: Page, site: Path):
    page.goto((site / "index.html").as_uri())
    page.get_by_role("link", name="Reference").click()
    expect(page.get_by_role("heading", name="vizkit").first).to_be_visible()
    places = {name: getattr(vizkit, name).__module__.split(".")[1] for name in vizkit.__all__}
    for name, part in places.items():
        text = (site / API / "vizkit" / f"{part}.html").read_text(encoding="utf-8")
        assert f'id="{name}"' in text, f"{name} is not in the reference of {part}"
    for path in (site / API).rglob("*.html"):
        assert not FETCHED.search(path.read_text(encoding="utf-8")), path
