import { contextOf, make } from "./dom.ts";
import type { Host } from "./model.ts";
import type { Scope } from "./scope.ts";

const prefersDark = () => matchMedia("(prefers-color-scheme: dark)");
/** The system gives all colours; then the preference says whether they are dark. */
const forcedColors = () => matchMedia("(forced-colors: active)");

/** Whether the page around an element is dark: JupyterLab says so; elsewhere the first opaque background does. */
function pageTheme(element: HTMLElement): { dark: boolean; lab: boolean } {
  if (forcedColors().matches) return { dark: prefersDark().matches, lab: false };
  const flag = document.body.dataset.jpThemeLight;
  if (flag) return { dark: flag === "false", lab: true };
  for (let node: Element | null = element; node; node = parentOf(node)) {
    // Painted, since a page may state its colours in other ways than rgb(…).
    const pen = contextOf(make("canvas"));
    pen.fillStyle = getComputedStyle(node).backgroundColor;
    pen.fillRect(0, 0, 1, 1);
    const [red, green, , opacity] = pen.getImageData(0, 0, 1, 1).data;
    if (opacity > 128) return { dark: red + 3 * green < 512, lab: false };
  }
  return { dark: prefersDark().matches, lab: false };
}

/** marimo puts each widget into a shadow tree, whose root has no parent but a host. */
function parentOf(node: Element): Element | null {
  const root = node.getRootNode();
  return node.parentElement ?? (root instanceof ShadowRoot ? root.host : null);
}

export interface Theme {
  /** Value of a style property of the root, read once until the theme or a size changes. */
  style(property: string): string;
  /** The theme's colour by its short name: "ink", "muted", "line", "paper", "raised", "accent", "focus". */
  color(name: string): string;
  /** How much larger type and marks are than in a cell: more in full screen. */
  scale(): number;
  font(pixels: number, weight?: string): string;
  dark(): boolean;
  /** Another number after every change of the theme, or of what else the styles depend on. */
  version(): number;
  /** Forgets the styles that were read. */
  forget(): void;
}

/** What is asked for in nearly every picture. */
const COLORS = ["ink", "muted", "line", "paper", "raised", "accent", "focus"];
const STYLES = ["font-family", "--vk-scale", ...COLORS.map((name) => `--vk-${name}`)];

/** Follows the trait `theme` and the page: `data-theme` on the root, `changed` after each change. */
export function followTheme(root: HTMLElement, host: Host, scope: Scope, changed: () => void): Theme {
  const styles = new Map<string, string>();
  let version = 0;
  const forget = () => {
    styles.clear();
    version++;
  };
  const style = (property: string) => {
    const known = styles.get(property);
    if (known !== undefined) return known;
    const computed = getComputedStyle(root);
    const read = (name: string) => computed.getPropertyValue(name).trim();
    // An element that is not in a page yet has no style to remember. All at once: between changes of the page, each
    // reading would make the browser compute its styles again.
    if (root.isConnected) for (const name of [...STYLES, property]) styles.set(name, read(name));
    return styles.get(property) ?? read(property);
  };
  const apply = () => {
    const choice = host.get("theme") ?? "auto";
    // The page around the instrument: the root has a ground of its own.
    const page = pageTheme(root.parentElement ?? root);
    const free = choice === "auto" || forcedColors().matches;
    const dark = free ? page.dark : choice === "dark";
    root.dataset.theme = dark ? "dark" : "light";
    root.dataset.lab = String(page.lab && dark === page.dark);
    forget();
    changed();
  };
  const observer = new MutationObserver(apply);
  const attributeFilter = ["class", "style", "data-jp-theme-light", "data-jp-theme-name", "data-theme"];
  for (const node of [document.body, document.documentElement])
    observer.observe(node, { attributes: true, attributeFilter });
  scope.onClose(() => observer.disconnect());
  for (const query of [prefersDark(), forcedColors()]) scope.listen(query, "change", apply);
  scope.onClose(host.on("change:theme", apply));
  // A detached element has no page around it, and one that is moved another: an animation without
  // any effect begins whenever the element comes to a place, and then the theme is read.
  scope.listen<AnimationEvent>(root, "animationstart", (event) => {
    if (event.animationName === "vk-placed") apply();
  });
  apply();
  const scale = () => Number(style("--vk-scale")) || 1;
  return {
    style,
    scale,
    color: (name) => style(`--vk-${name}`) || "#888",
    font: (pixels, weight = "400") => `${weight} ${pixels * scale()}px ${style("font-family")}`,
    dark: () => root.dataset.theme === "dark",
    version: () => version,
    forget,
  };
}
