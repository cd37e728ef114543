// A notebook as slides: every section begins one, and goes on to the next where the screen ends.
// Nothing shrinks that can be split: type stays legible from the last row.
(() => {
  "use strict";
  const at = (id) => document.getElementById(id);
  const flow = at("main"), stage = at("stage"), count = at("count"), codeButton = at("code"), panel = at("source");
  const HEADINGS = "h1, h2, .again";
  // How much larger the type of widgets and pictures is than on a page, and how small a widget's may get.
  const WIDGET_SCALE = 1.4, LEAST_WIDGET_SCALE = 1.2, PICTURE_SCALE = 1.3;
  // From this height on, in screens, a widget leaves the sentence behind that announces it.
  const TALL = 1.5;
  const blocks = [...flow.children].filter((block) => !block.matches("script, [hidden]"));
  /** Sources that a key brings, by the output they made. @type {Map<Element, HTMLElement[]>} */
  const sources = new Map();
  /** @type {HTMLElement[]} */
  let slides = [];
  let current = 0;

  /** Room for the content of a slide: 16:9 inside the window, in pixels. */
  function measure() {
    const height = Math.min(innerHeight, (innerWidth * 9) / 16), unit = height / 720, style = document.documentElement.style;
    style.fontSize = `${22 * unit}px`;
    style.setProperty("--unit", String(unit));
    style.setProperty("--slide-width", `${(height * 16) / 9}px`);
    style.setProperty("--slide-height", `${height}px`);
    style.setProperty("--widget-scale", String(WIDGET_SCALE * unit)); // a number: the widgets' canvases read it
    style.setProperty("--picture-scale", String(PICTURE_SCALE * unit));
  }

  /** What made a chart, a picture, a widget or a card steps behind it; what prints or defines stays. */
  function foldSources() {
    for (const block of [...blocks]) {
      if (!block.matches(".cell:not(.exercise), details.fold")) continue;
      const shown = [];
      for (let next = block.nextElementSibling; next?.matches(".output"); next = next.nextElementSibling) shown.push(next);
      const made = shown.find((output) => !output.querySelector(":scope > .stream"));
      if (!made && block.matches(".cell")) continue;
      blocks.splice(blocks.indexOf(block), 1);
      block.remove();
      const code = block.querySelector(".code");
      // The source of a question holds its answer.
      if (made && code && !made.querySelector(".Quiz")) sources.set(made, [code]);
    }
  }

  /** Pictures on a page are as large as their notebook shows them; here the captions in them have to be read. */
  function enlargePictures() {
    for (const picture of flow.querySelectorAll("img[width]")) picture.style.width = `calc(${picture.getAttribute("width")}px * var(--picture-scale))`;
  }

  // ------------------------------------------------------------------ from blocks to slides

  const bodyOf = (slide) => /** @type {HTMLElement} */ (slide.firstElementChild);

  /** Pixels between the end of a slide's content and the end of its room; negative where it runs over. */
  function left(slide) {
    const style = getComputedStyle(slide), edge = slide.getBoundingClientRect().bottom - parseFloat(style.paddingBottom);
    return edge - bodyOf(slide).getBoundingClientRect().bottom;
  }

  function open(heading) {
    const slide = document.createElement("section"), body = document.createElement("div");
    slide.className = "slide";
    slide.append(body);
    stage.append(slide);
    slides.push(slide);
    if (heading) body.append(Object.assign(document.createElement("p"), { className: "again", textContent: heading.textContent }));
    return slide;
  }

  function pack() {
    close();
    flow.append(...blocks);
    stage.replaceChildren();
    slides = [];
    measure();
    for (const chart of document.querySelectorAll(".chart")) chart.style.height = "";
    let heading = null, asked = false, slide = null, titles = 0;
    for (const block of blocks) {
      const type = block.dataset.slide, titled = block.matches("h1, h2");
      if (type) titles = 0;
      // Further sections of one cell are short: they share its slide.
      const begins = type?.endsWith("slide") || (titled && type !== "-" && titles === 0);
      if (titled) { titles += block.matches("h2") ? 1 : 0; heading = block; }
      // What was to be predicted is not on the screen that asks for it.
      const answers = asked && block.matches(".output");
      if (!slide || begins || answers) slide = open(titled || !heading || heading.matches("h1") ? null : heading);
      if (begins || answers) asked = false;
      slide = put(block, slide, titled ? null : heading);
      if (block.matches(".predict")) asked = true;
    }
    // A slide whose only block fitted nowhere but on the next one is left empty.
    for (const empty of slides.filter((one) => !bodyOf(one).childElementCount)) empty.remove();
    slides = slides.filter((one) => bodyOf(one).childElementCount);
    slides.forEach((slide, index) => {
      slide.classList.toggle("title", slide.querySelector("h1") !== null);
      slide.setAttribute("aria-label", `slide ${index + 1} of ${slides.length}`);
      grow(slide);
    });
  }

  /** Put a block on a slide, or on the next ones if it does not fit; returns the slide it ends on. */
  function put(block, slide, heading) {
    const bare = [...bodyOf(slide).children].every((child) => child.matches(HEADINGS));
    bodyOf(slide).append(block);
    if (left(slide) >= 0) return slide;
    if (!bare) {
      const moving = [block];
      // A title, or a sentence that announces what comes, goes along.
      const tall = block.querySelector(".widget") && block.offsetHeight > TALL * slide.clientHeight;
      const announces = (before) => before?.matches("h2, h3, h4") || (!tall && /:\s*$/.test(before?.textContent ?? ""));
      for (let before = block.previousElementSibling; announces(before); before = before.previousElementSibling) {
        if (before.matches("h1, .again, .output, .cell")) break;
        moving.unshift(before);
      }
      slide = open(heading && !heading.matches("h1") && moving[0] !== heading ? heading : null);
      bodyOf(slide).append(...moving);
    }
    for (let rest = block; left(slide) < 0; ) {
      rest = cut(rest, rest.getBoundingClientRect().bottom + left(slide));
      if (!rest) break;
      slide = open(heading && !heading.matches("h1") ? heading : null);
      bodyOf(slide).append(rest);
    }
    return slide;
  }

  // ------------------------------------------------------------------ what is too tall is cut

  /** Cuts what stands below a line off a block and returns it as a block; null if it is of one piece. */
  function cut(block, limit) {
    if (block.querySelector(".widget, .chart")) return null;
    for (const [kind, divide] of CUTS) {
      const find = (element) => (element.matches(kind) ? element : element.querySelector(`:scope ${kind}`));
      const first = find(block);
      if (!first) continue;
      const rest = block.cloneNode(true);
      for (const named of [rest, ...rest.querySelectorAll("[id]")]) named.removeAttribute("id");
      if (!divide(first, find(rest), limit)) return null;
      blocks.splice(blocks.indexOf(block) + 1, 0, rest); // a later packing finds it in its place
      return rest;
    }
    return null;
  }

  /** @type {[string, (first: any, rest: any, limit: number) => boolean][]} */
  const CUTS = [
    ["table", (first, rest, limit) => divideRows(first.tBodies[0], rest.tBodies[0], limit)],
    ["pre", divideLines],
    ["ul, ol", (first, rest, limit) => { if (rest.matches("ol")) rest.start = first.start; return divideRows(first, rest, limit); }],
    ["img", dividePicture],
  ];

  function divideRows(first, rest, limit) {
    const kept = [...first.children].filter((row) => row.getBoundingClientRect().bottom <= limit).length;
    if (!kept || kept === first.children.length) return false;
    for (const row of [...first.children].slice(kept)) row.remove();
    for (const row of [...rest.children].slice(0, kept)) row.remove();
    if (rest.matches("ol")) rest.start += kept;
    return true;
  }

  /** Lines of code or of a printed text; a function begins a slide where it can. */
  function divideLines(first, rest, limit) {
    const text = first.textContent, fitting = [];
    const low = limit - parseFloat(getComputedStyle(first).paddingBottom);
    for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n", end + 1)) {
      if (piece(first, 0, end).getBoundingClientRect().bottom > low) break;
      fitting.push(end);
    }
    const begins = fitting.filter((end) => text[end - 1] === "\n" && /\S/.test(text[end + 1] ?? ""));
    const whole = begins.findLast((end) => end > 0.4 * fitting.at(-1));
    let end = whole ?? fitting.at(-1) ?? 0;
    if (!text.slice(0, end).trim()) {
      // A line that is taller than a slide is cut between two words.
      const spaces = [...text.matchAll(/ /g)].map((match) => match.index);
      let [some, all] = [0, spaces.length];
      while (some < all) {
        const middle = (some + all + 1) >> 1;
        if (piece(first, 0, spaces[middle - 1]).getBoundingClientRect().bottom <= low) some = middle; else all = middle - 1;
      }
      end = spaces[some - 1] ?? 0;
    }
    if (!text.slice(0, end).trim() || !text.slice(end).trim()) return false;
    piece(rest, 0, end + 1).deleteContents();
    const blank = text.slice(0, end).match(/\n*$/)[0].length;
    piece(first, end - blank, text.length).deleteContents();
    return true;
  }

  /** The characters from `start` to `end` of an element's text. */
  function piece(element, start, end) {
    const range = document.createRange(), walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
    range.selectNodeContents(element);
    for (let node, passed = 0; (node = walker.nextNode()); passed += node.length) {
      if (passed <= start && start <= passed + node.length) range.setStart(node, start - passed);
      if (passed <= end && end <= passed + node.length) { range.setEnd(node, end - passed); break; }
    }
    return range;
  }

  /** A contact sheet is cut above a row of pictures, which is where opaque lines follow on clear ones. */
  function dividePicture(first, rest, limit) {
    const { naturalWidth: width, naturalHeight: height } = first, box = first.getBoundingClientRect();
    if (!width || !box.height) return false;
    const sheet = Object.assign(document.createElement("canvas"), { width, height }), context = sheet.getContext("2d", { willReadFrequently: true });
    context.drawImage(first, 0, 0);
    const alpha = context.getImageData(0, 0, width, height).data;
    const opaque = (y) => { let sum = 0; for (let x = 0; x < width; x += 4) sum += alpha[(y * width + x) * 4 + 3]; return sum > 0.4 * 255 * (width / 4); };
    const most = ((limit - box.top) / box.height) * height;
    let row = 0;
    for (let y = 1; y <= most; y++) if (opaque(y) && !opaque(y - 1)) row = y;
    if (!row) return false;
    const scale = Number(first.getAttribute("width") ?? width) / width;
    for (const [image, from, to] of [[rest, row, height], [first, 0, row]]) {
      const part = Object.assign(document.createElement("canvas"), { width, height: to - from });
      part.getContext("2d").drawImage(sheet, 0, -from);
      image.src = part.toDataURL();
      image.setAttribute("height", String(Math.round((to - from) * scale)));
      image.style.aspectRatio = `${width} / ${to - from}`;
    }
    return true;
  }

  // ------------------------------------------------------------------ sizes

  /** Charts take the room that their slide has left. */
  function grow(slide) {
    const charts = [...slide.querySelectorAll(".chart")], more = left(slide) / charts.length;
    for (const chart of charts) if (more > 0) chart.style.height = `${chart.clientHeight + more}px`;
  }

  const frames = () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));

  /** What is still too tall gets smaller as a whole; of a widget, in the end, all but its type. */
  async function fit(slide) {
    if ("fitted" in slide.dataset) return;
    slide.dataset.fitted = "";
    const body = bodyOf(slide);
    redraw(slide);
    for (const picture of body.querySelectorAll("img")) {
      picture.style.maxHeight = "";
      if (left(slide) < 0) picture.style.maxHeight = `${picture.getBoundingClientRect().height + left(slide)}px`;
    }
    const widget = body.querySelector(".output:has(.vk)");
    if (widget) await frames();
    const part = widget ?? body;
    part.style.zoom = "";
    part.style.removeProperty("--widget-scale");
    const scale = Number(getComputedStyle(part).getPropertyValue("--widget-scale")), least = (scale * LEAST_WIDGET_SCALE) / WIDGET_SCALE;
    // Step by step: a widget that gets other proportions may be laid out another way. One that does
    // not fit with legible type gets the largest that fits.
    for (const type of [1, 0.9, 0.8, 0.7, 0.6, 0].map((share) => share * least)) {
      for (let zoom = 0.94; zoom > (type ? 0.4 : 0.3) && left(slide) < 0; zoom -= 0.06) {
        part.style.zoom = String(zoom);
        part.style.setProperty("--widget-scale", String(Math.max(scale, type / zoom)));
        if (widget) await frames();
      }
    }
    slide.dataset.fitted = "true";
  }

  /** Charts were drawn for another height. */
  function redraw(slide) {
    for (const chart of slide.querySelectorAll(".chart")) chart.dispatchEvent(new Event("vizkit-fit"));
  }

  // ------------------------------------------------------------------ turning the pages

  /** Settles when the slide stands as it will stay. */
  async function go(to) {
    close();
    current = Math.max(0, Math.min(slides.length - 1, to));
    slides.forEach((slide, index) => slide.toggleAttribute("data-current", index === current));
    count.textContent = `${current + 1} / ${slides.length}`;
    codeButton.hidden = codeOf(slides[current]).length === 0;
    history.replaceState(null, "", `#${current + 1}`);
    await fit(slides[current]);
  }

  const codeOf = (slide) => [...slide.querySelectorAll(".output")].flatMap((output) => sources.get(output) ?? []);

  /** Something to read that has no place on a slide: the code of its pictures, a solution. */
  let giveBack = () => {};
  function read(elements, home) {
    close();
    if (!elements.length) return;
    panel.append(...elements);
    panel.hidden = false;
    panel.scrollTop = 0;
    panel.focus();
    giveBack = () => { for (const element of elements) home ? home.append(element) : element.remove(); };
  }
  function close() {
    giveBack();
    giveBack = () => {};
    panel.hidden = true;
  }
  const toggleCode = () => (panel.hidden ? read(codeOf(slides[current]), null) : close());

  stage.addEventListener("click", (event) => {
    const fold = event.target instanceof Element && event.target.closest("summary")?.parentElement;
    if (!fold) return;
    event.preventDefault();
    read([...fold.children].filter((child) => !child.matches("summary")), fold);
  });

  const STEPS = { PageDown: 1, PageUp: -1, ArrowRight: 1, ArrowLeft: -1, ArrowDown: 1, ArrowUp: -1, " ": 1, Enter: 1 };
  const KEYS = {
    Home: () => go(0),
    End: () => go(slides.length - 1),
    c: toggleCode,
    Escape: close,
    f: () => void (document.fullscreenElement ? document.exitFullscreen() : document.documentElement.requestFullscreen()),
  };
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const clicker = event.key === "PageDown" || event.key === "PageUp";
    // Arrows belong to the slider, widget or text that has the focus; a clicker's keys always turn the page.
    const inside = event.target instanceof Element && event.target.closest("input, select, button, summary, a, .vk, [role=application]");
    const reading = !panel.hidden && event.key !== "Escape" && event.key !== "c";
    if ((inside || reading) && !clicker) return;
    if (event.key in STEPS) go(current + STEPS[event.key]);
    else if (Object.hasOwn(KEYS, event.key)) KEYS[event.key]();
    else return;
    event.preventDefault();
  }, { capture: true });
  at("back").addEventListener("click", () => go(current - 1));
  at("on").addEventListener("click", () => go(current + 1));
  codeButton.addEventListener("click", toggleCode);

  async function layOut(to) {
    pack();
    await go(to); // before the others, which would slow it
    document.body.dataset.ready = "true";
    for (const slide of [...slides]) await fit(slide);
  }
  let waiting = 0;
  addEventListener("resize", () => { clearTimeout(waiting); waiting = setTimeout(() => void layOut(current), 250); });
  for (const fold of flow.querySelectorAll("details[open]")) fold.open = false;
  foldSources();
  enlargePictures();
  measure();
  // Widgets are measured once they have drawn themselves.
  const ready = () => [...document.querySelectorAll(".slide .vk, .flow > :not([hidden]) .vk")].every((widget) => widget.dataset.ready === "true");
  const began = performance.now();
  const wait = () => { if (ready() || performance.now() - began > 5000) void layOut(Number(location.hash.slice(1)) - 1 || 0); else setTimeout(wait, 50); };
  addEventListener("load", wait);
})();
