const { Pool } = global.get('pg')
const pool = new Pool({ connectionString: 'PG_URL', max: 10 })
pool.on('error', (err) => node.warn(err.message))
const columns = 'PG_COLUMNS'.split(',')
const types = columns.map((c) => ({ device: 'text[]', ts: 'int8[]' }[c] || 'float8[]'))
const insert = `insert into PG_TABLE (${columns.join(', ')}) select * from unnest(${types.map((t, i) => `$${i + 1}::${t}`).join(', ')})`
const held = { rows: [] }
held.flush = () => {
    if (!held.rows.length) return
    const rows = held.rows
    held.rows = []
    pool.query(insert, columns.map((c) => rows.map((r) => r[c]))).catch((err) => node.error(err.message))
}
context.set('held', held)
setInterval(held.flush, 100)
// on every message
const held = context.get('held')
held.rows.push(msg.payload)
if (held.rows.length >= 500) held.flush()
return null
