import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EventText } from '../src/event-text.js';
import { Client } from '../src/index.js';
import { settled, virtualTime } from './scripted.js';
import { ScriptedEvents } from './scripted-events.js';

let pages = 0;

/** A client of a server that it has not met on this page, which no WebSocket reaches. */
function stranger(t, server = new ScriptedEvents(), host = `https://sb${(pages += 1)}.test`) {
  const pass = virtualTime(t);
  const connect = () => {
    const client = new Client({ server: host, token: 'token', WebSocket: server.WebSocket, fetch: server.fetch });
    t.after(() => client.close());
    client.connect();
    return client;
  };
  return { server, pass, connect, client: connect() };
}

const streams = (server) => server.asked.filter((asked) => asked.startsWith('GET')).map((asked) => asked.slice(4));

/** One that is connected. */
async function opened(t, server) {
  const all = stranger(t, server);
  await all.pass(3_000);
  assert.deepEqual([all.client.state.phase, all.client.transport], ['open', 'events']);
  return all;
}

test('where no WebSocket gets through, the same is said by events and posts', async (t) => {
  const { client, server } = await opened(t);
  server.script('room.history', ({ roomId }) => ({ of: roomId }));
  const heard = [];
  client.on('presence.changed', ({ onlineCount }) => heard.push(onlineCount));
  const asked = Promise.all([client.request('room.history', { roomId: 'a' }), client.request('room.history', { roomId: 'b' })]);
  await settled();
  await server.last.tell('presence.changed', { onlineCount: 7 });
  assert.deepEqual([await asked, heard], [[{ of: 'a' }, { of: 'b' }], [7]]);
  const posts = server.asked.filter((each) => each === 'POST /v1/events/id');
  assert.equal(posts.length, 2, 'what is said in one task goes in one request');
  assert.deepEqual(server.last.sent[0].params, { token: 'token' }, 'who it is, is said in a frame');
});

test('what got through is remembered for the page', async (t) => {
  const { server, pass, connect } = await opened(t);
  const dials = server.connections.length;
  const second = connect();
  await pass(250);
  assert.deepEqual([second.state.phase, second.transport, server.connections.length], ['open', 'events', dials + 1]);
});

test('a WebSocket that opens and through which nothing comes is given up after five seconds', async (t) => {
  const server = new ScriptedEvents();
  server.isUp = 'silent';
  const { client, pass } = stranger(t, server);
  await pass(4_750);
  assert.equal(client.transport, 'webSocket');
  await pass(1_250);
  assert.deepEqual([client.state.phase, client.transport], ['open', 'events']);
});

test('with a server that is away both ways are tried in turn', async (t) => {
  t.mock.method(Math, 'random', () => 0);
  const server = new ScriptedEvents();
  server.isReached = false;
  const { client, pass } = stranger(t, server);
  const ways = new Set();
  for (let step = 0; step < 60; step += 1) {
    await pass(250);
    ways.add(client.transport);
  }
  assert.deepEqual([...ways].sort(), ['events', 'webSocket']);
  server.isUp = true;
  await pass(20_000);
  assert.equal(client.state.phase, 'open');
});

test('where a WebSocket was open before, it is tried three times before anything else', async (t) => {
  const server = new ScriptedEvents();
  server.isUp = true;
  const { client, pass } = stranger(t, server);
  await settled();
  assert.equal(client.transport, 'webSocket');
  server.isUp = false;
  const dials = server.connections.length;
  await server.last.drop();
  await pass(10_000);
  assert.deepEqual([client.state.phase, client.transport, server.connections.length - dials], ['open', 'events', 4]);
});

test('a post whose answer was lost is posted again and carried out once', async (t) => {
  const { client, server, pass } = await opened(t);
  server.script('room.history', () => ({}));
  server.losesAnswers = 2;
  const asked = client.request('room.history', { roomId: 'r' });
  await pass(3_000);
  await asked;
  assert.equal(server.last.methods.length, 1);
  assert.equal(server.asked.filter((each) => each === 'POST /v1/events/id').length, 4);
});

test('a stream that breaks goes on where it was, and nothing is heard twice', async (t) => {
  const { client, server, pass } = await opened(t);
  const heard = [];
  client.on('presence.changed', ({ onlineCount }) => heard.push(onlineCount));
  await server.last.tell('presence.changed', { onlineCount: 1 });
  await server.breakStream();
  await server.last.tell('presence.changed', { onlineCount: 2 });
  await pass(1_500);
  await server.last.tell('presence.changed', { onlineCount: 3 });
  assert.deepEqual([heard, client.state.phase, server.connections.length], [[1, 2, 3], 'open', 2]);
});

test('a stream that breaks now and then, and flows in between, costs no connection', async (t) => {
  const { client, server, pass } = await opened(t);
  for (let breaks = 0; breaks < 4; breaks += 1) {
    await server.breakStream();
    await pass(30_000);
  }
  assert.deepEqual([client.state.phase, server.connections.length], ['open', 2]);
});

test('where something gathers what the server says, it is asked for again and again, and the page remembers', async (t) => {
  const server = new ScriptedEvents();
  server.gathers = true;
  const { client, pass, connect } = stranger(t, server);
  await pass(5_000);
  assert.equal(client.state.phase, 'open');
  assert.deepEqual(streams(server).slice(0, 2), ['/v1/events/id', '/v1/events/id?wait=20']);
  const heard = [];
  client.on('presence.changed', ({ onlineCount }) => heard.push(onlineCount));
  for (const onlineCount of [1, 2, 3]) await server.last.tell('presence.changed', { onlineCount });
  await pass(250);
  assert.deepEqual(heard, [1, 2, 3]);
  server.asked = [];
  const second = connect();
  await pass(250);
  assert.equal(second.state.phase, 'open');
  assert.ok(streams(server).every((asked) => asked.endsWith('?wait=20')), `${streams(server)}`);
});

test('why the server closes is heard and obeyed', async (t) => {
  const { client, server, pass } = await opened(t);
  server.last.close(4501);
  await pass(30_000);
  assert.deepEqual([client.state.phase, client.state.error.code], ['refused', 'closed']);
});

test('a connection that the server knows no more is replaced by another', async (t) => {
  const { client, server, pass } = await opened(t);
  server.forget();
  await pass(2_500);
  assert.deepEqual([client.state.phase, server.connections.length], ['open', 3]);
});

test('a network that is gone for a moment costs nothing, and one that is gone for long the connection', async (t) => {
  const { client, server, pass } = await opened(t);
  server.isReached = false;
  await server.breakStream();
  await pass(10_000);
  server.isReached = true;
  await pass(2_000);
  assert.deepEqual([client.state.phase, server.connections.length], ['open', 2]);
  server.isReached = false;
  await server.breakStream();
  await pass(25_000);
  assert.notEqual(client.state.phase, 'open');
});

test('who closes says so, behind what was said before', async (t) => {
  const { client, server } = await opened(t);
  server.script('room.leave', () => ({}));
  client.request('room.leave', { roomId: 'r' }).catch(() => {});
  client.close();
  await settled();
  assert.deepEqual([server.last.methods, server.last.left], [['room.leave'], true]);
});

test('events are read whatever pieces they come in', () => {
  const text = ':   \n\nid: 1\ndata: {"a":\ndata: 1}\n\nevent: close\ndata: {}\n\nid: 2\ndata:x\n\n';
  const whole = new EventText().read(text);
  assert.deepEqual(whole, [
    { name: 'message', id: 1, data: '{"a":\n1}' }, { name: 'close', id: 0, data: '{}' }, { name: 'message', id: 2, data: 'x' },
  ]);
  const piecewise = new EventText();
  assert.deepEqual([...text].flatMap((piece) => piecewise.read(piece)), whole);
});
