export function clamp(low: number, value: number, high: number): number {
  return Math.max(low, Math.min(high, value));
}

/** A number for people: three significant digits, a true minus sign, no "-0". */
export function formatNumber(value: number, digits = 3): string {
  if (!Number.isFinite(value)) return value > 0 ? "∞" : value < 0 ? "−∞" : "not a number";
  const size = Math.abs(value);
  const text =
    size !== 0 && (size < 1e-3 || size >= 1e5)
      ? value.toExponential(digits - 1)
      : value.toFixed(clamp(0, digits - 1 - Math.floor(Math.log10(size || 1)), digits));
  return Number(text) === 0 ? "0" : text.replace(/-/g, "−");
}

/** Round numbers from `low` to `high`, about five: steps of 1, 2 or 5 times a power of ten. */
export function roundTicks(low: number, high: number, about = 5): number[] {
  const rough = (high - low) / about;
  if (!(rough > 0)) return [low];
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = ([1, 2, 5].find((factor) => factor * power >= rough) ?? 10) * power;
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  return Array.from({ length: last - first + 1 }, (_, k) => (first + k) * step);
}
