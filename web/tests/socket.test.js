import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ScriptedServer, settled, virtualTime } from '../client/tests/scripted.js';
import { createSocket } from '../js/socket.js';
import { withGlobals } from './stand-in.js';

/** The console's connection, on a page of the server. */
async function started(t, accessToken = async () => 'token') {
  const pass = virtualTime(t);
  const server = new ScriptedServer();
  withGlobals(t, { WebSocket: server.WebSocket, location: { origin: 'https://sb.test' } });
  const socket = createSocket({ accessToken });
  return { server, socket, pass };
}

test('the console connects to where it came from, and runs what resumes it one after the other', async (t) => {
  const { server, socket } = await started(t);
  const order = [];
  t.mock.method(console, 'info', () => {});
  socket.onOpened(async () => { await settled(); order.push('rooms'); });
  socket.onOpened(async () => { order.push('calls'); throw Object.assign(new Error('refused'), { code: 'auth.forbidden' }); });
  socket.onOpened(async ({ connectionId }) => order.push(connectionId));
  socket.start();
  for (let turn = 0; turn < 4; turn += 1) await settled();
  assert.equal(server.last.url, 'wss://sb.test/v1/ws');
  assert.deepEqual(order, ['rooms', 'calls', 'c1']);
  assert.deepEqual(socket.state.get(), { phase: 'open', connectionId: 'c1', everOpen: true, error: null });
});

test('what resumes an earlier connection is not gone on with on the next', async (t) => {
  const { server, socket, pass } = await started(t);
  const order = [];
  socket.onOpened(async ({ connectionId }) => {
    order.push(`rooms of ${connectionId}`);
    if (connectionId === 'c1') await server.last.drop();
  });
  socket.onOpened(async ({ connectionId }) => order.push(`calls of ${connectionId}`));
  socket.start();
  await settled();
  await pass(500);
  assert.deepEqual(order, ['rooms of c1', 'rooms of c2', 'calls of c2']);
});

test('a sign-in that has ended closes the connection, and a server that is away does not', async (t) => {
  const refused = Object.assign(new Error('signed out'), { status: 401 });
  const away = Object.assign(new Error('away'), { code: 'offline' });
  for (const [error, phase] of [[refused, 'closed'], [away, 'waiting']]) {
    const { socket } = await started(t, async () => { throw error; });
    socket.start();
    await settled();
    assert.equal(socket.state.get().phase, phase);
    t.mock.reset();
  }
});

test('a token that the server does not take is asked for anew', async (t) => {
  const asked = [];
  const { server, socket, pass } = await started(t, async ({ fresh }) => asked.push(fresh) && 'token');
  socket.start();
  await settled();
  await server.last.drop(4002);
  assert.equal(socket.state.get().phase, 'waiting');
  await pass(500);
  assert.deepEqual(asked, [false, true]);
});

test('who presses the button does not wait', async (t) => {
  const { server, socket } = await started(t);
  socket.start();
  await settled();
  await server.last.drop(4501);
  assert.equal(socket.state.get().phase, 'refused');
  socket.retryNow();
  await settled();
  assert.deepEqual([socket.state.get().phase, socket.state.get().connectionId], ['open', 'c2']);
});
