// Builds the front end: every instrument, and the exported page's host, each into one file that
// Python ships. `node build.mjs` builds once, `--watch` after every change, `--out FOLDER` elsewhere, `--tests FOLDER` the unit tests.
import { mkdir, readdir, writeFile } from "node:fs/promises";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { deflateSync } from "node:zlib";
import * as esbuild from "esbuild";

const here = fileURLToPath(new URL(".", import.meta.url));
const repository = new URL("../", import.meta.url);
const { values } = parseArgs({
  options: { watch: { type: "boolean" }, tests: { type: "string" }, out: { type: "string" } },
});
const STATIC = values.out ?? fileURLToPath(new URL("vizkit/widgets/static", repository));

const INSTRUMENTS = ["similarity-matrix", "attention-map", "embedding-space"];
const snake = (name) => name.replaceAll("-", "_");

/** What all bundles share: nothing is looked up at run time, and a browser of three years ago runs it. */
const COMMON = {
  absWorkingDir: here,
  bundle: true,
  minify: true,
  write: false,
  target: "es2022",
  legalComments: "none",
  loader: { ".glsl": "text" },
};

/** The module that travels as `_esm`: the bundle compressed, and its unpacking. Every instance of an instrument
 * carries its code once more, so this halves what a notebook receives. It unpacks after the module has loaded:
 * anywidget drops all that Python says to a widget whose module takes more than two seconds to load. Where a page's
 * policy forbids addresses of blobs, the code is loaded from a data address. */
function packed(code) {
  const data = deflateSync(Buffer.from(code), { level: 9 }).toString("base64");
  return `const unpack = async () => {
  const bytes = Uint8Array.from(atob("${data}"), (sign) => sign.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  const code = await new Response(stream).text();
  const address = URL.createObjectURL(new Blob([code], { type: "text/javascript" }));
  try {
    return (await import(address)).default;
  } catch {
    return (await import("data:text/javascript;charset=utf-8," + encodeURIComponent(code))).default;
  } finally {
    URL.revokeObjectURL(address);
  }
};
const unpacked = unpack();
export default { render: async (view) => (await unpacked).render(view) };
`;
}

/** Files to write, by path, of one instrument. */
async function instrument(name) {
  const scripts = await esbuild.build({ ...COMMON, entryPoints: [`${name}/index.ts`], format: "esm" });
  const styles = await esbuild.build({ ...COMMON, entryPoints: [`${name}/index.css`] });
  const code = scripts.outputFiles[0].text;
  return {
    [`${STATIC}/${snake(name)}.js`]: code,
    [`${STATIC}/${snake(name)}.packed.js`]: packed(code),
    [`${STATIC}/${snake(name)}.css`]: styles.outputFiles[0].text,
  };
}

async function single(entry, path, format) {
  const { outputFiles } = await esbuild.build({ ...COMMON, entryPoints: [entry], format });
  return { [path]: outputFiles[0].text };
}

async function build() {
  const parts = await Promise.all([
    ...INSTRUMENTS.map(instrument),
    single("page/index.ts", `${STATIC}/page.js`, "iife"),
  ]);
  const files = Object.assign({}, ...parts);
  await mkdir(STATIC, { recursive: true });
  await Promise.all(Object.entries(files).map(([path, text]) => writeFile(path, text)));
  for (const [path, text] of Object.entries(files))
    console.log(`${String(Buffer.byteLength(text)).padStart(7)} bytes  ${basename(path)}`);
}

/** Node runs no TypeScript: the tests are bundled, too. */
async function tests(folder) {
  const entryPoints = (await readdir(`${here}tests`)).filter((name) => /\.test\.[jt]s$/.test(name));
  await esbuild.build({
    ...COMMON,
    entryPoints: entryPoints.map((name) => `tests/${name}`),
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
