/** The interval that holds a share with 95 % confidence (Wilson 1927): good for few cases and for shares near 0. */
const Z = 1.959964

export function wilson(part: number, whole: number): { readonly low: number; readonly high: number } {
  if (whole <= 0) return { low: 0, high: 1 }
  const share = Math.min(1, Math.max(0, part / whole))
  const weight = 1 + Z * Z / whole
  const middle = (share + Z * Z / (2 * whole)) / weight
  const half = Z / weight * Math.sqrt(share * (1 - share) / whole + Z * Z / (4 * whole * whole))
  return { low: Math.max(0, middle - half), high: Math.min(1, middle + half) }
}
