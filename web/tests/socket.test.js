import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { createSocket } from '../js/socket.js';
import { settled, withGlobals } from './stand-in.js';

/** A WebSocket whose other end is the test. */
class WebSocketDouble {
  static OPEN = 1;
  static all = [];
  static get last() {
    return this.all.at(-1);
  }
  readyState = 0;
  sent = [];
  constructor(url) {
    this.url = url;
    WebSocketDouble.all.push(this);
  }
  send = (text) => this.sent.push(JSON.parse(text));
  close = (code = 1005) => {
    this.readyState = 3;
    this.onclose?.({ code });
  };
  async open() {
    this.readyState = 1;
    this.onopen();
    await settled();
  }
  async receive(message) {
    this.onmessage({ data: JSON.stringify({ jsonrpc: '2.0', ...message }) });
    await settled();
  }
  /** Answers the request of this method, with a result or an error. */
  answer(method, outcome) {
    const { id } = this.sent.findLast((request) => request.method === method);
    return this.receive({ id, ...outcome });
  }
}

const HOUR_MS = 3_600_000;
const TICK = { apis: ['setTimeout', 'setInterval', 'Date'] };

function apiDouble() {
  const tokens = [];
  return { tokens, accessToken: async ({ fresh = false } = {}) => tokens.push(fresh) && 'token', expiresAt: () => Date.now() + HOUR_MS };
}

let wake = {};
let visible = () => {};

beforeEach((t) => {
  WebSocketDouble.all = [];
  wake = {};
  withGlobals(t, {
    WebSocket: WebSocketDouble,
    location: { protocol: 'https:', host: 'sb.test' },
    addEventListener: (type, handler) => (wake[type] = handler),
    document: { visibilityState: 'visible', addEventListener: (_, handler) => (visible = handler) },
  });
});

/** A connection that was opened. */
async function opened(t, api = apiDouble()) {
  t.mock.timers.enable(TICK);
  const socket = createSocket(api);
  socket.start();
  await settled();
  await WebSocketDouble.last.open();
  await WebSocketDouble.last.answer('connection.open', { result: { connectionId: 'c1', pingIntervalMs: 25_000 } });
  return { socket, api };
}

/** Lets the longest wait pass that a loss may bring, and what it starts happen. */
async function afterWait(t, ms) {
  t.mock.timers.tick(ms);
  await settled();
}

test('a connection opens with a token, and runs what resumes one after the other', async (t) => {
  t.mock.timers.enable(TICK);
  const socket = createSocket(apiDouble());
  const order = [];
  socket.onOpened(async () => { await settled(); order.push('rooms'); });
  socket.onOpened(async () => { order.push('calls'); throw Object.assign(new Error('refused'), { code: 'auth.forbidden' }); });
  socket.onOpened(async ({ connectionId }) => order.push(connectionId));
  socket.start();
  await settled();
  assert.equal(WebSocketDouble.last.url, 'wss://sb.test/v1/ws');
  await WebSocketDouble.last.open();
  assert.deepEqual(WebSocketDouble.last.sent[0].params, { token: 'token' });
  assert.equal(socket.state.get().phase, 'connecting', 'open is what the server has accepted');
  await WebSocketDouble.last.answer('connection.open', { result: { connectionId: 'c1', pingIntervalMs: 25_000 } });
  await settled();
  await settled();
  assert.deepEqual(order, ['rooms', 'calls', 'c1']);
  assert.deepEqual(socket.state.get(), { phase: 'open', connectionId: 'c1', everOpen: true });
});

test('answers find their requests in any order, and a refusal carries its code', async (t) => {
  const { socket } = await opened(t);
  const slow = socket.call('room.join', { roomId: 'a' });
  const quick = socket.call('room.join', { roomId: 'b' });
  const [first, second] = WebSocketDouble.last.sent.slice(-2);
  await WebSocketDouble.last.receive({ id: second.id, result: 'B' });
  await WebSocketDouble.last.receive({ id: first.id, error: { message: 'no', data: { code: 'auth.forbidden', fault: 'caller' } } });
  assert.equal(await quick, 'B');
  await assert.rejects(slow, { code: 'auth.forbidden', fault: 'caller' });
  await WebSocketDouble.last.receive({ id: 999, result: 'nobody asked' });
});

test('a request that is never answered ends after ten seconds, and its answer then is ignored', async (t) => {
  const { socket } = await opened(t);
  const call = assert.rejects(socket.call('room.join'), { code: 'timeout' });
  const { id } = WebSocketDouble.last.sent.at(-1);
  t.mock.timers.tick(10_000);
  await call;
  await WebSocketDouble.last.receive({ id, result: 'late' });
});

test('events go to everybody who listens, until they do not', async (t) => {
  const { socket } = await opened(t);
  const heard = [];
  const off = socket.on('room.message', ({ text }) => heard.push(text));
  await WebSocketDouble.last.receive({ method: 'room.message', params: { text: 'a' } });
  off();
  await WebSocketDouble.last.receive({ method: 'room.message', params: { text: 'b' } });
  assert.deepEqual(heard, ['a']);
});

test('after a loss what waits is refused as offline, and the connection comes back by itself', async (t) => {
  const { socket } = await opened(t);
  const call = assert.rejects(socket.call('room.join'), { code: 'offline' });
  WebSocketDouble.last.close(1006);
  await call;
  await assert.rejects(socket.call('room.join'), { code: 'offline' }, 'nothing is kept for later');
  assert.deepEqual(socket.state.get(), { phase: 'waiting', connectionId: null, everOpen: true });
  await afterWait(t, 500);
  assert.equal(WebSocketDouble.all.length, 2);
});

test('every failure doubles the wait, up to twenty seconds, and never to nothing', async (t) => {
  const { socket } = await opened(t);
  const waits = [];
  t.mock.method(Math, 'random', () => 1);
  for (let failure = 0; failure < 8; failure += 1) {
    WebSocketDouble.last.close(1006);
    const before = WebSocketDouble.all.length;
    let waited = 0;
    for (; WebSocketDouble.all.length === before; waited += 500) await afterWait(t, 500);
    waits.push(waited);
  }
  assert.deepEqual(waits, [500, 1_000, 2_000, 4_000, 8_000, 16_000, 20_000, 20_000]);
  socket.stop();
});

test('clients that lost the connection together come back apart', async (t) => {
  const { socket } = await opened(t);
  t.mock.method(Math, 'random', () => 0);
  WebSocketDouble.last.close(1006);
  await afterWait(t, 99);
  assert.equal(WebSocketDouble.all.length, 1);
  await afterWait(t, 1);
  assert.equal(WebSocketDouble.all.length, 2);
  socket.stop();
});

test('a server that drains is left after the delay that it gave', async (t) => {
  const { socket } = await opened(t);
  await WebSocketDouble.last.receive({ method: 'connection.moving', params: { delayMs: 7_000 } });
  WebSocketDouble.last.close(1012);
  await afterWait(t, 7_000);
  assert.equal(WebSocketDouble.all.length, 1);
  await afterWait(t, 500);
  assert.equal(WebSocketDouble.all.length, 2);
  WebSocketDouble.last.close(1006);
  await afterWait(t, 1_000);
  assert.equal(WebSocketDouble.all.length, 3, 'the delay was for once');
  socket.stop();
});

for (const [code, name] of [[4002, 'an expired token'], [4500, 'an unknown token'], [4502, 'the end of the sign-in']]) {
  test(`closed for ${name}, it comes back with a fresh token`, async (t) => {
    const { api } = await opened(t);
    WebSocketDouble.last.close(code);
    await afterWait(t, 500);
    assert.deepEqual(api.tokens, [false, true]);
  });
}

test('closed for sending too much, it stays away until somebody asks', async (t) => {
  const { socket } = await opened(t);
  WebSocketDouble.last.close(4501);
  await afterWait(t, HOUR_MS);
  assert.deepEqual([WebSocketDouble.all.length, socket.state.get().phase], [1, 'refused']);
  socket.retryNow();
  await settled();
  assert.equal(WebSocketDouble.all.length, 2);
});

test('an overloaded server is left alone for five seconds at least', async (t) => {
  await opened(t);
  WebSocketDouble.last.close(4003);
  await afterWait(t, 5_000);
  assert.equal(WebSocketDouble.all.length, 1);
});

test('a handshake that nobody answers is given up', async (t) => {
  t.mock.timers.enable(TICK);
  const socket = createSocket(apiDouble());
  socket.start();
  await settled();
  t.mock.timers.tick(10_000);
  assert.equal(socket.state.get().phase, 'waiting');
});

test('who is signed out is not reconnected', async (t) => {
  const api = { ...apiDouble(), accessToken: async () => { throw Object.assign(new Error('signed out'), { code: 'auth.required' }); } };
  t.mock.timers.enable(TICK);
  const socket = createSocket(api);
  socket.start();
  await settled();
  t.mock.timers.tick(HOUR_MS);
  assert.deepEqual([WebSocketDouble.all.length, socket.state.get().phase], [0, 'closed']);
});

test('the token is refreshed a minute before it expires, on the same connection', async (t) => {
  const { api } = await opened(t);
  const asked = () => WebSocketDouble.last.sent.filter(({ method }) => method === 'connection.refresh').length;
  // Something is heard in between, so that silence is no reason to ask.
  for (let elapsed = 0; elapsed < HOUR_MS - 60_000; elapsed += 20_000) {
    await WebSocketDouble.last.receive({ method: 'presence.changed', params: {} });
    await afterWait(t, 20_000);
  }
  assert.deepEqual([asked(), api.tokens.at(-1), WebSocketDouble.all.length], [1, true, 1]);
});

test('a silent line is asked, and taken for dead if it does not answer', async (t) => {
  const now = { ms: 0 };
  t.mock.method(performance, 'now', () => now.ms);
  const { socket } = await opened(t);
  now.ms = 25_000;
  await afterWait(t, 25_000);
  assert.equal(WebSocketDouble.last.sent.at(-1).method, 'connection.refresh');
  await WebSocketDouble.last.answer('connection.refresh', { result: {} });
  await afterWait(t, 5_000);
  assert.equal(socket.state.get().phase, 'open', 'it answered');
  now.ms = 60_000;
  await afterWait(t, 25_000);
  await afterWait(t, 5_000);
  assert.notEqual(socket.state.get().phase, 'open');
});

test('a machine that wakes up does not wait any longer', async (t) => {
  await opened(t);
  WebSocketDouble.last.close(1006);
  wake.online();
  await settled();
  assert.equal(WebSocketDouble.all.length, 2);
  WebSocketDouble.last.close(1006);
  visible();
  await settled();
  assert.equal(WebSocketDouble.all.length, 3);
});

test('a connection that was replaced is not listened to any more', async (t) => {
  const { socket } = await opened(t);
  const heard = [];
  socket.on('room.message', () => heard.push('late'));
  const old = WebSocketDouble.last;
  old.close(1006);
  socket.retryNow();
  await settled();
  await old.receive({ method: 'room.message', params: {} });
  old.onclose({ code: 4501 });
  assert.deepEqual([heard, socket.state.get().phase], [[], 'connecting']);
});
