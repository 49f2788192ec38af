import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Client } from '../src/index.js';
import { Place } from './place.js';
import { refusal, settled } from './scripted.js';
import { joined, member, reconnect, said } from './scripted-room.js';

const texts = ({ pending }) => pending.map(({ message, error, storedAs }) => [message.text, error?.code ?? storedAs]);
const seqs = (timeline) => timeline.messages.map(({ seq }) => seq);
const asked = (server, method) => server.last.sent.filter((request) => request.method === method).map(({ params }) => params);

/** A client in the room that keeps what is not stored. */
async function keeping(t, place = new Place(), how = {}) {
  return { place, ...await joined(t, { ...how, keep: () => place.keep() }) };
}

test('what is said is pending until it is told, also while something is missing before it', async (t) => {
  const { server, hub, room, told, pass } = await joined(t);
  let changes = 0;
  room.on('pending', () => (changes += 1));
  server.hold('room.send');
  const sent = room.send('a');
  await settled();
  assert.deepEqual(texts(room), [['a', null]]);
  hub.add('of somebody else');
  await server.answer('room.send', hub.store('own', 'a'));
  assert.equal((await sent).seq, 2);
  assert.deepEqual([told, texts(room)], [['reload'], [['a', 'id-2']]]);
  await pass(2_000);
  assert.deepEqual([told, texts(room)], [['reload', 1, 2], []]);
  assert.ok(changes >= 3);
});

test('what was stored before a reload is not pending for ever', async (t) => {
  const { server, hub, room, told } = await joined(t);
  server.hold('room.send');
  room.send('a');
  await settled();
  for (let each = 0; each < 60; each += 1) hub.add();
  const answer = hub.store('own', 'a');
  for (let each = 0; each < 60; each += 1) hub.add();
  await server.answer('room.send', answer);
  assert.deepEqual(texts(room), [['a', 'id-61']]);
  await server.last.tell('connection.reload', { sequence: { kind: 'room', roomId: 'r' } });
  assert.deepEqual([told.at(-1).startsWith('reload 72 '), texts(room)], [true, []]);
});

test('without a place what is refused is over; with one it stays with its reason until it is tried again or discarded', async (t) => {
  const { server, hub, room, place } = await keeping(t);
  const refuses = ({ clientId, text }) => {
    if (text !== 'good') throw refusal('room.muted');
    return hub.store(clientId, text);
  };
  server.script('room.send', refuses);
  const refused = ['bad', 'worse'].map((text) => assert.rejects(room.send(text), { code: 'room.muted' }));
  await room.send('good');
  await Promise.all(refused);
  assert.deepEqual(texts(room), [['bad', 'room.muted'], ['worse', 'room.muted']]);
  const [bad, worse] = room.pending.map(({ message }) => message.clientId);
  room.discard(worse);
  server.script('room.send', ({ clientId, text }) => hub.store(clientId, text));
  room.retry(bad);
  await settled();
  assert.deepEqual([hub.log.map(({ text }) => text), texts(room), place.entries], [['good', 'bad'], [], []]);
  room.retry(bad);
  room.discard('nothing of that id');
});

test('without a place what is refused is over', async (t) => {
  const { server, room } = await joined(t);
  server.script('room.send', () => { throw refusal('room.muted'); });
  await assert.rejects(room.send('bad'), { code: 'room.muted' });
  assert.deepEqual(room.pending, []);
});

/** A client on another page of the same user, or on the next one. */
async function another({ server, place }) {
  const client = new Client({ server: 'https://sb.test', token: () => 'token', WebSocket: server.WebSocket, fetch: null, keep: () => place.keep() });
  client.connect();
  const room = client.room('r');
  await settled();
  await settled();
  return { client, room };
}

for (const [what, end] of [['a room is left', ({ room }) => room.leave()], ['the client is closed', ({ client }) => client.close()]]) {
  test(`what waits when ${what} is not refused, and goes out with the next page, once`, async (t) => {
    const parts = await keeping(t);
    const { server, hub, room, place } = parts;
    server.hold('room.send');
    const sent = ['a', 'b'].map((text) => assert.rejects(room.send(text), { code: 'closed' }));
    await settled();
    // The first is stored, and nobody hears of it.
    hub.store(place.entries[0].message.clientId, 'a');
    end(parts);
    await Promise.all(sent);
    assert.deepEqual(place.entries.map(({ message, error }) => [message.text, error]), [['a', null], ['b', null]]);
    server.script('room.send', ({ clientId, text }) => hub.store(clientId, text));
    // The lock of a page that is gone is free.
    const left = Object.assign(new Place(), { entries: place.entries });
    const next = await another({ server, place: left });
    assert.deepEqual([hub.log.map(({ text }) => text), next.room.pending, left.entries], [['a', 'b'], [], []]);
  });
}

test('what an earlier page has left is shown before there is a connection', async (t) => {
  const parts = await keeping(t);
  const { server, room, place } = parts;
  server.isUp = false;
  await server.last.drop();
  room.send('a').catch(() => {});
  await settled();
  const next = await another(parts);
  assert.deepEqual([next.room.status, texts(next.room), place.entries.length], ['joining', [['a', null]], 1]);
});

test('the answer to what was on its way when the room was left is the end of it, also in the place', async (t) => {
  const { server, hub, room, place } = await keeping(t);
  server.hold('room.send');
  room.send('a').catch(() => {});
  await settled();
  const [{ clientId }] = server.waiting('room.send');
  room.leave();
  let changes = 0;
  room.on('pending', () => (changes += 1));
  await server.answer('room.send', hub.store(clientId, 'a'));
  assert.deepEqual([place.entries, changes], [[], 0]);
});

test('what is refused for now after the room was left waits for the next page, and is not tried in a room that was left', async (t) => {
  const { server, room, place, pass } = await keeping(t);
  server.hold('room.send');
  room.send('a').catch(() => {});
  await settled();
  room.leave();
  await server.refuse('room.send', 'limit.rate');
  server.script('room.send', () => { throw refusal('room.notJoined'); });
  await pass(60_000);
  assert.deepEqual(server.last.methods.filter((method) => method === 'room.send'), ['room.send']);
  assert.deepEqual(place.entries.map(({ error }) => error), [null]);
});

test('what was said before the server was killed is stored once when it is back, in every page in order', async (t) => {
  const parts = await keeping(t);
  const { server, hub, room, told, pass } = parts;
  server.hold('room.send');
  for (const text of ['a', 'b']) room.send(text).catch(() => {});
  await settled();
  hub.store(server.waiting('room.send')[0].clientId, 'a');
  server.isUp = false;
  await server.last.drop();
  room.send('c').catch(() => {});
  await pass(30_000);
  assert.deepEqual(texts(room), [['a', null], ['b', null], ['c', null]]);
  server.script('room.send', ({ clientId, text }) => hub.store(clientId, text));
  server.isUp = true;
  await pass(30_000);
  assert.deepEqual([hub.log.map(({ text }) => text), told, room.pending], [['a', 'b', 'c'], ['reload', 1, 2, 3], []]);
});

test('what one page discards or refuses is so in the others at once', async (t) => {
  const parts = await keeping(t);
  const { server, room } = parts;
  server.script('room.send', () => { throw refusal('room.muted'); });
  const other = await another(parts);
  room.send('a').catch(() => {});
  await settled();
  assert.deepEqual([texts(room), texts(other.room)], [[['a', 'room.muted']], [['a', 'room.muted']]]);
  other.room.discard(other.room.pending[0].message.clientId);
  await settled();
  assert.deepEqual(texts(room), []);
  other.room.leave();
  room.send('b').catch(() => {});
  await settled();
  assert.deepEqual(texts(other.room), [], 'who has left does not look');
});

test('what is said in a room that cannot be entered waits with its reason, and trying again enters it', async (t) => {
  const { server, hub, room } = await keeping(t, new Place(), { prepare: (hub, server) => server.script('room.join', () => { throw refusal('room.banned'); }) });
  assert.deepEqual([room.status, room.error.code], ['failed', 'room.banned']);
  await assert.rejects(room.send('a'), { code: 'room.notJoined' });
  assert.deepEqual(texts(room), [['a', 'room.notJoined']]);
  room.retry(room.pending[0].message.clientId);
  await settled();
  assert.deepEqual(texts(room), [['a', 'room.banned']], 'still banned');
  server.script('room.join', ({ after }) => hub.join(after));
  room.retry(room.pending[0].message.clientId);
  await settled();
  assert.deepEqual([room.status, room.error, hub.log.map(({ text }) => text), room.pending], ['joined', null, ['a'], []]);
});

test('who is taken out of a room knows why, and of nobody there any more', async (t) => {
  const { server, room } = await keeping(t, new Place(), { prepare: (hub, server) => {
    hub.members = [member('a')];
    server.script('room.join', () => ({ ...hub.join(), media: { revision: 1, participants: [], route: 'server' } }));
  } });
  server.hold('room.send');
  const sent = assert.rejects(room.send('a'), { code: 'room.removed.banned' });
  await server.last.tell('room.typing', { roomId: 'r', connectionId: 'a', userId: 'a', typing: true });
  await server.last.tell('room.removed', { roomId: 'r', reason: 'banned' });
  await sent;
  assert.deepEqual([room.status, room.error.code, texts(room)], ['failed', 'room.removed.banned', [['a', 'room.removed.banned']]]);
  assert.deepEqual([room.members.size, room.memberCount, room.membersComplete, room.media, room.typing], [0, 0, false, null, []]);
  await assert.rejects(room.entered(), { code: 'room.removed.banned' });
});

test('who types is known by name, until they stop, say something, go, or are silent for six seconds', async (t) => {
  const { server, hub, room, pass } = await joined(t, { prepare: (hub) => (hub.members = ['ada', 'ben'].map(member)) });
  const heard = [];
  room.on('typing', ({ typing }) => heard.push(typing.map(({ name }) => name).join()));
  const types = (connectionId, typing = true) => server.last.tell('room.typing', { roomId: 'r', connectionId, userId: connectionId, typing });
  await types('ada');
  await types('ben');
  await types('stranger');
  assert.deepEqual(room.typing.map(({ userId, name }) => [userId, name]), [['ada', 'ada'], ['ben', 'ben'], ['stranger', null]]);
  await types('stranger', false);
  await hub.say('by ada');
  await pass(5_000);
  await types('ben');
  await pass(5_000);
  assert.deepEqual(room.typing.map(({ userId }) => userId), ['ben'], 'they said so again');
  await pass(1_500);
  assert.deepEqual(room.typing, []);
  await types('ben');
  await server.last.tell('room.memberLeft', { roomId: 'r', connectionId: 'ben', userId: 'ben' });
  assert.deepEqual(heard, ['ada', 'ada,ben', 'ada,ben,', 'ada,ben', 'ben', 'ben', '', 'ben', '']);
});

test('that all was read is said once for each message, again if that failed, and not of changes', async (t) => {
  const { server, hub, room } = await joined(t, { said: 2 });
  server.script('room.read', () => { throw refusal('unavailable'); });
  assert.equal(room.read(), true);
  await settled();
  server.script('room.read', ({ seq }) => ({ seq }));
  assert.deepEqual([room.read(), room.read()], [true, false]);
  await server.last.tell('room.messageChanged', { roomId: 'r', seq: 3, message: said(1, 'edited') });
  assert.equal(room.read(), false);
  hub.log.push(said(1));
  await hub.say();
  assert.equal(room.read(), true);
  await settled();
  assert.deepEqual(asked(server, 'room.read').map(({ seq }) => seq), [2, 2, 4]);
  hub.add();
  room.leave();
  assert.equal(room.read(), false);
});

test('messages are edited, deleted and reacted to', async (t) => {
  const { server, room } = await joined(t, { said: 1 });
  for (const method of ['room.edit', 'room.delete', 'room.react']) server.script(method, () => ({ messageSeq: 1, seq: 2 }));
  await Promise.all([room.edit(1, 'b'), room.delete(1), room.react(1, '👍'), room.react(1, '👍', false)]);
  assert.deepEqual(server.last.sent.slice(-4).map(({ method, params }) => [method, params]), [
    ['room.edit', { roomId: 'r', messageSeq: 1, text: 'b' }], ['room.delete', { roomId: 'r', messageSeq: 1 }],
    ['room.react', { roomId: 'r', messageSeq: 1, emoji: '👍', on: true }], ['room.react', { roomId: 'r', messageSeq: 1, emoji: '👍', on: false }]]);
  server.script('room.edit', () => { throw refusal('room.muted'); });
  await assert.rejects(room.edit(1, 'c'), { code: 'room.muted' });
});

test('who waits for a room is told when it is entered, however long that takes, or that it cannot be', async (t) => {
  const { client, server, room, pass } = await joined(t);
  await room.entered();
  server.isUp = false;
  await server.last.drop();
  await room.entered();
  const later = client.room('later');
  const entered = [];
  later.entered().then(() => entered.push('later'));
  await pass(60_000);
  assert.deepEqual(entered, []);
  server.isUp = true;
  await pass(30_000);
  assert.deepEqual(entered, ['later']);
  server.script('room.join', () => { throw refusal('auth.forbidden'); });
  await assert.rejects(client.room('forbidden').entered(), { code: 'auth.forbidden' });
  server.hold('room.join');
  const left = client.room('left');
  const refused = assert.rejects(left.entered(), { code: 'closed' });
  left.leave();
  await refused;
  await assert.rejects(left.entered(), { code: 'closed' });
});

test('what was said while one was away is told apart from what has just been said', async (t) => {
  const parts = await joined(t, { said: 1 });
  const { hub, room, pass } = parts;
  const news = [];
  room.on('message', ({ seq }) => news.push([seq, room.isCatchingUp]));
  await hub.say();
  await reconnect(parts, () => hub.add());
  await hub.say();
  // One of them is lost on the way, and made up for.
  hub.add();
  await hub.say();
  await pass(2_000);
  assert.deepEqual(news, [[2, false], [3, true], [4, false], [5, false], [6, false]]);
});

test('a timeline is the messages as they are by now, and each change of it another list', async (t) => {
  const { server, hub, room } = await joined(t, { prepare: (hub) => hub.log.push(said(1), { ...said(2), replyTo: 1 }) });
  const timeline = room.timeline();
  assert.equal(room.timeline(), timeline);
  await settled();
  assert.deepEqual([seqs(timeline), timeline.complete], [[1, 2], true], 'also where the room was joined already');
  const lists = [];
  timeline.on('changed', ({ messages }) => lists.push(messages));
  const before = timeline.messages;
  assert.equal(timeline.messages, before, 'what has not changed is the same');
  await server.last.tell('room.messageChanged', { roomId: 'r', seq: 3, message: said(1, 'edited') });
  assert.deepEqual([timeline.messages[0].text, lists.length, before[0].text], ['edited', 1, 'm1']);
  assert.notEqual(timeline.messages[1], before[1], 'it answers what has changed');
  await server.last.tell('room.messageChanged', { roomId: 'r', seq: 4, message: said(900, 'not here') });
  assert.equal(lists.length, 1);
  hub.log.push(said(3), said(4));
  await hub.say();
  assert.deepEqual(seqs(timeline), [1, 2, 5]);
});

test('a timeline goes on after a loss, and begins anew where that is not possible', async (t) => {
  const parts = await joined(t, { said: 60 });
  const { hub, room } = parts;
  const timeline = room.timeline();
  await settled();
  assert.deepEqual([timeline.messages.length, timeline.messages[0].seq, timeline.complete], [50, 11, false]);
  await reconnect(parts, () => hub.add());
  assert.deepEqual([timeline.messages.length, timeline.messages.at(-1).seq], [51, 61]);
  hub.replayable = 3;
  await reconnect(parts, () => { for (let each = 0; each < 70; each += 1) hub.add(); });
  assert.deepEqual([timeline.messages.length, timeline.messages[0].seq], [50, 82]);
});

test('older messages come page by page, as they are by now, once, and until there are none', async (t) => {
  const { server, hub, room } = await joined(t, { said: 60 });
  const timeline = room.timeline();
  await settled();
  const read = timeline.older({ limit: 6 });
  const twice = timeline.older({ limit: 6 });
  // It is changed after the page was read, and told before its answer comes.
  await server.last.tell('room.messageChanged', { roomId: 'r', seq: 61, message: said(7, 'edited') });
  const page = { messages: hub.log.slice(4, 10), more: true };
  assert.deepEqual(server.waiting('room.history')[0], { roomId: 'r', before: 11, limit: 6 });
  await server.answer('room.history', page);
  await server.answer('room.history', page);
  await Promise.all([read, twice]);
  assert.deepEqual([seqs(timeline).slice(0, 8), timeline.messages[2].text], [[5, 6, 7, 8, 9, 10, 11, 12], 'edited']);
  const rest = timeline.older();
  await server.answer('room.history', { messages: hub.log.slice(0, 4), more: false });
  await rest;
  await timeline.older();
  assert.deepEqual([timeline.messages.length, timeline.complete, asked(server, 'room.history').length], [60, true, 3]);
});

test('a page of older messages that cannot be read changes nothing, and one that comes too late neither', async (t) => {
  const { server, hub, room } = await joined(t, { said: 60 });
  const timeline = room.timeline();
  await settled();
  const refused = assert.rejects(timeline.older(), { code: 'limit.rate' });
  await server.refuse('room.history', 'limit.rate');
  await refused;
  const late = timeline.older();
  hub.add();
  await server.last.tell('connection.reload', { sequence: { kind: 'room', roomId: 'r' } });
  await server.answer('room.history', { messages: hub.log.slice(0, 10), more: false });
  await late;
  assert.deepEqual([timeline.messages.length, timeline.messages[0].seq, timeline.complete], [50, 12, false]);
});

test('ten thousand messages that were missed are shown in one go', async (t) => {
  const parts = await joined(t, { said: 1 });
  const { hub, room } = parts;
  hub.replayable = hub.pageSize = 20_000;
  const timeline = room.timeline();
  await settled();
  let changes = 0;
  timeline.on('changed', () => (changes += 1));
  await reconnect(parts, () => { for (let each = 0; each < 10_000; each += 1) hub.add(); });
  assert.deepEqual([timeline.messages.length, changes], [10_001, 1]);
});
