// Loads a widget's front end the way Python ships it: core.js and the widget's file as one module.
// Neither exports its helpers, so their names are exported here, for the unit tests only.
import { readFile } from "node:fs/promises";

const FRONTEND = new URL("../../vizkit/widgets/frontend/", import.meta.url);
const TOP_LEVEL_NAME = /^(?:async )?(?:function\*?|const|let|class) ([A-Za-z_$][\w$]*)/gm;

/** The names that a source text declares at its top level, which our style starts in column 0.
 * @param {string} source @returns {string[]} */
export function topLevelNames(source) {
  return [...source.matchAll(TOP_LEVEL_NAME)].map((match) => match[1]);
}

/** Everything that `core.js` and, if named, `<widget>.js` declare; `default` is the widget's own export.
 * @param {string} [widget] file name without `.js`
 * @returns {Promise<Record<string, any>>} */
export async function load(widget) {
  const files = widget ? ["core", widget] : ["core"];
  const sources = await Promise.all(files.map((file) => readFile(new URL(`${file}.js`, FRONTEND), "utf8")));
  const source = sources.join("\n");
  const text = `${source}\nexport { ${topLevelNames(source).join(", ")} };\n//# sourceURL=${files.join("+")}.js`;
  return import(`data:text/javascript;charset=utf-8,${encodeURIComponent(text)}`);
}
