// npm run bench -- NAME [--json]: runs test/bench/NAME.bench.ts, each of which prints a table or JSON.
import { readdirSync } from "node:fs";
import { parseArgs } from "node:util";

const { positionals } = parseArgs({ allowPositionals: true, strict: false });
const names = readdirSync(import.meta.dirname)
  .filter((file) => file.endsWith(".bench.ts"))
  .map((file) => file.slice(0, -".bench.ts".length))
  .toSorted();
const name = positionals[0];
if (name === undefined || !names.includes(name)) {
  console.error(`usage: npm run bench -- NAME [--json]\nNAME is one of: ${names.join(", ")}`);
  process.exit(2);
}
await import(`./${name}.bench.ts`);
