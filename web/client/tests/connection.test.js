import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { CLOSE_CODES, consequence } from '../src/close-codes.js';
import { HOUR_MS, ScriptedServer, opened as connected, refusal, settled } from './scripted.js';

/** A client whose connection is open. */
async function opened(t, { token, server = new ScriptedServer() } = {}) {
  const asked = [];
  const asks = async ({ fresh }) => asked.push(fresh) && `token ${asked.length}`;
  return { ...await connected(t, { token: token ?? asks, server }), asked };
}

const params = (server, method) => server.last.sent.filter((request) => request.method === method).map((request) => request.params);

test('a connection is opened with a token, which is in no address', async (t) => {
  const { client, server } = await opened(t);
  assert.equal(server.last.url, 'wss://sb.test/v1/ws');
  assert.deepEqual(params(server, 'connection.open'), [{ token: 'token 1' }]);
  assert.equal((await client.opened()).connectionId, 'c1');
  assert.deepEqual(client.state, { phase: 'open', connectionId: 'c1', everOpen: true, error: null });
});

test('nothing is asked before the server knows who asks', async (t) => {
  const server = new ScriptedServer();
  server.hold('connection.open');
  const { client } = await opened(t, { server });
  await assert.rejects(client.request('room.history', { roomId: 'r' }), { code: 'offline' });
  assert.deepEqual(server.last.sent.map(({ method }) => method), ['connection.open']);
});

test('answers find their requests in any order, and a refusal carries its code', async (t) => {
  const { client, server } = await opened(t);
  const [first, second] = [client.request('room.history', { roomId: 'a' }), client.request('room.history', { roomId: 'b' })];
  const [{ id: one }, { id: two }] = server.last.sent.slice(-2);
  server.last.say({ id: two, result: 'B' });
  server.last.say({ id: one, error: { message: 'no', data: { code: 'limit.rate', fault: 'caller', retryAfterMs: 70 } } });
  server.last.say({ id: 999, result: 'nobody asked' });
  assert.equal(await second, 'B');
  await assert.rejects(first, { name: 'SwitchboardError', code: 'limit.rate', fault: 'caller', retryAfterMs: 70 });
});

test('a request ends at its deadline or by its signal, and its answer then is ignored', async (t) => {
  const { client, server, pass } = await opened(t);
  const calling = new AbortController();
  const late = assert.rejects(client.request('room.history', { roomId: 'r' }), { code: 'timeout' });
  const short = assert.rejects(client.request('room.history', { roomId: 'r' }, { timeoutMs: 500 }), { code: 'timeout' });
  const aborted = assert.rejects(client.request('room.history', { roomId: 'r' }, { signal: calling.signal }), { name: 'AbortError' });
  calling.abort();
  await aborted;
  await pass(500);
  await short;
  await pass(9_500);
  await late;
  for (const { id } of server.last.sent) server.last.say({ id, result: 'late' });
  await assert.rejects(client.request('room.history', { roomId: 'r' }, { signal: calling.signal }), { name: 'AbortError' });
});

test('what is longer than a frame may be is refused here and costs no connection', async (t) => {
  const { client, server } = await opened(t);
  const sent = server.last.sent.length;
  await assert.rejects(client.request('room.send', { roomId: 'r', clientId: 'c', text: 'ж'.repeat(65_536) }), { code: 'limit.size' });
  assert.equal(server.last.sent.length, sent);
});

test('events go to everybody who listens until they do not, and who throws stops nobody', async (t) => {
  const { client, server } = await opened(t);
  t.mock.method(console, 'warn', () => {});
  const heard = [];
  client.on('presence.changed', () => { throw new Error('a page of somebody else'); });
  const off = client.on('presence.changed', ({ onlineCount }) => heard.push(onlineCount));
  await server.last.tell('presence.changed', { onlineCount: 1 });
  off();
  await server.last.tell('presence.changed', { onlineCount: 2 });
  assert.deepEqual(heard, [1]);
});

test('after a loss what waits is refused as offline, and the connection comes back by itself', async (t) => {
  const { client, server, pass } = await opened(t);
  const waits = assert.rejects(client.request('room.history', { roomId: 'r' }), { code: 'offline' });
  await server.last.drop();
  await waits;
  await assert.rejects(client.request('room.history', { roomId: 'r' }), { code: 'offline' }, 'nothing is kept for later');
  assert.equal(client.state.phase, 'waiting');
  await pass(500);
  assert.deepEqual([server.connections.length, client.state.connectionId], [2, 'c2']);
});

/** How long each of the next tries waits. */
async function waits(server, pass, tries) {
  const waited = [];
  for (let each = 0; each < tries; each += 1) {
    const before = server.connections.length;
    let ms = 0;
    for (; server.connections.length === before; ms += 250) await pass(250);
    waited.push(ms);
  }
  return waited;
}

test('every failure doubles the wait, up to twenty seconds', async (t) => {
  const { server, pass } = await opened(t);
  t.mock.method(Math, 'random', () => 1);
  server.isUp = false;
  await server.last.drop();
  assert.deepEqual(await waits(server, pass, 8), [500, 1_000, 2_000, 4_000, 8_000, 16_000, 20_000, 20_000]);
});

test('of the longest wait there is never less than a fifth, so that nobody storms and all come apart', async (t) => {
  const { server, pass } = await opened(t);
  t.mock.method(Math, 'random', () => 0);
  server.isUp = false;
  await server.last.drop();
  await pass(99);
  assert.equal(server.connections.length, 1);
  await pass(1);
  assert.equal(server.connections.length, 2);
});

test('a server that opens and closes again at once is left alone longer and longer', async (t) => {
  const { server, pass } = await opened(t);
  t.mock.method(Math, 'random', () => 1);
  const waited = [];
  for (let each = 0; each < 4; each += 1) {
    await server.last.drop(4000);
    waited.push(...await waits(server, pass, 1));
  }
  assert.deepEqual(waited, [500, 1_000, 2_000, 4_000]);
  await pass(5_000);
  await server.last.drop(4000);
  assert.deepEqual(await waits(server, pass, 1), [500], 'one that held was no failure');
});

test('a server that drains is come back to after the delay that it gave, and once', async (t) => {
  const { server, pass } = await opened(t);
  await server.last.tell('connection.moving', { delayMs: 3_000 });
  await server.last.drop(1001);
  await pass(2_999);
  assert.equal(server.connections.length, 1);
  await pass(1);
  assert.equal(server.connections.length, 2);
  await server.last.drop();
  await pass(500);
  assert.equal(server.connections.length, 3, 'the delay was for once');
});

test('every close code that the protocol lists has its consequence', async () => {
  const page = await readFile(new URL('../../../docs/PROTOCOL.md', import.meta.url), 'utf8');
  const table = page.split('generated: close codes')[1].split('<!-- end -->')[0];
  const rows = [...table.matchAll(/^\| (\d{4}) \| .* \| (.*) \|$/gm)].map(([, code, reconnect]) => [Number(code), reconnect]);
  assert.deepEqual(rows.map(([code]) => code), Object.keys(CLOSE_CODES).map(Number));
  for (const [code, reconnect] of rows) {
    const wants = { yes: 'resume', no: 'stop', with: 'newToken', after: 'later' }[reconnect.split(/[ ,]/)[0]];
    // Refused only once a fresh token is refused as well.
    assert.equal(consequence(code), code === 4500 ? 'newToken' : wants, `${code}: ${reconnect}`);
  }
  assert.deepEqual([4499, 4599, 1006].map(consequence), ['resume', 'stop', 'resume'], 'codes that are not known yet');
});

for (const code of [4002, 4500, 4502]) {
  test(`closed with ${code}, it comes back with a fresh token`, async (t) => {
    const { client, server, pass, asked } = await opened(t);
    await server.last.drop(code);
    await pass(500);
    assert.deepEqual([asked, client.state.phase], [[false, true], 'open']);
    await server.last.drop();
    await pass(1_000);
    assert.deepEqual(asked, [false, true, false], 'the fresh one is good again');
  });
}

test('a fresh token that is refused as well is the end, until somebody asks', async (t) => {
  const server = new ScriptedServer();
  server.script('connection.open', () => { throw refusal('auth.invalidToken'); });
  const { client, pass, asked } = await opened(t, { server });
  const never = assert.rejects(client.opened(), { code: 'auth.invalidToken' });
  await pass(500);
  await never;
  assert.deepEqual([asked, client.state.phase, client.state.error.code], [[false, true], 'refused', 'auth.invalidToken']);
  await pass(HOUR_MS);
  assert.equal(server.connections.length, 2);
  await assert.rejects(Promise.all([client.opened(), Promise.resolve().then(() => client.close())]), { code: 'closed' });
});

test('a token that cannot be replaced is refused once', async (t) => {
  for (const code of [4002, 4502]) {
    const { client, server, pass } = await opened(t, { token: 'fixed' });
    await server.last.drop(code);
    await pass(30_000);
    assert.deepEqual([server.connections.length, client.state.phase, client.state.error.code], [1, 'refused', 'auth.invalidToken']);
    t.mock.reset();
  }
});

test('who is signed out is not reconnected', async (t) => {
  const { client, server, pass } = await opened(t, { token: async () => null });
  await pass(HOUR_MS);
  assert.deepEqual([server.connections.length, client.state.phase, client.state.error.code], [0, 'closed', 'auth.required']);
});

test('a page that cannot give a token just now is asked again, also if it never answers', async (t) => {
  let tries = 0;
  const { client, pass } = await opened(t, {
    token: ({ signal }) => {
      tries += 1;
      if (tries === 1) throw new Error('the back end is away');
      return tries === 2 ? new Promise(() => signal.addEventListener('abort', () => (tries += 10))) : 'token';
    },
  });
  await pass(500);
  assert.equal(tries, 2);
  await pass(31_000);
  assert.deepEqual([tries, client.state.phase], [13, 'open']);
});

test('a token that comes after the client was closed opens nothing', async (t) => {
  let give = () => {};
  const { client, server, pass } = await opened(t, { token: () => new Promise((resolve) => (give = resolve)) });
  client.close();
  give('token');
  await pass(HOUR_MS);
  assert.deepEqual([server.connections.length, client.state.phase], [0, 'closed']);
});

test('closed for sending too much, it stays away until somebody asks', async (t) => {
  const { client, server, pass } = await opened(t);
  await server.last.drop(4501);
  await pass(HOUR_MS);
  assert.deepEqual([server.connections.length, client.state.phase], [1, 'refused']);
  client.connect();
  await settled();
  assert.equal(client.state.phase, 'open');
});

test('an overloaded server is left alone for five seconds at least, and for as long as it says', async (t) => {
  const { server, pass } = await opened(t);
  server.script('connection.open', () => { throw refusal('limit.count', { retryAfterMs: 9_000 }); });
  await server.last.drop(4003);
  await pass(5_000);
  assert.equal(server.connections.length, 1);
  // Each time a little longer, at random: 0.1 to 0.5 s, then 0.2 to 1 s.
  await pass(500);
  assert.equal(server.connections.length, 2);
  await pass(8_700);
  assert.equal(server.connections.length, 2);
  await pass(1_300);
  assert.equal(server.connections.length, 3);
});

test('a handshake that nobody answers is given up', async (t) => {
  const server = new ScriptedServer();
  server.isUp = 'silent';
  const { client, pass } = await opened(t, { server });
  await pass(10_000);
  assert.equal(client.state.phase, 'waiting');
});

test('the token is replaced a minute before it expires, on the same connection, again and again', async (t) => {
  const { server, pass, asked } = await opened(t);
  const refreshes = () => params(server, 'connection.refresh').filter(({ token }) => token !== 'token 1').length;
  await pass(HOUR_MS - 61_000);
  assert.equal(refreshes(), 0);
  await pass(1_000);
  assert.deepEqual([refreshes(), asked, server.connections.length], [1, [false, true], 1]);
  await pass(HOUR_MS - 60_000);
  assert.deepEqual(asked, [false, true, true]);
});

test('a token that cannot be replaced just now is tried for again, and no timer of a browser is too short for one', async (t) => {
  const server = new ScriptedServer();
  const days = (count) => new Date(Date.now() + count * 86_400_000).toISOString();
  server.script('connection.open', () => ({ connectionId: 'c', pingIntervalMs: 1e9, expiresAt: days(40) }));
  let asked = 0;
  const { pass } = await opened(t, { server, token: () => ((asked += 1) === 2 ? Promise.reject(new Error('away')) : 'token') });
  const limit = t.mock.method(globalThis, 'setTimeout');
  await pass(1_000);
  assert.equal(asked, 1);
  for (let day = 0; day < 40; day += 1) {
    t.mock.timers.tick(86_400_000);
    await settled();
  }
  assert.equal(asked, 2);
  await pass(5_000);
  assert.equal(asked, 3);
  assert.ok(limit.mock.calls.every(({ arguments: [, ms] }) => ms < 2 ** 31));
});

test('by a clock that is ahead of the server\'s a good token looks old, and is not replaced every moment', async (t) => {
  const server = new ScriptedServer();
  const past = () => ({ connectionId: 'c', pingIntervalMs: 1e9, expiresAt: new Date(Date.now() - HOUR_MS).toISOString() });
  server.script('connection.open', past);
  server.script('connection.refresh', past);
  const { pass, asked } = await opened(t, { server });
  await pass(61_000);
  assert.deepEqual(asked, [false, true, true]);
});

test('a silent connection is asked, and taken for dead if it does not answer', async (t) => {
  const { client, server, pass } = await opened(t);
  await pass(25_000);
  assert.deepEqual(params(server, 'connection.refresh'), [{ token: 'token 1' }]);
  await pass(24_000);
  assert.deepEqual([client.state.phase, server.connections.length], ['open', 1], 'it answered');
  server.hold('connection.refresh');
  await pass(31_500);
  assert.equal(server.connections.length, 2);
});

test('a refusal is a sign of life', async (t) => {
  const { server, pass } = await opened(t);
  server.script('connection.refresh', () => { throw refusal('limit.rate'); });
  await pass(60_000);
  assert.equal(server.connections.length, 1);
});

test('a connection that was replaced or closed is not listened to any more', async (t) => {
  const { client, server, pass } = await opened(t);
  const heard = [];
  client.on('presence.changed', () => heard.push('late'));
  const old = server.last;
  await old.drop();
  await pass(500);
  old.readyState = 1;
  await old.tell('presence.changed', {});
  old.onclose({ code: 4501 });
  assert.deepEqual([heard, client.state.phase], [[], 'open']);
  client.close();
  await pass(HOUR_MS);
  assert.deepEqual([server.connections.length, client.state.phase], [2, 'closed']);
  await assert.rejects(client.request('room.history', { roomId: 'r' }), { code: 'closed' });
});

test('a machine that wakes up does not wait any longer, and one that was closed does not wake', async (t) => {
  const wake = new EventTarget();
  for (const name of ['addEventListener', 'removeEventListener']) {
    globalThis[name] = (...parameters) => wake[name](...parameters);
    t.after(() => delete globalThis[name]);
  }
  const { client, server, pass } = await opened(t);
  t.mock.method(Math, 'random', () => 1);
  await server.last.drop();
  wake.dispatchEvent(new Event('online'));
  await settled();
  assert.equal(server.connections.length, 2);
  await pass(1_000);
  wake.dispatchEvent(new Event('pageshow'));
  await settled();
  assert.equal(params(server, 'connection.refresh').length, 1, 'what may be dead is asked at once');
  server.hold('connection.refresh');
  wake.dispatchEvent(new Event('online'));
  wake.dispatchEvent(new Event('pageshow'));
  await settled();
  assert.equal(params(server, 'connection.refresh').length, 2, 'and once at a time');
  client.close();
  wake.dispatchEvent(new Event('online'));
  await settled();
  assert.equal(server.connections.length, 2);
});
