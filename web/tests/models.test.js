import assert from 'node:assert/strict';
import { test } from 'node:test';
import { watchIdleness } from '../js/model/idle.js';
import { createPresence } from '../js/model/presence.js';
import { createRooms } from '../js/model/rooms.js';
import { createNotices } from '../js/notices.js';
import { joined } from './calling.js';
import { ApiDouble, SocketDouble, settled, withGlobals } from './stand-in.js';

test('all pages of rooms are read and listed by name', async () => {
  const api = new ApiDouble();
  api.answers.set('GET /v1/rooms', { items: [{ id: '2', name: 'Support' }], next: 'a b' });
  api.answers.set('GET /v1/rooms?cursor=a%20b', { items: [{ id: '1', name: 'Lobby' }], next: null });
  const rooms = createRooms({ api, socket: new SocketDouble() });
  await rooms.load();
  assert.deepEqual(rooms.list.get().items.map(({ name }) => name), ['Lobby', 'Support']);
});

test('a list that was asked for before a room was made does not take it away, and none comes after a newer one', async () => {
  const api = new ApiDouble();
  const rooms = createRooms({ api, socket: new SocketDouble() });
  const names = () => rooms.list.get().items.map(({ name }) => name);
  let answer;
  api.answers.set('GET /v1/rooms', new Promise((resolve) => (answer = resolve)));
  const loaded = rooms.load();
  api.answers.set('POST /v1/rooms', { id: '2', name: 'Support' });
  await rooms.create('Support', false);
  const again = rooms.load();
  assert.equal(api.requests.filter(({ method }) => method === 'GET').length, 1, 'one at a time');
  api.answers.set('GET /v1/rooms', { items: [{ id: '1', name: 'Foyer' }, { id: '2', name: 'Help' }], next: null });
  rooms.list.subscribe(() => assert.ok(rooms.list.get().items.some(({ id }) => id === '2')));
  answer({ items: [{ id: '1', name: 'Lobby' }], next: null });
  await Promise.all([loaded, again]);
  assert.deepEqual(names(), ['Foyer', 'Help']);
});

test('a room is joined once for all who look at it, and left when the last one lets go', async () => {
  const socket = new SocketDouble();
  const rooms = createRooms({ api: new ApiDouble(), socket });
  const viewed = rooms.hold('r', 'view');
  assert.equal(rooms.hold('r', 'call'), viewed);
  await socket.answer('room.join', joined());
  rooms.release('r', 'view');
  assert.deepEqual(socket.methods, ['room.join']);
  rooms.release('r', 'call');
  assert.deepEqual(socket.methods, ['room.join', 'room.leave']);
});

test('every room hears its own events alone, and is read anew when it is told to', async () => {
  const socket = new SocketDouble();
  const rooms = createRooms({ api: new ApiDouble(), socket });
  const [a, b] = ['a', 'b'].map((id) => rooms.hold(id, 'view'));
  await socket.answer('room.join', joined());
  await socket.answer('room.join', joined());
  await socket.emit('room.message', { roomId: 'b', message: { id: 'm', seq: 1, userId: 'u', name: 'U', text: '', createdAt: '' } });
  assert.deepEqual([a, b].map(({ state }) => state.get().messages.length), [0, 1]);
  await socket.emit('connection.reload', { sequence: { kind: 'room', roomId: 'a' } });
  assert.deepEqual(socket.requests.at(-1), ['room.join', { roomId: 'a', after: undefined }]);
});

test('who is connected is read page by page, and what is told meanwhile is newer', async () => {
  const socket = new SocketDouble();
  const api = new ApiDouble();
  api.answers.set('GET /v1/users', { items: [{ id: 'z', name: 'Zoe' }] });
  const presence = createPresence({ api, socket });
  await socket.open();
  await socket.answer('presence.subscribe', { users: [{ userId: 'a', name: 'Ada' }], more: true });
  assert.deepEqual(socket.requests.at(-1)[1], { after: 'a' });
  await socket.emit('presence.changed', { online: [], offline: ['a'], complete: true });
  await socket.answer('presence.subscribe', { users: [{ userId: 'b', name: 'Ben' }], more: false });
  assert.deepEqual([...presence.state.get().online], ['b']);
  assert.deepEqual(['a', 'b', 'z', 'nobody'].map(presence.nameOf), ['Ada', 'Ben', 'Zoe', undefined]);
});

test('who leaves the page alone is away until they come back, unless they have said how they are', async () => {
  const socket = new SocketDouble();
  const presence = createPresence({ api: new ApiDouble(), socket });
  await socket.open();
  await socket.answer('presence.subscribe', { users: [{ userId: 'b', name: 'Ben', status: 'inCall' }], onlineCount: 1, more: false });
  assert.equal(presence.state.get().statuses.get('b'), 'inCall');
  await socket.emit('presence.changed', { online: [{ userId: 'b', name: 'Ben', status: 'away' }], offline: [], onlineCount: 1, complete: true });
  assert.equal(presence.state.get().statuses.get('b'), 'away');
  const said = () => socket.requests.filter(([method]) => method === 'presence.set').map(([, { status }]) => status);
  presence.setIdle(true);
  presence.setIdle(false);
  presence.choose('busy');
  presence.setIdle(true);
  presence.setIdle(false);
  presence.choose('online');
  assert.deepEqual(said(), ['away', 'online', 'busy', 'online']);
});

test('a page is left alone after five minutes without a sign, and looked at again with the next', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout', 'Date'] });
  const signs = new EventTarget();
  withGlobals(t, { document: Object.assign(signs, { visibilityState: 'visible' }) });
  const told = [];
  watchIdleness((idle) => told.push(idle));
  t.mock.timers.tick(299_000);
  signs.dispatchEvent(new Event('keydown'));
  t.mock.timers.tick(299_000);
  assert.deepEqual(told, []);
  t.mock.timers.tick(2_000);
  assert.deepEqual(told, [true]);
  signs.dispatchEvent(new Event('pointermove'));
  assert.deepEqual(told, [true, false]);
});

test('a change that was not told in full is read again after a while', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const socket = new SocketDouble();
  createPresence({ api: new ApiDouble(), socket });
  await socket.emit('presence.changed', { online: [], offline: [], complete: false });
  assert.deepEqual(socket.methods, []);
  t.mock.timers.tick(5_000);
  assert.deepEqual(socket.methods, ['presence.subscribe']);
});

test('a notice goes by itself, the same text stands once, and the oldest makes room', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const notices = createNotices();
  const texts = () => notices.state.get().items.map(({ text }) => text);
  notices.tell('a');
  t.mock.timers.tick(3_000);
  ['b', 'c', 'd', 'b', 'e'].forEach((text) => notices.warn(text));
  assert.deepEqual(texts(), ['c', 'd', 'b', 'e']);
  notices.dismiss(notices.state.get().items[0].id);
  assert.deepEqual(texts(), ['d', 'b', 'e']);
  t.mock.timers.tick(6_000);
  assert.deepEqual(texts(), []);
});

test('what is told to be unread is in the list until it is read, also of rooms that are not joined', async () => {
  const [socket, api] = [new SocketDouble(), new ApiDouble()];
  const listed = (patch = {}) => ({ id: 'r', name: 'Lobby', lastSeq: 2, read: { seq: 0, unread: 2, mentions: 0 }, ...patch });
  api.answers.set('GET /v1/rooms', { items: [listed(), { id: 's', name: 'Side', lastSeq: 0 }], next: null });
  const rooms = createRooms({ api, socket });
  await socket.open();
  await socket.answer('rooms.subscribe', {});
  const read = (id = 'r') => rooms.list.get().items.find((room) => room.id === id).read;
  assert.equal(read().unread, 2);
  const tell = (roomId, lastSeq, read) => socket.emit('rooms.unreadChanged', { rooms: [{ roomId, lastSeq, read }] });
  await tell('s', 4, { seq: 3, unread: 1, mentions: 1 });
  assert.deepEqual(read('s'), { seq: 3, unread: 1, mentions: 1 });
  await tell('r', 3, { seq: 0, unread: 3, mentions: 0 });
  // A list that was asked for before this was told.
  await rooms.load();
  assert.equal(read().unread, 3);
  api.answers.set('GET /v1/rooms', { items: [listed({ lastSeq: 4, read: { seq: 4, unread: 0, mentions: 0 } })], next: null });
  await rooms.load();
  assert.equal(read().unread, 0, 'the list is newer');

  rooms.hold('r', 'view');
  await socket.answer('room.join', joined({ seq: 4 }));
  await socket.emit('room.message', { roomId: 'r', message: { id: 'm5', seq: 5, userId: 'ada', text: 'x' } });
  await tell('r', 5, { seq: 4, unread: 1, mentions: 0 });
  rooms.read('r');
  assert.deepEqual(socket.requests.at(-1), ['room.read', { roomId: 'r', seq: 5 }]);
  assert.equal(read().unread, 0, 'at once');
  await tell('r', 5, { seq: 4, unread: 1, mentions: 0 });
  assert.equal(read().unread, 0, 'that was counted before');
  await tell('r', 6, { seq: 5, unread: 1, mentions: 0 });
  assert.equal(read().unread, 1);
});

test('who is in a call is known of every room until it is over', async () => {
  const socket = new SocketDouble();
  const rooms = createRooms({ api: new ApiDouble(), socket });
  const tell = (roomId, participantCount) => socket.emit('rooms.callsChanged', { rooms: [{ roomId, participantCount, participants: [] }] });
  await tell('r', 2);
  await tell('s', 1);
  await tell('r', 0);
  assert.deepEqual([...rooms.calls.get().byRoom.keys()], ['s']);
});

/** A list of rooms that is followed, what is told of some of them, and time that passes. */
async function following(t) {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const [api, socket] = [new ApiDouble(), new SocketDouble()];
  api.answers.set('GET /v1/rooms', { items: [], next: null });
  const rooms = createRooms({ api, socket });
  await rooms.load();
  api.requests.length = 0;
  const tell = async (...ids) => {
    await socket.emit('rooms.unreadChanged', { rooms: ids.map((roomId) => ({ roomId, lastSeq: 1, read: { seq: 0, unread: 1, mentions: 0 } })) });
    t.mock.timers.tick(2_000);
    await settled();
  };
  const listed = () => rooms.list.get().items.map(({ id, read }) => `${id} ${read?.unread}`);
  return { api, socket, tell, listed, asked: () => api.requests.splice(0).map(({ path }) => path) };
}

test('a room that is told of and not listed is read by itself, and not at once', async (t) => {
  const { api, socket, tell, listed, asked } = await following(t);
  api.answers.set('GET /v1/rooms/new', { id: 'new', name: 'New', lastSeq: 1, direct: false });
  await socket.emit('rooms.unreadChanged', { rooms: [{ roomId: 'new', lastSeq: 1, read: { seq: 0, unread: 1, mentions: 0 } }] });
  assert.deepEqual(asked(), [], 'all who see it were told at the same time');
  await tell('new');
  assert.deepEqual([listed(), asked()], [['new 1'], ['/v1/rooms/new']]);
  await tell('new', 'new');
  assert.deepEqual(asked(), [], 'it is known');

  // The user is let out of it, and in again.
  await socket.emit('room.removed', { roomId: 'new' });
  assert.deepEqual([listed(), asked()], [[], ['/v1/rooms']]);
  await tell('new');
  assert.deepEqual([listed(), asked()], [['new 1'], ['/v1/rooms/new']]);
});

test('the list is read where many rooms are told of that are not in it, and for direct rooms; none is looked for again and again', async (t) => {
  const { api, tell, listed, asked } = await following(t);
  api.answers.set('GET /v1/rooms', { items: [{ id: 'd', name: 'Ada, Ben', direct: true, with: { userId: 'ben', name: 'Ben' }, lastSeq: 1, read: { seq: 1, unread: 0, mentions: 0 } }], next: null });
  const many = ['a', 'b', 'c', 'e', 'f', 'g'];
  await tell(...many);
  await tell(...many);
  assert.deepEqual(asked(), ['/v1/rooms']);
  api.answers.set('GET /v1/rooms/d2', { id: 'd2', name: 'Ada, Cleo', lastSeq: 1, direct: true });
  await tell('d2');
  await tell('d2');
  assert.deepEqual([listed(), asked()], [['d 0'], ['/v1/rooms/d2', '/v1/rooms']]);
});
