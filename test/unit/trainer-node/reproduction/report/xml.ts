/** Names of the elements in order; throws where a text is no well-formed XML of one root, as far as SVG needs it. */
export function elementsOf(xml: string): string[] {
  const names: string[] = [];
  const open: string[] = [];
  let at = 0;
  for (const tag of xml.matchAll(/<(\/?)([A-Za-z][\w:]*)((?:\s+[\w:-]+="[^"<]*")*)\s*(\/?)>/g)) {
    const [all, closing, name = "", attributes = "", empty] = tag;
    checkText(xml.slice(at, tag.index), open.length > 0);
    checkText(attributes, true);
    const keys = [...attributes.matchAll(/([\w:-]+)="/g)].map(([, key]) => key);
    if (new Set(keys).size < keys.length) throw new Error(`an attribute twice in ${all}`);
    at = tag.index + all.length;
    if (closing) {
      if (open.pop() !== name) throw new Error(`</${name}> closes nothing`);
      continue;
    }
    if (open.length === 0 && names.length > 0) throw new Error(`<${name}> is a second root`);
    names.push(name);
    if (!empty) open.push(name);
  }
  checkText(xml.slice(at), false);
  if (open.length > 0 || names.length === 0) throw new Error(`not closed: ${open.join(" ")}`);
  return names;
}

function checkText(text: string, isInside: boolean): void {
  if (/[<>]/.test(text)) throw new Error(`a bare angle bracket in ${text}`);
  if (/&(?!(?:amp|lt|gt|quot|#39);)/.test(text)) throw new Error(`a bare ampersand in ${text}`);
  // oxlint-disable-next-line no-control-regex -- exactly what XML forbids
  if (/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/.test(text) || !text.isWellFormed())
    throw new Error(`a character that XML forbids in ${JSON.stringify(text)}`);
  if (!isInside && text.trim() !== "") throw new Error(`text outside the root: ${text}`);
}
