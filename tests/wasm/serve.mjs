// Serves TimescaleDB in WebAssembly (PGlite) on a loopback port, one client at a time, and prints the port.
//
//   node serve.mjs PACKAGE_FOLDER
//
// One backend stands behind it, which forgets a client that leaves. COPY FROM STDIN is not possible.
import { createServer } from "node:net";
import { pathToFileURL } from "node:url";

const folder = process.argv[2];
const { PGlite } = await import(pathToFileURL(`${folder}/dist/index.js`).href);
const { timescaledb } = await import(pathToFileURL(`${folder}/dist/timescaledb/index.js`).href);
const db = await PGlite.create({ extensions: { timescaledb } });
await db.exec("set timezone to 'UTC'"); // what clients ask for at their greeting comes too late here
const SSL_REQUEST = 80877103;
const GSS_REQUEST = 80877104;

// Cuts a stream into messages: the first ones of a client have no type byte before their length.
function* messages(state) {
  for (;;) {
    const head = state.greeted ? 1 : 0;
    if (state.rest.length < head + 4) return;
    const size = head + state.rest.readUInt32BE(head);
    if (state.rest.length < size) return;
    const message = state.rest.subarray(0, size);
    state.rest = state.rest.subarray(size);
    yield message;
  }
}

async function answer(socket, state, message) {
  if (!state.greeted) {
    const code = message.readUInt32BE(4);
    if (code === SSL_REQUEST || code === GSS_REQUEST) return socket.write("N");
    state.greeted = true;
  } else if (message[0] === "X".charCodeAt(0)) {
    await db.exec("rollback").catch(() => undefined);
    await db.exec("deallocate all; select pg_advisory_unlock_all()"); // discard all would forget its search_path
    return socket.end();
  }
  const told = await db.execProtocolRaw(new Uint8Array(message), { syncToFs: false });
  if (told.length) socket.write(told);
}

const server = createServer((socket) => {
  const state = { greeted: false, rest: Buffer.alloc(0) };
  let work = Promise.resolve();
  socket.setNoDelay(true);
  socket.on("error", () => socket.destroy());
  socket.on("data", (bytes) => {
    state.rest = Buffer.concat([state.rest, bytes]);
    for (const message of messages(state)) {
      work = work.then(() => answer(socket, state, message)).catch((error) => socket.destroy(error));
    }
  });
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
process.stdin.resume().on("end", () => process.exit(0));
