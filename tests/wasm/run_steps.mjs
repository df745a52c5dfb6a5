// Runs SQL steps on TimescaleDB in WebAssembly (PGlite) and prints what each gave.
//
//   node run_steps.mjs PACKAGE_FOLDER STEPS.json
//
// A step is {sql, params?, blob?, each?}. `blob` is the base64 of what COPY reads from /dev/blob. A step with `each`
// runs once for every row of the step before it, with "{name}" in its SQL replaced by the row's first value.
// The answer is a list of {rows} or {error, code}, in the order of the steps. No step stops the next.
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const [folder, file] = process.argv.slice(2);
const { PGlite } = await import(pathToFileURL(`${folder}/dist/index.js`).href);
const { timescaledb } = await import(pathToFileURL(`${folder}/dist/timescaledb/index.js`).href);
const db = await PGlite.create({ extensions: { timescaledb } });
const answers = [];

async function once(sql, step) {
  try {
    const blob = step.blob ? new Blob([Buffer.from(step.blob, "base64")]) : undefined;
    const options = { rowMode: "array", ...(blob ? { blob } : {}) };
    if (step.params || blob) return { rows: (await db.query(sql, step.params ?? [], options)).rows };
    return { rows: (await db.exec(sql, options)).at(-1)?.rows ?? [] };
  } catch (error) {
    return { error: error.message, code: error.code };
  }
}

let last = { rows: [] };
for (const step of JSON.parse(readFileSync(file, "utf8"))) {
  if (step.each) {
    const each = [];
    for (const row of last.rows) each.push(await once(step.sql.replaceAll("{name}", row[0]), step));
    const failed = each.find((answer) => answer.error);
    answers.push(failed ?? { rows: each.flatMap((answer) => answer.rows) });
  } else {
    last = await once(step.sql, step);
    answers.push(last);
  }
}
await db.close();
console.log(JSON.stringify(answers));
