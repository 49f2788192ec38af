// The same with socket.io, whose rooms they are.
import { createServer } from 'node:http';
import { Server } from 'socket.io';

const http = createServer();
const server = new Server(http, { transports: ['websocket'] });

server.on('connection', (socket) => {
  socket.on('join', (room, joined) => {
    socket.join(room);
    joined();
  });
  socket.on('say', (room, text) => socket.to(room).emit('said', text));
});

http.listen(Number(process.argv[2] ?? 0), '127.0.0.1', 65535, () => console.log(http.address().port));
