/** Seconds as text → milliseconds, kept within a second and ten minutes. */
export function seconds(text: string | undefined, fallback: number): number {
  const value = Number(text ?? fallback);
  return 1000 * Math.min(600, Math.max(1, Number.isFinite(value) ? value : fallback));
}
