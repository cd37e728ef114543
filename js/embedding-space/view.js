// Being moved into modules of their own.

import { openAtlas } from "../shared/atlas.ts";
import { unpack } from "../shared/codec.ts";
import { CATEGORY_COLORS, rgb } from "../shared/color.ts";
import { make } from "../shared/dom.ts";
import { openFrame, pointerWithin } from "../shared/frame.ts";
import { clamp, formatNumber } from "../shared/numbers.ts";

// EmbeddingSpace: points on a WebGL2 canvas, thumbnails on a second, everything that follows the
// pointer on a third, so that a hover never redraws a million points.

/** @typedef {{ points: Uint16Array, low: number[], span: number, extent: number[], explained: number[] | null, kept: number[] | null }} PlaneMap */
/** @typedef {{ bits: number, start: Uint32Array, order: Uint32Array }} Grid */
/** @typedef {{ name: string, step: number }} Place */
/** @typedef {{ index: number, value: number }} Neighbour */
/** @typedef {{ view: number[], mix: number, size: number, alpha: number, from: Place, to: Place, stride: number, passes: number, chosen: boolean, lines: number, paper: number[], line: number[] }} Drawing */

const PROJECTION_NAMES = { none: "as given", pca: "PCA", tsne: "t-SNE" };

/** Classes of the points; up to 16 classes travel as two points in a byte. @param {any} packed @param {number} count */
function openCodes(packed, count) {
  const found = unpack(packed),
    codes = new (packed?.bits > 8 ? Uint16Array : Uint8Array)(count);
  if (!found) return codes;
  if (packed.bits !== 4) return /** @type {Uint8Array | Uint16Array} */ (found.data);
  for (let i = 0; i < count; i++) codes[i] = i & 1 ? found.data[i >> 1] >> 4 : found.data[i >> 1] & 15;
  return codes;
}

/** One bit a point, lowest bit first, as 0 and 1. @param {any} packed @param {number} count */
function openBits(packed, count) {
  const found = unpack(packed),
    bits = new Uint8Array(count);
  if (found) for (let i = 0; i < count; i++) bits[i] = (found.data[i >> 3] >> (i & 7)) & 1;
  return bits;
}

/** Size and opacity that suit the density: 50 points are large and crisp, a million are a mist.
 * @param {number} count points in view @param {number} area of the plot in CSS pixels */
function markLook(count, area) {
  const size = clamp(1.2, 0.6 * Math.sqrt(area / Math.max(1, count)), 15);
  return { size, alpha: clamp(0.15, 0.85 / Math.sqrt(Math.max(1, (3 * count * size * size) / area)), 0.92) };
}

/** Points sorted into the cells of a grid. @param {Uint16Array} points @param {number} at first point @param {number} count @returns {Grid} */
function buildGrid(points, at, count) {
  const bits = clamp(2, Math.round(Math.log2(count / 4 + 1) / 2), 9),
    shift = 16 - bits;
  const start = new Uint32Array((1 << (2 * bits)) + 1),
    order = new Uint32Array(count);
  /** @param {number} i */
  const cell = (i) => ((points[2 * (at + i) + 1] >> shift) << bits) | (points[2 * (at + i)] >> shift);
  for (let i = 0; i < count; i++) start[cell(i) + 1]++;
  for (let i = 1; i < start.length; i++) start[i] += start[i - 1];
  const next = start.slice();
  for (let i = 0; i < count; i++) order[next[cell(i)]++] = i;
  return { bits, start, order };
}

/** The nearest shown point within a radius, or -1. @param {Grid} grid @param {Uint16Array} points @param {number} at
 * @param {number} x @param {number} y @param {number} radius @param {(index: number) => boolean} shown */
function nearestPoint({ bits, start, order }, points, at, x, y, radius, shown) {
  let best = -1,
    least = radius * radius;
  /** @param {number} value */
  const cell = (value) => clamp(0, Math.floor(value / (65536 >> bits)), (1 << bits) - 1);
  for (let row = cell(y - radius); row <= cell(y + radius); row++)
    for (
      let j = start[(row << bits) | cell(x - radius)];
      j < start[((row << bits) | cell(x + radius)) + 1];
      j++
    ) {
      const i = order[j],
        dx = points[2 * (at + i)] - x,
        dy = points[2 * (at + i) + 1] - y,
        far = dx * dx + dy * dy;
      if (far < least && shown(i)) {
        least = far;
        best = i;
      }
    }
  return best;
}

/** True neighbours of a point of a plane, nearest first, with their distances in 16-bit units.
 * @param {Uint16Array} points @param {number} at @param {number} count @param {number} index @param {number} k @returns {Neighbour[]} */
function nearestInPlane(points, at, count, index, k) {
  /** @type {Neighbour[]} */
  const best = [],
    x = points[2 * (at + index)],
    y = points[2 * (at + index) + 1];
  let worst = Infinity;
  for (let i = 0; i < count; i++) {
    const dx = points[2 * (at + i)] - x,
      dy = points[2 * (at + i) + 1] - y,
      value = dx * dx + dy * dy;
    if (value >= worst || i === index) continue;
    best.push({ index: i, value });
    best.sort((a, b) => a.value - b.value);
    if (best.length > k) best.pop();
    if (best.length === k) worst = best[k - 1].value;
  }
  return best.map((one) => ({ ...one, value: Math.sqrt(one.value) }));
}

/** The next point in a direction (arrow keys): near, and ahead rather than aside; -1 when there is none.
 * @param {Uint16Array} points @param {number} at @param {number} count @param {number} x @param {number} y @param {number} dx @param {number} dy
 * @param {(index: number) => boolean} shown */
function nextPoint(points, at, count, x, y, dx, dy, shown) {
  let best = -1,
    least = Infinity;
  for (let i = 0; i < count; i++) {
    const px = points[2 * (at + i)] - x,
      py = points[2 * (at + i) + 1] - y,
      ahead = px * dx + py * dy,
      aside = Math.abs(px * dy) + Math.abs(py * dx);
    if (ahead > 0 && aside <= ahead && ahead + 2 * aside < least && shown(i)) {
      least = ahead + 2 * aside;
      best = i;
    }
  }
  return best;
}

/** Which of the squares centred on some places can be drawn without overlap; earlier ones win. @param {number[][]} places `[x, y, index]` @param {number} size */
function thinOut(places, size) {
  /** @type {number[][]} */
  const kept = [];
  for (const place of places)
    if (kept.every((other) => Math.abs(other[0] - place[0]) >= size || Math.abs(other[1] - place[1]) >= size))
      kept.push(place);
  return kept;
}

/** Whether a place lies inside a polygon (even-odd rule). @param {number[][]} polygon @param {number} x @param {number} y */
function inside(polygon, x, y) {
  let odd = false;
  for (let i = 0, j = polygon.length - 1; i < polygon.length; j = i++) {
    const [ax, ay] = polygon[i],
      [bx, by] = polygon[j];
    if (ay > y !== by > y && x < ((bx - ax) * (y - ay)) / (by - ay) + ax) odd = !odd;
  }
  return odd;
}

// u: the view's centre and scale; mix, size, opacity, which flag to draw (2: both); colour of rim or lines, 1 for lines.
const VERTEX =
  "#version 300 es\nin vec2 a,b;in float k,f;uniform vec4 u[3];uniform sampler2D s;out vec4 c;flat out float t;" +
  "void main(){int i=int(k);c=texelFetch(s,ivec2(i&255,i>>8),0);float on=step(1.5,f);t=mod(f,2.);gl_Position=vec4((mix(a,b,u[1].x)-u[0].xy)*u[0].zw,0,1);" +
  "gl_PointSize=u[1].y*(1.+.3*t);if(c.a<.5||(u[1].w<1.5&&on!=u[1].w))gl_Position.x=9.;}";
// Discs for images, triangles for texts; marks that are large enough get a rim in the paper's colour.
const FRAGMENT =
  "#version 300 es\nprecision highp float;in vec4 c;flat in float t;uniform vec4 u[3];out vec4 o;" +
  "void main(){float h=u[1].y*(.5+.15*t);vec2 d=(gl_PointCoord-.5)*2.*h;float r=t<.5?length(d):2.*max(.866*abs(d.x)-.5*d.y,d.y),w=h<1.3||u[2].w>.5?1.:clamp(h-r,0.,1.);if(w<=0.)discard;" +
  "vec3 p=u[2].w>.5?u[2].rgb:h>3.5?mix(c.rgb,u[2].rgb,clamp(r-h*.86+.7,0.,1.)):c.rgb;o=vec4(p,1)*u[1].z*w;}";

/** The points on the graphics card; null where there is no WebGL2.
 * @param {HTMLCanvasElement} canvas @param {number} count @param {Uint8Array | Uint16Array} codes @param {(name: string) => Uint16Array} pointsOf */
function openPoints(canvas, count, codes, pointsOf) {
  const found = canvas.getContext("webgl2", { alpha: false, antialias: false, depth: false });
  if (!found) return null;
  const gl = found,
    program = /** @type {WebGLProgram} */ (gl.createProgram());
  /** @param {number} kind @param {string} source */
  const attach = (kind, source) => {
    const shader = /** @type {WebGLShader} */ (gl.createShader(kind));
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    gl.attachShader(program, shader);
  };
  attach(gl.VERTEX_SHADER, VERTEX);
  attach(gl.FRAGMENT_SHADER, FRAGMENT);
  ["a", "b", "k", "f"].forEach((name, place) => {
    gl.bindAttribLocation(program, place, name);
    gl.enableVertexAttribArray(place);
  });
  gl.linkProgram(program);
  gl.useProgram(program);
  gl.enable(gl.BLEND);
  gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
  const uniforms = gl.getUniformLocation(program, "u");
  /** @param {AllowSharedBufferSource} data @param {number} [kind] */
  const upload = (data, kind = gl.ARRAY_BUFFER) => {
    const buffer = gl.createBuffer();
    gl.bindBuffer(kind, buffer);
    gl.bufferData(kind, data, gl.STATIC_DRAW);
    return buffer;
  };
  const classes = upload(codes),
    width = codes.BYTES_PER_ELEMENT;
  let flags = upload(new Uint8Array(count)),
    pairs = upload(new Uint32Array(0), gl.ELEMENT_ARRAY_BUFFER);
  /** @type {Map<string, WebGLBuffer | null>} */
  const maps = new Map();
  gl.bindTexture(gl.TEXTURE_2D, gl.createTexture());
  gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, gl.NEAREST);
  /** @param {Drawing} drawing @param {number} stride @param {number} first */
  const bind = ({ from, to }, stride, first) => {
    [from, to].forEach(({ name, step }, place) => {
      if (!maps.has(name)) maps.set(name, upload(pointsOf(name)));
      gl.bindBuffer(gl.ARRAY_BUFFER, maps.get(name) ?? null);
      gl.vertexAttribPointer(place, 2, gl.UNSIGNED_SHORT, true, 4 * stride, 4 * (step * count + first));
    });
    gl.bindBuffer(gl.ARRAY_BUFFER, classes);
    gl.vertexAttribPointer(
      2,
      1,
      width > 1 ? gl.UNSIGNED_SHORT : gl.UNSIGNED_BYTE,
      false,
      width * stride,
      width * first,
    );
    gl.bindBuffer(gl.ARRAY_BUFFER, flags);
    gl.vertexAttribPointer(3, 1, gl.UNSIGNED_BYTE, false, stride, first);
  };
  return {
    /** @param {Uint8Array} data */
    flags: (data) => {
      gl.deleteBuffer(flags);
      flags = upload(data);
    },
    /** @param {Uint32Array} data */
    pairs: (data) => {
      gl.deleteBuffer(pairs);
      pairs = upload(data, gl.ELEMENT_ARRAY_BUFFER);
    },
    /** @param {Uint8Array} data 256 colours a row */
    colors: (data) =>
      gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, 256, data.length / 1024, 0, gl.RGBA, gl.UNSIGNED_BYTE, data),
    /** @param {string} name */
    forget: (name) => {
      gl.deleteBuffer(maps.get(name) ?? null);
      maps.delete(name);
    },
    /** @param {Drawing} drawing */
    draw: (drawing) => {
      const { view, mix, size, alpha, stride, passes, chosen, lines, paper, line } = drawing;
      gl.viewport(0, 0, canvas.width, canvas.height);
      gl.clearColor(paper[0], paper[1], paper[2], 1);
      gl.clear(gl.COLOR_BUFFER_BIT);
      if (lines) {
        bind(drawing, 1, 0);
        gl.uniform4fv(uniforms, [...view, mix, size, line[3], 2, ...line.slice(0, 3), 1]);
        gl.drawElements(gl.LINES, lines, gl.UNSIGNED_INT, 0);
      }
      for (const on of chosen ? [0, 1] : [2]) {
        gl.uniform4fv(uniforms, [
          ...view,
          mix,
          size,
          on ? (chosen ? 1 : alpha) : alpha * 0.16,
          on,
          ...paper,
          0,
        ]);
        // Interleaved passes: no class lies on top of the others only because it came last.
        for (let pass = 0; pass < Math.min(passes, count); pass++) {
          bind(drawing, stride, pass);
          gl.drawArrays(gl.POINTS, 0, Math.ceil((count - pass) / stride));
        }
      }
    },
  };
}

/** @param {{ model: Model, el: HTMLElement }} view */
function render(view) {
  const { model } = view,
    data = model.get("data"),
    count = /** @type {number} */ (data.count),
    flat = data.dims === 2;
  const classes = /** @type {string[]} */ (data.classes),
    stepNames = /** @type {string[]} */ (data.steps),
    captions = /** @type {string[] | null} */ (data.captions);
  const codes = openCodes(data.codes, count),
    texts = openBits(data.modality, count),
    marked = texts.slice();
  const pairs = unpack(data.pairs)?.data,
    large = count > 150_000,
    names = /** @type {Record<string, string>} */ (PROJECTION_NAMES);
  const byModality = classes.length === 2 && data.modality && codes.every((code, i) => code === texts[i]);
  const frame = openFrame(view, {
    kind: "EmbeddingSpace",
    help: "Drag to move, wheel to zoom, shift-drag to select; ? lists the keys",
  });
  const { listen, requestDraw, request, write, watch, color, scale, say, dark, toggle } = frame;
  const plot = make("div", { class: "vk-plot" }),
    glCanvas = make("canvas", { class: "vk-layer" }),
    base = make("canvas", { class: "vk-layer" });
  const side = make("div", { class: "vk-side" }),
    figures = make("div", { class: "vk-figures" }),
    legend = make("div", { class: "vk-legend", role: "group", "aria-label": "Classes" }),
    card = make("div", { class: "vk-card" });
  if (data.atlas) card.style.setProperty("--vk-atlas", `url(${data.atlas.png})`);
  plot.append(glCanvas, base);
  frame.stage.append(plot, side);
  side.append(figures, legend, card);

  /** @type {Map<string, PlaneMap>} */
  const maps = new Map();
  const readMaps = () => {
    for (const [name, map] of Object.entries(model.get("maps")))
      if (!maps.has(name)) maps.set(name, { ...map, points: unpack(map.points)?.data });
  };
  readMaps();
  /** @param {string} name */
  const mapOf = (name) => /** @type {PlaneMap} */ (maps.get(name));
  let to = {
      name: /** @type {string} */ (model.get("projection")),
      step: /** @type {number} */ (model.get("step")),
    },
    from = to,
    mix = 1,
    began = 0;
  let cx = 0.5,
    cy = 0.5,
    zoom = 1,
    pointSize = 1,
    opacity = 1,
    moving = 0,
    rough = 0,
    lastMove = 0,
    dirty = true,
    drawnFor = "",
    hovered = -1;
  /** @type {number[]} */
  let selected = [];
  /** @type {number[][] | null} */
  let lasso = null;
  let lassoTool = false,
    showPairs = model.get("show_pairs"),
    showGap = model.get("show_gap"),
    showThumbnails = model.get("show_thumbnails"),
    lineCount = 0;
  const hidden = new Uint8Array(Math.max(1, classes.length));
  /** @param {number} i */
  const shown = (i) => !hidden[codes[i]];
  const redraw = () => {
    dirty = true;
    requestDraw();
  };
  const atlas = data.atlas && openAtlas(data.atlas, redraw);
  /** @type {Map<number, number>} */
  const tiles = new Map([...(unpack(data.tiles)?.data ?? [])].map((point, tile) => [point, tile]));
  /** @type {Map<number, number[]>} */
  const partners = new Map();
  for (let i = 0; pairs && i < pairs.length; i++)
    partners.set(pairs[i], [...(partners.get(pairs[i]) ?? []), pairs[i ^ 1]]);

  // Where things are: 16-bit map units, and CSS pixels of the plot.
  const pixels = () =>
    Math.min(
      (over.width - 48) / mapOf(to.name).extent[0] || 1e9,
      (over.height - 48) / mapOf(to.name).extent[1] || 1e9,
      1e6,
    ) * zoom;
  /** @param {number} i @param {number} axis */
  const unitOf = (i, axis) => {
    /** @param {Place} place */
    const at = ({ name, step }) => mapOf(name).points[2 * (step * count + i) + axis];
    return (mix < 1 ? at(from) * (1 - mix) + at(to) * mix : at(to)) / 65535;
  };
  /** @param {number} x @param {number} y */
  const pixel = (x, y) => [(x - cx) * pixels() + over.width / 2, over.height / 2 - (y - cy) * pixels()];
  /** @param {number} i */
  const pixelOf = (i) => pixel(unitOf(i, 0), unitOf(i, 1));
  /** @param {number} x @param {number} y pixels to 16-bit units */
  const unitAt = (x, y) => [
    ((x - over.width / 2) / pixels() + cx) * 65535,
    ((over.height / 2 - y) / pixels() + cy) * 65535,
  ];
  /** @param {number} i the point's coordinates on the map, as Python has them */
  const coordinatesOf = (i) =>
    [0, 1].map(
      (axis) =>
        mapOf(to.name).low[axis] +
        (mapOf(to.name).points[2 * (to.step * count + i) + axis] / 65535) * mapOf(to.name).span,
    );
  const first = () => to.step * count;

  // The index for the pointer is built when it is first needed or when the browser is idle, never before the first paint.
  /** @type {Map<string, Grid>} */
  const grids = new Map();
  /** @param {Place} place */
  const gridOf = (place) => {
    const key = `${place.name} ${place.step}`;
    if (!grids.has(key)) {
      if (grids.size > 40) grids.clear();
      grids.set(key, buildGrid(mapOf(place.name).points, place.step * count, count));
    }
    return /** @type {Grid} */ (grids.get(key));
  };

  const asking = "Asking the kernel (busy or gone?)…";
  // True neighbours: of a plane computed here, else from the table that Python sent, else asked of the kernel.
  /** @type {Map<string, Neighbour[] | string>} */
  const answers = new Map();
  /** @param {number} i @param {boolean} [wanted] @returns {Neighbour[] | string} */
  const neighboursOf = (i, wanted) => {
    const key = `${to.step} ${i}`,
      table = model.get("table"),
      indices = unpack(table.indices),
      values = unpack(table.values);
    if (indices && values) {
      const k = indices.shape[2],
        at = (first() + i) * k;
      return Array.from({ length: k }, (_, j) => ({
        index: indices.data[at + j],
        value: values.data[at + j] / 32767,
      }));
    }
    if (flat && wanted && !answers.has(key)) {
      const { points: places, span } = mapOf("none");
      answers.set(
        key,
        nearestInPlane(places, first(), count, i, 8).map(({ index, value }) => ({
          index,
          value: (value / 65535) * span,
        })),
      );
    }
    if (wanted && data.live && !answers.has(key)) {
      answers.set(key, asking);
      request("neighbours", { index: i, step: to.step });
    }
    return (
      answers.get(key) ??
      (data.live || flat
        ? "Click the point for its true neighbours."
        : "Too many points for a page to carry their neighbours.")
    );
  };
  /** @param {any} message */
  frame.onResponse(({ response, index, step, found, values }) => {
    if (response !== "neighbours") return;
    answers.set(
      `${step} ${index}`,
      found.map((/** @type {number} */ other, /** @type {number} */ j) => ({
        index: other,
        value: values[j],
      })),
    );
    tell();
    requestDraw();
  });

  // What is said: the status line for the ear, the figures and the card for the eye.
  /** The point that everything is about: under the pointer or the keyboard, else the one selected. */
  const focus = () => (hovered >= 0 && hovered < count ? hovered : selected.length === 1 ? selected[0] : -1);
  /** @param {number} i */
  const captionOf = (i) =>
    captions?.[i] || (partners.get(i) ?? []).map((j) => captions?.[j]).find(Boolean) || "";
  /** @param {number} i */
  const titleOf = (i) => captionOf(i) || `point ${i}`;
  /** @param {number} i */
  const kindOf = (i) =>
    [
      classes.length && !byModality ? classes[codes[i]] : "",
      data.modality ? (texts[i] ? "text" : "image") : "",
      `point ${i}`,
    ]
      .filter(Boolean)
      .join(" · ");
  /** @param {number} value */
  const similarity = (value) => (flat ? formatNumber(value) : value.toFixed(2).replace("-", "−"));
  const tell = () => {
    const i = focus(),
      found = i < 0 ? "" : neighboursOf(i, selected[0] === i || count <= 20_000);
    showCard();
    if (i >= 0) {
      const near =
        typeof found === "string"
          ? found
          : `nearest by ${flat ? "distance" : "cosine"}: ${found.map(({ index, value }) => `${index} (${similarity(value)})`).join(", ")}`;
      return say(
        `${kindOf(i)}${captionOf(i) ? ` · ${captionOf(i)}` : ""} · at ${coordinatesOf(i)
          .map((value) => formatNumber(value))
          .join(", ")} · ${near}`,
      );
    }
    const wish = model.get("search").trim(),
      hits = wish ? ` match “${wish}”` : " selected";
    say(
      selected.length || wish
        ? `${selected.length.toLocaleString("en")} of ${count.toLocaleString("en")} points${hits}`
        : `${count.toLocaleString("en")} points, ${flat ? "two dimensions as given" : `${data.dims} dimensions in a plane: ${names[to.name]}`}${notice}`,
    );
  };
  let notice = "";
  const showFigures = () => {
    const { explained, kept } = mapOf(to.name);
    /** @param {number} share */
    const percent = (share) => `${Math.round(share * 100)}%`;
    const list = [
      explained && [percent(explained[to.step]), "of the variance is in view"],
      kept && [percent(kept[to.step]), "of the 10 nearest in space are nearest here"],
      data.gaps && [data.gaps[to.step].toFixed(2), "modality gap"],
    ];
    figures.replaceChildren(
      ...list
        .filter(Boolean)
        .map(([value, text]) =>
          make("div", { class: "vk-figure" }, make("b", {}, value), make("span", {}, text)),
        ),
    );
  };

  // Colours and flags that live on the graphics card.
  const flags = new Uint8Array(count);
  /** @type {string[]} */
  let css = [];
  const colorsOf = () => {
    const table = new Uint8Array(1024 * Math.ceil(hidden.length / 256));
    css = [...hidden].map((off, code) => {
      const mixed = rgb(data.colors?.[code] ?? CATEGORY_COLORS[code % CATEGORY_COLORS.length]).map((value) =>
        dark() ? Math.round(value + (255 - value) * 0.28) : value,
      );
      table.set([...mixed, off ? 0 : 255], 4 * code);
      return `rgb(${mixed})`;
    });
    return table;
  };
  const flag = () => {
    flags.set(marked);
    for (const i of selected) if (i < count) flags[i] |= 2;
    points?.flags(flags);
  };
  const linePairs = () => {
    const kept = pairs ? Array.from(pairs).filter((_, i) => shown(pairs[i]) && shown(pairs[i ^ 1])) : [];
    lineCount = kept.length;
    points?.pairs(new Uint32Array(kept));
  };
  /** @type {ReturnType<typeof openPoints>} */
  let points = null;
  const start = () => {
    points = openPoints(glCanvas, count, codes, (name) => mapOf(name).points);
    frame.root.dataset.renderer = points ? "webgl2" : "canvas";
    notice = points
      ? ""
      : ` · this browser has no WebGL2: ${count > 20_000 ? "a sample of 20,000 points is drawn" : "drawn without it"}`;
    drawnFor = "";
    flag();
    linePairs();
    redraw();
  };
  listen(glCanvas, "webglcontextlost", (event) => {
    event.preventDefault();
    points = null;
    say("The graphics card lost the picture; restoring it.");
  });
  listen(glCanvas, "webglcontextrestored", () => {
    start();
    tell();
  });

  const look = () => {
    const { size, alpha } = markLook(count / Math.max(1, zoom * zoom), over.width * over.height);
    return { size: size * pointSize * Math.sqrt(scale()), alpha: clamp(0.03, alpha * opacity, 1) };
  };
  /** What the canvases and colours were made for. */
  const shape = () => [over.width, over.height, window.devicePixelRatio, dark(), scale()].join();
  const drawBase = () => {
    const { width, height } = over,
      ratio = window.devicePixelRatio || 1;
    if (drawnFor !== shape()) {
      for (const canvas of [glCanvas, base])
        Object.assign(canvas, { width: Math.round(width * ratio), height: Math.round(height * ratio) });
      const table = colorsOf();
      points?.colors(table);
      legend.querySelectorAll("i").forEach((swatch, code) => {
        swatch.style.background = css[code];
      });
      showCard();
      drawnFor = shape();
    }
    const context = /** @type {CanvasRenderingContext2D} */ (base.getContext("2d"));
    context.fillStyle = color("paper"); // read back as #rrggbb, whatever the theme calls it
    const { size, alpha } = look(),
      paper = rgb(String(context.fillStyle)).map((value) => value / 255),
      grey = dark() ? 0.75 : 0.35;
    // A layer with nothing on it would still be laid over the points in every frame.
    base.hidden = !!points && !(showThumbnails && atlas);
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, height);
    const quick = moving && large,
      now = performance.now();
    // Where frames still come late, the sample gets smaller.
    if (quick && now - lastMove > 28 && now - lastMove < 500) rough++;
    lastMove = now;
    // Prime strides, so that a pattern in the order of the points does not show in the sample.
    const strides = [7, 13, 19, 29, 41, 61, 127, 251],
      fit = strides.findIndex((prime) => count / prime < 17_000);
    const stride = quick ? strides[Math.min((fit < 0 ? 5 : fit) + rough, 7)] : count > 3000 ? 7 : 1;
    const lines = showPairs && pairs ? lineCount : 0;
    if (points) {
      points.draw({
        view: [cx, cy, (2 * pixels()) / width, (2 * pixels()) / height],
        mix,
        size: size * ratio,
        alpha: quick ? Math.min(1, alpha * 3) : alpha,
        from,
        to,
        stride,
        passes: quick ? 1 : stride,
        chosen: selected.length > 0,
        lines,
        paper,
        line: [grey, grey, grey, clamp(0.12, 12 / Math.sqrt(lines + 1), 0.5)],
      });
    } else drawPlain(context, size, alpha);
    if (showThumbnails && atlas) drawThumbnails(context);
    frame.root.dataset.drawn = String(
      points ? Math.ceil(count / (quick ? stride : 1)) : Math.min(count, 20_000),
    );
  };
  /** Without WebGL2: at most 20,000 points. @param {CanvasRenderingContext2D} context @param {number} size @param {number} alpha */
  const drawPlain = (context, size, alpha) => {
    for (let i = 0; i < count; i += Math.ceil(count / 20_000)) {
      if (!shown(i)) continue;
      const [x, y] = pixelOf(i);
      context.globalAlpha = selected.length && !(flags[i] & 2) ? alpha * 0.16 : alpha;
      context.fillStyle = css[codes[i]];
      context.beginPath();
      // Few steps around a circle make a triangle.
      for (let turn = 0; turn < 6.28; turn += texts[i] ? 2.0944 : 0.5)
        context.lineTo(x + size * 0.6 * Math.sin(turn), y - size * 0.6 * Math.cos(turn));
      context.fill();
    }
    context.globalAlpha = 1;
  };
  /** @param {CanvasRenderingContext2D} context */
  const drawThumbnails = (context) => {
    const size =
        clamp(26, Math.sqrt((over.width * over.height) / (tiles.size + 1)) * 0.62 * Math.sqrt(zoom), 46) *
        scale(),
      places = [];
    for (const i of tiles.keys()) {
      if (!shown(i) || (selected.length && !(flags[i] & 2))) continue;
      const [x, y] = pixelOf(i);
      if (x > -size && y > -size && x < over.width + size && y < over.height + size) places.push([x, y, i]);
    }
    for (const [x, y, i] of thinOut(places, size + 3)) {
      context.fillStyle = css[codes[i]];
      context.fillRect(x - size / 2 - 2, y - size / 2 - 2, size + 4, size + 4);
      atlas?.draw(context, /** @type {number} */ (tiles.get(i)), x - size / 2, y - size / 2, size);
    }
  };
  /** @param {CanvasRenderingContext2D} context @param {number} i @param {number} radius @param {string} color @param {number} width */
  const ring = (context, i, radius, color, width) => {
    const [x, y] = pixelOf(i);
    context.strokeStyle = color;
    context.lineWidth = width;
    context.beginPath();
    context.arc(x, y, radius, 0, 7);
    context.stroke();
  };
  /** @param {CanvasRenderingContext2D} context @param {number[]} a @param {number[]} b */
  const line = (context, a, b) => {
    context.beginPath();
    context.moveTo(a[0], a[1]);
    context.lineTo(b[0], b[1]);
    context.stroke();
  };
  /** The vector from the mean of the images to the mean of the texts. @param {CanvasRenderingContext2D} context */
  const drawGap = (context) => {
    const sums = [
      [0, 0, 0],
      [0, 0, 0],
    ];
    for (let i = 0; i < count; i++) {
      const sum = sums[texts[i]];
      sum[0] += unitOf(i, 0);
      sum[1] += unitOf(i, 1);
      sum[2]++;
    }
    const [a, b] = sums.map(([x, y, n]) => pixel(x / n, y / n)),
      angle = Math.atan2(b[1] - a[1], b[0] - a[0]);
    Object.assign(context, { strokeStyle: color("focus"), lineWidth: 3 * scale() });
    line(context, a, b);
    for (const turn of [2.6, -2.6])
      line(context, b, [b[0] + 13 * Math.cos(angle + turn), b[1] + 13 * Math.sin(angle + turn)]);
    label(context, `gap ${data.gaps[to.step].toFixed(2)}`, (a[0] + b[0]) / 2, (a[1] + b[1]) / 2 - 12);
    [a, b].forEach(([x, y], k) => label(context, k ? "mean text" : "mean image", x, y + 20));
  };
  /** @param {CanvasRenderingContext2D} context @param {string} text @param {number} x @param {number} y */
  const label = (context, text, x, y) => {
    Object.assign(context, {
      font: frame.font(13, "600"),
      textAlign: "center",
      lineWidth: 4,
      lineJoin: "round",
      strokeStyle: color("paper"),
      fillStyle: color("ink"),
    });
    context.strokeText(text, x, y);
    context.fillText(text, x, y);
  };
  const over = frame.surface(
    plot,
    `Map of ${count} embeddings; arrow keys walk from point to point`,
    ({ context }) => {
      if (mix < 1) {
        mix = clamp(0, (performance.now() - began) / duration, 1);
        redraw();
      }
      if (mix === 1) from = to;
      if (dirty || drawnFor !== shape()) {
        dirty = false;
        drawBase();
      }
      const i = focus(),
        radius = Math.max(5, look().size / 2 + 3);
      if (showGap && data.gaps) drawGap(context);
      if (i >= 0) {
        const found = neighboursOf(i),
          here = pixelOf(i);
        context.lineWidth = 1.2;
        if (typeof found !== "string")
          for (const { index } of found) {
            context.strokeStyle = color("muted");
            line(context, here, pixelOf(index));
            ring(context, index, radius - 1, color("ink"), 1.6);
          }
        for (const other of partners.get(i) ?? []) {
          Object.assign(context, { strokeStyle: color("accent"), lineWidth: 3 });
          line(context, here, pixelOf(other));
          ring(context, other, radius, color("accent"), 3);
        }
        ring(context, i, radius + 1, color("paper"), 6);
        ring(context, i, radius + 1, color("focus"), 3);
      }
      if (lasso) {
        Object.assign(context, {
          strokeStyle: color("focus"),
          fillStyle: color("focus") + "22",
          lineWidth: 2,
        });
        context.beginPath();
        for (const [x, y] of lasso) context.lineTo(x, y);
        context.closePath();
        context.fill();
        context.stroke();
      }
      frame.ready();
    },
    { class: "vk-canvas vk-layer", role: "application", tabindex: "0" },
  );
  const duration = matchMedia("(prefers-reduced-motion: reduce)").matches
    ? 1
    : stepNames.length > 1
      ? clamp(120, 6000 / stepNames.length, 650)
      : 650;

  /** The focused point's neighbours, with pictures; a click goes to one. */
  const showCard = () => {
    const i = focus(),
      found = i < 0 ? "Point at a mark for its neighbours." : neighboursOf(i);
    if (typeof found === "string") return card.replaceChildren(found);
    card.replaceChildren(
      flat ? "nearest, by distance" : "nearest in the full space, by cosine",
      ...found.map(({ index, value }) => {
        const tile = tiles.get(index),
          picture = make("i"),
          item = make(
            "button",
            { type: "button", class: "vk-button", tabindex: "-1" },
            picture,
            make("b", {}, similarity(value)),
            make("span", {}, titleOf(index)),
          );
        picture.dataset.mark = tile !== undefined ? "picture" : texts[index] ? "text" : "";
        Object.assign(picture.style, { color: css[codes[index]], backgroundColor: css[codes[index]] });
        if (tile !== undefined)
          picture.style.background = `${-(tile % data.atlas.columns) * 1.8}em ${-Math.floor(tile / data.atlas.columns) * 1.8}em / ${data.atlas.columns * 1.8}em var(--vk-atlas)`;
        item.onclick = () => {
          hover(index);
          choose([index]);
        };
        return item;
      }),
    );
  };
  // What a person does.
  /** @param {number} i @param {{ clientX: number, clientY: number } | null} [at] */
  const hover = (i, at = null) => {
    if (i === hovered && at && i >= 0) return;
    hovered = i;
    write("hovered", i);
    frame.tooltip(
      i >= 0 && at ? [titleOf(i), kindOf(i)] : null,
      at ?? undefined,
      i >= 0 && tiles.has(i) ? (context, size) => atlas.draw(context, tiles.get(i), 0, 0, size) : null,
      over.canvas.getBoundingClientRect().right,
    );
    tell();
    requestDraw();
  };
  /** @param {number[]} list */
  const choose = (list) => {
    selected = list;
    write("selected", list);
    flag();
    tell();
    redraw();
  };
  const search = () => {
    const wish = model.get("search").trim().toLowerCase(),
      hits = [],
      fits = classes.map((name) => name.toLowerCase().includes(wish));
    for (let i = 0; wish && i < count; i++)
      if (fits[codes[i]] || captions?.[i].toLowerCase().includes(wish)) hits.push(i);
    choose(hits);
  };
  /** @param {string} name @param {number} step */
  const go = (name, step) => {
    if (!maps.has(name)) return say(asking);
    if (name === to.name && step === to.step) return;
    from = to;
    to = { name, step };
    mix = 0;
    began = performance.now();
    answers.clear();
    showFigures();
    tell();
    redraw();
  };
  const rest = () => {
    // A pointer that is still down will move again: all points would come in its way. And where a
    // frame is late, the sample has not been seen yet.
    if (pointers.size || dirty) {
      moving = window.setTimeout(rest, 160);
      return;
    }
    moving = 0;
    rough = Math.max(0, rough - 1);
    redraw();
  };
  /** Draws a sample while things move and everything once they rest. */
  const move = () => {
    clearTimeout(moving);
    moving = large ? window.setTimeout(rest, 160) : 0;
    frame.tooltip(null);
    redraw();
  };
  frame.onClose(() => clearTimeout(moving));
  /** @param {number} factor @param {number} [x] @param {number} [y] */
  const zoomBy = (factor, x = over.width / 2, y = over.height / 2) => {
    const before = unitAt(x, y);
    zoom = clamp(0.4, zoom * factor, 400);
    const after = unitAt(x, y);
    cx += (before[0] - after[0]) / 65535;
    cy += (before[1] - after[1]) / 65535;
    move();
  };
  const reset = () => {
    cx = cy = 0.5;
    zoom = 1;
    move();
  };
  /** @param {number} dx @param {number} dy */
  const walk = (dx, dy) => {
    const i = focus(),
      { points: places } = mapOf(to.name),
      [x, y] = i < 0 ? unitAt(over.width / 2, over.height / 2) : [unitOf(i, 0) * 65535, unitOf(i, 1) * 65535];
    const next =
      i < 0
        ? nearestPoint(gridOf(to), places, first(), x, y, 1e5, shown)
        : nextPoint(places, first(), count, x, y, dx, dy, shown);
    if (next < 0) return;
    const [px, py] = pixelOf(next);
    if (px < 0 || py < 0 || px > over.width || py > over.height) {
      cx = unitOf(next, 0);
      cy = unitOf(next, 1);
      move();
    }
    const box = over.canvas.getBoundingClientRect(),
      [sx, sy] = pixelOf(next);
    hover(next, { clientX: box.left + sx, clientY: box.top + sy });
  };

  /** @type {Map<number, number[]>} */
  const pointers = new Map();
  let travelled = 0,
    scrolled = 0;
  /** @param {PointerEvent | WheelEvent} event */
  const place = (event) => {
    const { x, y } = pointerWithin(event, over.canvas);
    return [x * over.width, y * over.height];
  };
  listen(over.canvas, "pointerdown", (event) => {
    over.canvas.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, place(event));
    travelled = 0;
    if (pointers.size === 1 && (lassoTool || event.shiftKey)) lasso = [place(event)];
  });
  listen(over.canvas, "pointermove", (event) => {
    const [x, y] = place(event),
      last = pointers.get(event.pointerId);
    if (!last) {
      const radius = Math.max(count > 20_000 ? 7 : 14, look().size / 2 + 2),
        [ux, uy] = unitAt(x, y);
      return hover(
        nearestPoint(gridOf(to), mapOf(to.name).points, first(), ux, uy, (radius / pixels()) * 65535, shown),
        event,
      );
    }
    const other = [...pointers].find(([id]) => id !== event.pointerId)?.[1];
    travelled += Math.hypot(x - last[0], y - last[1]);
    pointers.set(event.pointerId, [x, y]);
    if (lasso) {
      lasso.push([x, y]);
      return requestDraw();
    }
    if (travelled < 4) return;
    if (other)
      zoomBy(
        Math.hypot(x - other[0], y - other[1]) / (Math.hypot(last[0] - other[0], last[1] - other[1]) || 1),
        other[0],
        other[1],
      );
    cx -= ((x - last[0]) / pixels()) * (other ? 0.5 : 1);
    cy += ((y - last[1]) / pixels()) * (other ? 0.5 : 1);
    move();
  });
  /** @param {PointerEvent} event */
  const released = (event) => {
    if (!pointers.delete(event.pointerId)) return;
    const outline = lasso?.map(([x, y]) => unitAt(x, y));
    lasso = null;
    requestDraw();
    if (event.type === "pointerup" && outline && travelled >= 4) {
      const { points: places } = mapOf(to.name),
        list = [],
        lows = [0, 1].map((axis) => Math.min(...outline.map((corner) => corner[axis])));
      for (let i = 0; i < count; i++) {
        const at = 2 * (first() + i);
        if (
          places[at] >= lows[0] &&
          places[at + 1] >= lows[1] &&
          shown(i) &&
          inside(outline, places[at], places[at + 1])
        )
          list.push(i);
      }
      choose(list);
    } else if (event.type === "pointerup" && travelled < 4)
      choose(hovered < 0 || (selected.length === 1 && selected[0] === hovered) ? [] : [hovered]);
  };
  for (const type of ["pointerup", "pointercancel"]) listen(over.canvas, type, released);
  listen(over.canvas, "pointerleave", () => hover(-1));
  listen(over.canvas, "dblclick", reset);
  // A wheel that was already scrolling the page goes on doing so when the map comes under the pointer.
  listen(
    document,
    "wheel",
    (event) => {
      if (event.target !== over.canvas) scrolled = performance.now();
    },
    { passive: true, capture: true },
  );
  listen(
    over.canvas,
    "wheel",
    (event) => {
      if (performance.now() - scrolled < 250) {
        scrolled = performance.now();
        return;
      }
      event.preventDefault();
      const [x, y] = place(event);
      zoomBy(Math.exp(-clamp(-200, event.deltaY * (event.deltaMode ? 30 : 1), 200) / 300), x, y);
    },
    { passive: false },
  );

  // Controls.
  const bar = frame.toolbar,
    times = (/** @type {number} */ value) => `${formatNumber(value, 2)}×`;
  const setMap = (/** @type {string} */ name) => {
    write("projection", name);
    go(name, to.step);
  };
  const projection =
    data.offers.length > 1
      ? frame.select(
          bar,
          "map",
          data.offers.map((/** @type {string} */ name) => names[name]),
          names[to.name],
          (text) => setMap(data.offers.find((/** @type {string} */ one) => names[one] === text)),
        )
      : null;
  const steps =
    stepNames.length > 1
      ? frame.scrubber(bar, {
          label: "step",
          names: stepNames,
          value: to.step,
          changed: (index) => {
            write("step", index);
            go(to.name, index);
          },
        })
      : null;
  // Without steps a clicker changes the map.
  if (projection)
    frame.addKeys({
      name: "next map",
      keys: "PageDown / PageUp",
      run: () => {
        const next = data.offers.at(data.offers.indexOf(to.name) - 1);
        projection.value = names[next];
        setMap(next);
      },
    });
  const field = make("input", {
    type: "search",
    class: "vk-input",
    placeholder: captions ? "search captions" : "search classes",
    "aria-label": "Search",
    value: model.get("search"),
  });
  listen(field, "input", () => {
    write("search", field.value);
    search();
  });
  if (captions || classes.length) bar.append(field);
  const lassoToggle = toggle(
    bar,
    "lasso",
    false,
    (on) => {
      lassoTool = on;
      over.canvas.style.cursor = on ? "crosshair" : "";
    },
    "Lasso: draw around points to select them (l, or shift-drag)",
  );
  /** A toggle of a trait. @param {string} label @param {string} trait @param {string} key @param {(on: boolean) => void} set @param {string} hint */
  const switched = (label, trait, key, set, hint) => {
    const control = toggle(
      bar,
      label,
      model.get(trait),
      (on) => {
        write(trait, on);
        set(on);
        redraw();
      },
      hint,
    );
    frame.addKeys({ name: label, keys: key, run: () => control.element.click() });
    watch(trait, control.set);
  };
  if (atlas)
    switched(
      "pictures",
      "show_thumbnails",
      "t",
      (on) => {
        showThumbnails = on;
      },
      "Pictures as marks (t)",
    );
  if (pairs)
    switched(
      "pairs",
      "show_pairs",
      "p",
      (on) => {
        showPairs = on;
      },
      "Lines between the points of a pair (p)",
    );
  if (data.gaps)
    switched(
      "gap",
      "show_gap",
      "g",
      (on) => {
        showGap = on;
      },
      "From the mean image to the mean text (g)",
    );
  frame.slider(bar, {
    label: "size",
    min: 0.25,
    max: 4,
    value: 1,
    log: true,
    format: times,
    changed: (value) => {
      pointSize = value;
      move();
    },
  });
  frame.slider(bar, {
    label: "opacity",
    min: 0.25,
    max: 4,
    value: 1,
    log: true,
    format: times,
    changed: (value) => {
      opacity = value;
      move();
    },
  });
  frame.button(bar, "reset view", reset, "Show all points (0, or double click)");
  frame.addKeys(
    {
      name: "walk to the next point",
      keys: "ArrowLeft / ArrowRight / ArrowUp / ArrowDown",
      run: ({ key }) =>
        walk(
          key === "ArrowLeft" ? -1 : key === "ArrowRight" ? 1 : 0,
          key === "ArrowDown" ? -1 : key === "ArrowUp" ? 1 : 0,
        ),
    },
    { name: "select the point", keys: "Enter", run: () => choose(hovered < 0 ? [] : [hovered]) },
    { name: "lasso", keys: "l", run: () => lassoToggle.element.click() },
    { name: "zoom in", keys: "+ / =", run: () => zoomBy(1.4) },
    { name: "zoom out", keys: "- / _", run: () => zoomBy(1 / 1.4) },
    { name: "show all", keys: "0", run: reset },
  );
  listen(frame.root, "keydown", (event) => {
    if (event.key === "Escape") {
      lasso = null;
      if (lassoTool) lassoToggle.set(false);
      hover(-1);
      choose([]);
    }
  });

  const amounts = classes.map(() => 0);
  if (classes.length) for (let i = 0; i < count; i++) amounts[codes[i]]++;
  const swatches = classes.map((name, code) => {
    const item = frame.button(
      legend,
      "",
      (event) =>
        event.shiftKey ? isolate(code) : hide((one) => (one === code ? !hidden[one] : !!hidden[one])),
      `${name}: click hides, shift-click or double-click isolates`,
    );
    item.append(
      make("i", { "data-mark": byModality && code ? "text" : "image" }),
      make("span", {}, name),
      make("small", {}, amounts[code].toLocaleString("en")),
    );
    listen(item, "dblclick", () => isolate(code));
    return item;
  });
  /** @param {number} code */
  const isolate = (code) => {
    const alone = [...hidden].every((off, one) => !off === (one === code));
    hide((one) => !alone && one !== code);
  };
  const showHidden = () => {
    swatches.forEach((item, code) => item.setAttribute("aria-pressed", String(!hidden[code])));
    linePairs();
    drawnFor = "";
    redraw();
  };
  /** @param {(code: number) => boolean} off */
  const hide = (off) => {
    hidden.set(classes.map((_, code) => Number(off(code))));
    write(
      "hidden_classes",
      classes.filter((_, code) => hidden[code]),
    );
    showHidden();
  };

  watch("hovered", (i) => {
    hovered = i;
    frame.tooltip(null);
    tell();
    requestDraw();
  });
  watch("selected", (list) => {
    selected = list;
    flag();
    tell();
    redraw();
  });
  watch("search", (text) => {
    field.value = text;
    search();
  });
  watch("hidden_classes", (list) => {
    hidden.set(classes.map((name) => Number(list.includes(name))));
    showHidden();
  });
  watch("projection", (name) => {
    if (projection) projection.value = names[name];
    go(name, to.step);
  });
  watch("step", (index) => {
    steps?.set(index);
    go(to.name, index);
  });
  watch("maps", () => {
    readMaps();
    go(model.get("projection"), to.step);
  });
  watch("table", () => {
    tell();
    requestDraw();
  });

  hidden.set(classes.map((name) => Number(model.get("hidden_classes").includes(name))));
  hovered = model.get("hovered");
  selected = model.get("selected");
  start();
  showFigures();
  showHidden();
  if (model.get("search") && !selected.length) search();
  tell();
  /** @param {() => void} step */
  const later = (step) => {
    const timer = window.setTimeout(step, 300);
    frame.onClose(() => clearTimeout(timer));
  };
  later(() => {
    gridOf(to);
    if (!flat && data.quick && !model.get("table").indices) request("table");
  });
  return frame.close;
}

export {
  buildGrid,
  inside,
  markLook,
  nearestInPlane,
  nearestPoint,
  nextPoint,
  openBits,
  openCodes,
  render,
  thinOut,
};
