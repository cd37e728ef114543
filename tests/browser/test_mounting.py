"""Mounted and unmounted 200 times, an instrument gives everything back; it lives on a host that has next to nothing, and
where a page forbids addresses of blobs."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, Route

from tests.browser.test_accessibility import instruments
from tests.support.harness import PageLog
from vizkit.widgets import AttentionMap, EmbeddingSpace, LivingEncoder, SimilarityMatrix, assets

pytestmark = pytest.mark.browser
KINDS = (SimilarityMatrix, AttentionMap, EmbeddingSpace, LivingEncoder)

# A model of the least kind: `get` and `on`, and what else a host may have throws.
HOST = """
window.leastModel = () => {
  const saved = JSON.parse(document.getElementById("vizkit-state").textContent).widgets[0];
  for (const { path, data } of saved.buffers) {
    const bytes = Uint8Array.from(atob(data), (sign) => sign.charCodeAt(0));
    const parent = path.slice(0, -1).reduce((place, key) => place[key], saved.state);
    parent[path[path.length - 1]] = new DataView(bytes.buffer);
  }
  const refuse = () => { throw new Error("this host cannot"); };
  return { get: (name) => saved.state[name], on() {}, set: refuse, send: refuse, save_changes: refuse };
};
"""

# Counts what is taken and given back, everywhere on the page.
COUNT = """
window.held = { listeners: 0, observers: 0, intervals: 0 };
const add = EventTarget.prototype.addEventListener, remove = EventTarget.prototype.removeEventListener;
const outside = (target) => target === window || target === document || target instanceof MediaQueryList;
EventTarget.prototype.addEventListener = function (...rest) {
  if (outside(this)) held.listeners++;
  return add.apply(this, rest);
};
EventTarget.prototype.removeEventListener = function (...rest) {
  if (outside(this)) held.listeners--;
  return remove.apply(this, rest);
};
for (const name of ["ResizeObserver", "MutationObserver", "IntersectionObserver"]) {
  const Plain = window[name];
  window[name] = class extends Plain {
    constructor(...rest) { super(...rest); held.observers++; }
    disconnect() { held.observers--; super.disconnect(); }
  };
}
const begin = window.setInterval, end = window.clearInterval;
window.setInterval = (...rest) => { held.intervals++; return begin(...rest); };
window.clearInterval = (timer) => { if (timer) held.intervals--; end(timer); };
"""


def one_of(kind: type):
    return next(one for one in instruments("light") if isinstance(one, kind))


def opened(page: Page, kind: type, tmp_path, *scripts: str) -> str:
    widget = one_of(kind)
    for script in scripts:
        page.add_init_script(script)
    page.goto(widget.save_html(tmp_path / "page.html").as_uri())
    page.locator(".vk[data-ready=true]").wait_for()
    return kind.__name__


@pytest.mark.parametrize("kind", KINDS)
def test_200_times_mounted_and_unmounted_leaves_nothing(page: Page, tmp_path, kind):
    name = opened(page, kind, tmp_path, COUNT, HOST)
    mount = """async (name) => {
        const model = leastModel(), el = document.createElement("div");
        document.body.append(el);
        const before = { ...held };
        for (let i = 0; i < 200; i++) {
            const close = await vizkit[name].render({ model, el });
            if (i % 20 === 0) await new Promise(requestAnimationFrame);
            close();
        }
        const left = el.childElementCount;
        el.remove();
        return { before, after: { ...held }, left };
    }"""
    found = page.evaluate(mount, name)
    assert found["after"] == found["before"]
    assert found["left"] == 0


@pytest.mark.parametrize("kind", KINDS)
def test_it_lives_on_a_host_that_can_only_get_and_on(page: Page, tmp_path, kind):
    name = opened(page, kind, tmp_path, HOST)
    page.evaluate(
        """async (name) => {
            const el = document.createElement("div");
            el.id = "least";
            document.body.prepend(el);
            await vizkit[name].render({ model: leastModel(), el });
        }""",
        name,
    )
    root = page.locator("#least .vk")
    page.locator("#least .vk[data-ready=true]").wait_for()
    canvas = root.locator("canvas[role=application]")
    before = root.locator("output.vk-status").text_content()
    canvas.press("ArrowRight")
    canvas.press("ArrowDown")
    page.wait_for_function(
        "before => document.querySelector('#least output.vk-status').textContent !== before",
        arg=before,
    )


POLICY = "default-src 'self'; script-src 'self' data:; style-src 'unsafe-inline'; img-src data:"
VIOLATIONS = """window.refused = [];
addEventListener("securitypolicyviolation", (event) => refused.push(event.blockedURI));"""


@pytest.mark.parametrize("kind", KINDS)
def test_what_travels_to_a_notebook_loads_where_a_page_forbids_blobs(
    page: Page, page_log: PageLog, tmp_path, kind
):
    page_log.ignore += ["blob:", "WebAssembly"]  # what the page refuses, it also says
    widget = one_of(kind)
    saved = widget.save_html(tmp_path / "page.html").read_text("utf-8")
    state = re.search(r"<script[^>]*vizkit-state[^>]*>.*?</script>", saved, re.DOTALL)[0]

    def answer(route: Route) -> None:
        if route.request.url.endswith(".js"):
            module = assets.module(widget.frontend)
            return route.fulfill(body=module, content_type="text/javascript")
        headers = {"Content-Security-Policy": POLICY}
        body = f"<!DOCTYPE html><meta charset=utf-8><title>strict</title>{state}"
        return route.fulfill(body=body, content_type="text/html", headers=headers)

    page.route("http://127.0.0.1:9/**", answer)
    page.add_init_script(HOST + VIOLATIONS)
    page.goto("http://127.0.0.1:9/page.html")
    page.evaluate(
        """async () => {
            const { default: widget } = await import("/module.js");
            const el = document.body.appendChild(document.createElement("div"));
            await widget.render({ model: leastModel(), el });
        }"""
    )
    page.locator(".vk[data-ready=true]").wait_for()
    assert "blob" in page.evaluate("refused")  # the policy was in force
