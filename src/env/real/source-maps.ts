/**
 * Stack traces that name the lines a user wrote, not those a compiler made of them.
 *
 * Called right before the user's module is loaded: Node reads the source maps of what is loaded from then on, so Millrace's own cost nothing.
 */
export function mapStacksToSources(): void {
  process.setSourceMapsEnabled(true)
}
