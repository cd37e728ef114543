declare module "*.css";
declare module "*.glsl" {
  const source: string;
  export default source;
}
declare module "*.as" {
  const bytes: Uint8Array<ArrayBuffer>;
  export default bytes;
}
/** The views of the similarity matrix, whose formulas `build.mjs` has made functions. */
declare module "*?views" {
  const views: readonly import("./similarity-matrix/views.ts").MatrixView[];
  export default views;
}

/** What the unit tests use of Node. */
declare module "node:test" {
  export function test(name: string, run: () => void | Promise<void>): void;
}
declare module "node:assert/strict" {
  interface Assert {
    ok(value: unknown, message?: string): asserts value;
    equal(actual: unknown, expected: unknown, message?: string): void;
    deepEqual(actual: unknown, expected: unknown, message?: string): void;
    throws(run: () => unknown, error?: RegExp): void;
  }
  const assert: Assert;
  export default assert;
}
