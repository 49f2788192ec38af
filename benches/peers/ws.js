// A hub as one writes it with ws: whoever has joined a room hears what the others in it say.
import { createServer } from 'node:http';
import { WebSocketServer } from 'ws';

const rooms = new Map();
const http = createServer();
const server = new WebSocketServer({ server: http });

server.on('connection', (socket) => {
  const joined = new Set();
  socket.on('message', (data) => {
    const message = JSON.parse(data);
    if (message.join) {
      const room = rooms.get(message.join) ?? new Set();
      rooms.set(message.join, room.add(socket));
      joined.add(message.join);
      socket.send('{"joined":true}');
      return;
    }
    const said = JSON.stringify({ said: message.text });
    for (const other of rooms.get(message.room) ?? []) {
      if (other !== socket) other.send(said);
    }
  });
  socket.on('close', () => joined.forEach((room) => rooms.get(room).delete(socket)));
});

http.listen(Number(process.argv[2] ?? 0), '127.0.0.1', 65535, () => console.log(http.address().port));
