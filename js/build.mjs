// Builds the front end: every instrument, the exported page's host, what the notebooks' small widgets are, and the
// site's pages and slides, each into one file that Python ships. `node build.mjs` builds once, `--watch` after every change, `--out FOLDER` elsewhere, `--tests FOLDER` the unit tests.
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { basename, resolve } from "node:path";
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

/** The list of a matrix's views: each formula of constants.json becomes a function of a cell. */
const VIEWS = {
  name: "views",
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /\?views$/ }, ({ path, resolveDir }) => ({
      path: resolve(resolveDir, path.replace("?views", "")),
      namespace: "views",
    }));
    onLoad({ filter: /./, namespace: "views" }, async ({ path }) => {
      const { similarityViews } = JSON.parse(await readFile(path, "utf8"));
      const views = similarityViews.map(
        ({ value, ...rest }) => `{ ...${JSON.stringify(rest)}, value: ${functionOf(value)} }`,
      );
      const contents = `import * as quantities from "./similarity-matrix/quantities.ts";
        export default [${views}];`;
      return { contents, resolveDir: here, watchFiles: [path] };
    });
  },
};

/** `(pair - own) / count` as JavaScript: sums, products and quotients of the functions in quantities.ts. */
function functionOf(formula) {
  if (!/^[\w\s.()+*/-]+$/.test(formula)) throw new Error(`not a formula of quantities: ${formula}`);
  const called = formula.replace(/[a-z]\w*/gi, (name) => `quantities.${name}(matrix, now, i, j)`);
  return `(matrix, now, i, j) => ${called}`;
}

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
  plugins: [SHADERS, VIEWS, ASSEMBLY],
};

/** The texts of a part, compressed: slower than zlib's own, and 3% smaller; any browser unpacks it. */
const packed = async (texts) =>
  Buffer.from(await deflateAsync(Buffer.from(texts.join("\0")), { numiterations: 15 }));

/** The instruments: each as a whole for pages, and in parts for notebooks. What two or more of them have in common is a
 * part of its own, which a notebook receives once. A part holds its style sheet, then the name and the code of every
 * module in it; a module stands behind those that it imports. The loader puts them together. */
async function instruments() {
  const options = { ...COMMON, format: "esm" };
  const split = await esbuild.build({
    ...options,
    entryPoints: INSTRUMENTS.map((name) => ({ in: `${name}/index.ts`, out: snake(name) })),
    splitting: true,
    chunkNames: "[hash]",
    outdir: "parts",
  });
  const styleOf = async (path) =>
    (await esbuild.build({ ...COMMON, entryPoints: [path] })).outputFiles[0].text;
  const files = {};
  const common = new Map();
  for (const { path, text } of split.outputFiles) {
    const stem = basename(path, ".js");
    const name = INSTRUMENTS.find((one) => snake(one) === stem);
    if (!name) {
      common.set(stem, text);
      continue;
    }
    const whole = await esbuild.build({ ...options, entryPoints: [`${name}/index.ts`] });
    files[`${STATIC}/${stem}.js`] = whole.outputFiles[0].text;
    files[`${STATIC}/${stem}.css`] = await styleOf(`${name}/index.css`);
    files[`${STATIC}/${stem}.part`] = await packed([await styleOf(`${name}/style.css`), stem, text]);
  }
  files[`${STATIC}/shared.part`] = await packed([await styleOf("shared/frame.css"), ...inOrder(common)]);
  return files;
}

/** Names and codes of modules, each behind those of them that it imports. */
function inOrder(modules) {
  const placed = [];
  while (placed.length < 2 * modules.size) {
    const waits = (text) =>
      [...modules.keys()].some((name) => text.includes(`"./${name}.js"`) && !placed.includes(name));
    const [name, text] = [...modules].find(([name, text]) => !placed.includes(name) && !waits(text));
    placed.push(name, text);
  }
  return placed;
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
    instruments(),
    single("loader/index.ts", `${STATIC}/loader.js`, "esm"),
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
