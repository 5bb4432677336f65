// Text in an SVG file: escaped, and as wide as it can be told without a renderer.

/** Metrics of Arial and those made like it; other fonts differ by less than the slack that is left around text. */
export const FONT = "Arial, Helvetica, 'Liberation Sans', sans-serif";

/** For element content and attributes; what XML 1.0 cannot hold becomes U+FFFD. */
export function escaped(text: string): string {
  return (
    text
      .toWellFormed()
      // oxlint-disable-next-line no-control-regex -- exactly what XML forbids
      .replaceAll(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, "\ufffd")
      .replaceAll("&", "&amp;")
      .replaceAll("<", "&lt;")
      .replaceAll(">", "&gt;")
      .replaceAll('"', "&quot;")
      .replaceAll("'", "&#39;")
  );
}

/** About the width in pixels at a font size in pixels. */
export function widthOf(text: string, size: number): number {
  let width = 0;
  for (const letter of text) width += emOf(letter);
  return 1.04 * width * size;
}

function emOf(letter: string): number {
  if (/[ijltfrI.,:;|'!()[\]/ -]/.test(letter)) return 0.33;
  if (/[mwMW%@]/.test(letter)) return 0.88;
  if (/[A-Z&]/.test(letter)) return 0.7;
  return letter > "\u2e7f" ? 1 : 0.56;
}

/** Cut to a width, with an ellipsis where something is missing. */
export function cut(text: string, size: number, width: number): string {
  if (widthOf(text, size) <= width) return text;
  const letters = Array.from(new Intl.Segmenter("en").segment(text), ({ segment }) => segment);
  while (letters.length > 1 && widthOf(`${letters.join("")}…`, size) > width) letters.pop();
  return `${letters.join("").trimEnd()}…`;
}

/** Lines of at most a width, broken at spaces; a word that is wider is cut. */
export function wrapped(text: string, size: number, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(/\s+/).filter(Boolean)) {
    const longer = lines.length === 0 ? word : `${lines.at(-1)} ${word}`;
    if (lines.length > 0 && widthOf(longer, size) <= width) lines[lines.length - 1] = longer;
    else lines.push(cut(word, size, width));
  }
  return lines;
}

/** Coordinates with one decimal: enough for a screen, and the same bytes everywhere. */
export const px = (value: number): number => Math.round(value * 10) / 10 + 0;
