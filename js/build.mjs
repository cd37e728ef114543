// Builds the front end: every instrument, the exported page's host, what the notebooks' small widgets are, and the
// site's pages and slides, each into one file that Python ships. `node build.mjs` builds once, `--watch` after every change, `--out FOLDER` elsewhere, `--tests FOLDER` the unit tests.
import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { deflateAsync } from "@gfx/zopfli";
import asc from "assemblyscript/asc";
import * as esbuild from "esbuild";

const here = fileURLToPath(new URL(".", import.meta.url));
const repository = new URL("../", import.meta.url);
const { values } = parseArgs({
  options: { watch: { type: "boolean" }, tests: { type: "string" }, out: { type: "string" } },
});
const STATIC = values.out ?? fileURLToPath(new URL("vizkit/widgets/static", repository));

const COURSE = values.out ?? fileURLToPath(new URL("vizkit/course", repository));
const SITE = values.out ?? fileURLToPath(new URL("tools/site/frontend", repository));

const INSTRUMENTS = ["similarity-matrix", "attention-map", "embedding-space", "living-encoder"];
const snake = (name) => name.replaceAll("-", "_");

/** Shaders travel without their comments and indents. */
const SHADERS = {
  name: "shaders",
  setup({ onLoad }) {
    onLoad({ filter: /\.glsl$/ }, async ({ path }) => {
      const lines = (await readFile(path, "utf8")).split("\n");
      const kept = lines.map((line) => line.replace(/\/\/.*/, "").trim()).filter(Boolean);
      return { contents: kept.join("\n"), loader: "text" };
    });
  },
};

/** AssemblyScript becomes the bytes of a WebAssembly module. */
const compiled = new Map();
const ASSEMBLY = {
  name: "assembly",
  setup({ onLoad }) {
    onLoad({ filter: /\.as$/ }, async ({ path }) => {
      const source = await readFile(path, "utf8");
      if (!compiled.has(source)) compiled.set(source, assemble(source));
      return { contents: await compiled.get(source), loader: "binary" };
    });
  },
};

async function assemble(source) {
  const options = "kernel.ts -O3 --runtime stub --enable simd --importMemory --noAssert -o kernel.wasm";
  let bytes = null;
  const { error, stderr } = await asc.main(options.split(" "), {
    readFile: (name) => (name === "kernel.ts" ? source : null),
    writeFile: (_, contents) => {
      bytes = contents;
    },
    listFiles: () => [],
  });
  if (error) throw new Error(`${error.message}\n${stderr}`);
  return bytes;
}

/** What all bundles share: nothing is looked up at run time, and a browser of three years ago runs it. */
const COMMON = {
  absWorkingDir: here,
  bundle: true,
  minify: true,
  write: false,
  target: "es2022",
  legalComments: "none",
  plugins: [SHADERS, ASSEMBLY],
};

/** Bytes as text of 85 signs, five for four bytes: denser than base64. None of the signs needs an escape in
 * JavaScript, JSON or HTML. */
function base85(bytes) {
  const padded = Buffer.concat([bytes, Buffer.alloc((4 - (bytes.length % 4)) % 4)]);
  let text = "";
  for (let at = 0; at < padded.length; at += 4) {
    let word = padded.readUInt32BE(at);
    let five = "";
    for (let sign = 0; sign < 5; sign++) {
      five = String.fromCharCode(35 + (word % 85)) + five;
      word = Math.floor(word / 85);
    }
    text += five;
  }
  // Signs with a meaning of their own give way to four that are free.
  return text.replace(/[$&<>\\`]/g, (sign) => "xyz{|}"["$&<>\\`".indexOf(sign)]);
}

/** The module that travels as `_esm`: bundle and style sheet compressed, and their unpacking. Every instance of an instrument
 * carries its code once more, so this halves what a notebook receives. It unpacks after the module has loaded:
 * anywidget drops all that Python says to a widget whose module takes more than two seconds to load. Where a page's
 * policy forbids addresses of blobs, the code is loaded from a data address. A page unpacks the same code once: the next
 * widget, or the same cell run again, shows its picture sooner. */
async function bundle(code, style) {
  // Slower than zlib's own, and 3% smaller; any browser unpacks it.
  const data = Buffer.from(await deflateAsync(Buffer.from(`${code}\0${style}`), { numiterations: 15 }));
  const digest = createHash("sha256").update(data).digest("hex").slice(0, 16);
  const loader = `const text = "${base85(data)}";
const unpack = async () => {
  const words = new DataView(new ArrayBuffer((text.length / 5) * 4));
  for (let at = 0, word = 0; at < text.length; at++) {
    const sign = text.charCodeAt(at);
    word = word * 85 + (sign > 119 ? [36, 38, 60, 62, 92, 96][sign - 120] : sign) - 35;
    if (at % 5 > 3) {
      words.setUint32(((at - 4) / 5) * 4, word);
      word = 0;
    }
  }
  const bytes = words.buffer.slice(0, ${data.length});
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  const [code, style] = (await new Response(stream).text()).split("\\0");
  const address = URL.createObjectURL(new Blob([code], { type: "text/javascript" }));
  try {
    return [(await import(address)).default, style];
  } catch {
    return [(await import("data:text/javascript;charset=utf-8," + encodeURIComponent(code))).default, style];
  } finally {
    URL.revokeObjectURL(address);
  }
};
const known = Symbol.for("vizkit ${digest}");
const unpacked = (globalThis[known] ??= unpack().catch((error) => {
  delete globalThis[known];
  throw error;
}));
export default {
  async render(view) {
    const [instrument, style] = await unpacked;
    const sheet = document.createElement("style");
    sheet.textContent = style;
    view.el.append(sheet);
    const close = instrument.render(view);
    return () => { close(); sheet.remove(); };
  },
};
`;
  return (await esbuild.transform(loader, { minify: true, target: COMMON.target })).code;
}

/** Files to write, by path, of one instrument. */
async function instrument(name) {
  const scripts = await esbuild.build({ ...COMMON, entryPoints: [`${name}/index.ts`], format: "esm" });
  const styles = await esbuild.build({ ...COMMON, entryPoints: [`${name}/index.css`] });
  const code = scripts.outputFiles[0].text;
  const style = styles.outputFiles[0].text;
  return {
    [`${STATIC}/${snake(name)}.js`]: code,
    [`${STATIC}/${snake(name)}.bundle.js`]: await bundle(code, style),
    [`${STATIC}/${snake(name)}.css`]: style,
  };
}

async function single(entry, path, format) {
  const { outputFiles } = await esbuild.build({
    ...COMMON,
    entryPoints: [entry],
    format,
    legalComments: "eof",
  });
  return { [path]: outputFiles[0].text };
}

async function build() {
  const parts = await Promise.all([
    ...INSTRUMENTS.map(instrument),
    single("page/index.ts", `${STATIC}/page.js`, "iife"),
    single("rope-wheel/index.ts", `${COURSE}/rope_wheel.js`, "esm"),
    single("quiz/index.ts", `${COURSE}/quiz.js`, "esm"),
    single("site/index.ts", `${SITE}/site.js`, "iife"),
    single("site/style.css", `${SITE}/site.css`),
    single("slides/index.ts", `${SITE}/slides.js`, "iife"),
    single("slides/style.css", `${SITE}/slides.css`),
  ]);
  const files = Object.assign({}, ...parts);
  for (const folder of [STATIC, SITE]) await mkdir(folder, { recursive: true });
  await Promise.all(Object.entries(files).map(([path, text]) => writeFile(path, text)));
  for (const [path, text] of Object.entries(files))
    console.log(`${String(Buffer.byteLength(text)).padStart(7)} bytes  ${basename(path)}`);
}

/** Node runs no TypeScript: the tests are bundled, too, and the encoder by itself, which Python's tests run. */
async function tests(folder) {
  const names = (await readdir(`${here}tests`)).filter((name) => /\.test\.[jt]s$/.test(name));
  const entryPoints = names.map((name) => ({ in: `tests/${name}`, out: name.slice(0, -3) }));
  entryPoints.push({ in: "living-encoder/model/index.ts", out: "engine" });
  await esbuild.build({
    ...COMMON,
    entryPoints,
    minify: false,
    write: true,
    sourcemap: "inline",
    platform: "node",
    format: "esm",
    outExtension: { ".js": ".mjs" },
    outdir: folder,
  });
}

if (values.tests) await tests(values.tests);
else await build();
if (values.watch) {
  const { watch } = await import("node:fs");
  let timer;
  const again = () => build().catch((error) => console.error(error.message));
  watch(here, { recursive: true }, (_, file) => {
    if (!file || file.startsWith("node_modules")) return;
    clearTimeout(timer);
    timer = setTimeout(again, 100);
  });
}
