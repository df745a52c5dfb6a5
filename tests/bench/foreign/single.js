const { Pool } = global.get('pg')
const pool = new Pool({ connectionString: 'PG_URL', max: 10 })
pool.on('error', (err) => node.warn(err.message))
const columns = 'PG_COLUMNS'.split(',')
context.set('pool', pool)
context.set('columns', columns)
context.set('insert', `insert into PG_TABLE (${columns.join(', ')}) values (${columns.map((_, i) => `$${i + 1}`).join(', ')})`)
// on every message
const reading = msg.payload
context.get('pool')
    .query(context.get('insert'), context.get('columns').map((column) => reading[column]))
    .catch((err) => node.error(err.message, msg))
return null
