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
