import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createCalls } from '../js/model/calls.js';
import { watchIdleness } from '../js/model/idle.js';
import { createPresence } from '../js/model/presence.js';
import { createRooms } from '../js/model/rooms.js';
import { createNotices } from '../js/notices.js';
import { ApiDouble, SocketDouble, settled, withGlobals } from './stand-in.js';

const joined = (patch = {}) => ({ name: 'Lobby', members: [], memberCount: 0, messages: [], seq: 0, recovered: true, more: false, ...patch });

test('all pages of rooms are read and listed by name', async () => {
  const api = new ApiDouble();
  api.answers.set('GET /v1/rooms', { items: [{ id: '2', name: 'Support' }], next: 'a b' });
  api.answers.set('GET /v1/rooms?cursor=a%20b', { items: [{ id: '1', name: 'Lobby' }], next: null });
  const rooms = createRooms({ api, socket: new SocketDouble() });
  await rooms.load();
  assert.deepEqual(rooms.list.get().items.map(({ name }) => name), ['Lobby', 'Support']);
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

/** Calls without devices: joining them needs none. */
function calling(t) {
  const media = { addTrack() {}, removeTrack() {}, getTracks: () => [] };
  withGlobals(t, { navigator: {}, window: {}, MediaStream: function MediaStream() { return media; } });
  const socket = new SocketDouble();
  const told = [];
  const rooms = createRooms({ api: new ApiDouble(), socket });
  const calls = createCalls({ socket, rooms, user: { id: 'me' }, notices: { tell: (text) => told.push(text), warn: (text) => told.push(text) } });
  return { socket, rooms, calls, told, incoming: { callId: 'c', roomId: 'r', from: 'ben', name: 'Ben', media: 'audio' } };
}

test('a call that rings is taken, and its room and media are joined', async (t) => {
  const { socket, calls, incoming } = calling(t);
  await socket.emit('call.incoming', incoming);
  assert.equal(calls.state.get().incoming.name, 'Ben');
  const accepted = calls.accept();
  await socket.answer('call.accept', { roomId: 'r' });
  assert.equal(await accepted, 'r');
  assert.equal(calls.state.get().incoming, null);
  await socket.answer('room.join', joined());
  assert.ok(socket.methods.includes('media.join'));
  await socket.answer('media.join', { state: { route: 'peerToPeer', revision: 1, participants: [{ connectionId: 'me', userId: 'me', name: 'Me' }] }, iceServers: [] });
  assert.equal(calls.state.get().active.roomId, 'r');
  const left = calls.hangUp();
  assert.equal(calls.state.get().active, null);
  // The other side is told.
  await socket.answer('call.hangUp', {});
  await left;
});

test('a call in a room that was opened before there was a connection is joined with the connection, and not hung up', async (t) => {
  const { socket, rooms, calls, told, incoming } = calling(t);
  rooms.hold('r', 'view');
  await socket.refuse('room.join', 'offline');
  await socket.emit('call.incoming', incoming);
  calls.accept();
  await socket.answer('call.accept', { roomId: 'r' });
  assert.equal(socket.methods.includes('media.join'), false, 'one is not in the room yet');
  await socket.open();
  await socket.answer('room.join', joined());
  assert.ok(socket.methods.includes('media.join'));
  assert.equal(socket.methods.includes('call.resume'), false, 'the call began by this connection');
  assert.equal(calls.state.get().active.roomId, 'r');

  await socket.refuse('media.join', 'offline');
  await socket.open({ connectionId: 'second' });
  await socket.answer('room.join', joined());
  await socket.answer('call.resume', { connectionId: null, answeredAt: '' });
  assert.deepEqual(socket.requests.filter(([method]) => method === 'media.join').length, 2, 'the next connection enters');
  assert.equal(socket.methods.includes('call.hangUp'), false);
  assert.deepEqual(told, ['Microphone and camera need https, or localhost.']);
});

test('what rings before the rooms are joined goes on ringing', async (t) => {
  const { socket, calls, incoming } = calling(t);
  await socket.emit('call.incoming', incoming);
  await socket.open();
  assert.equal(calls.state.get().incoming.callId, 'c');
  assert.equal(socket.methods.includes('call.resume'), false);
});

test('a call that ends before it is taken says who and why', async (t) => {
  const { socket, calls, told, incoming } = calling(t);
  await socket.emit('call.incoming', incoming);
  await socket.emit('call.ended', { callId: 'another', reason: 'cancelled' });
  assert.ok(calls.state.get().incoming, 'another call is another');
  await socket.emit('call.ended', { callId: 'c', reason: 'cancelled' });
  assert.deepEqual([calls.state.get().incoming, told], [null, ['Ben: The caller gave up.']]);
});

test('ringing that was given up before its answer is cancelled when the answer comes', async (t) => {
  const { socket, calls } = calling(t);
  const ringing = calls.ringUser({ roomId: 'r', userId: 'ben', name: 'Ben' });
  await settled();
  calls.cancel();
  await socket.answer('call.ring', { callId: 'c' });
  assert.deepEqual(socket.requests.at(-1), ['call.cancel', { callId: 'c' }]);
  await socket.answer('call.cancel', {});
  await ringing;
});

test('a ring that is refused says so, and one does not ring twice at once', async (t) => {
  const { socket, calls, told } = calling(t);
  calls.ringUser({ roomId: 'r', userId: 'ben', name: 'Ben' });
  calls.ringUser({ roomId: 'r', userId: 'cleo', name: 'Cleo' });
  await settled();
  assert.equal(socket.methods.filter((method) => method === 'call.ring').length, 1);
  await socket.refuse('call.ring', 'call.unreachable');
  assert.deepEqual([calls.state.get().outgoing, told], [null, ['Ben: Not reachable: no device is connected.']]);
});

/** What the server says to whoever comes back into a call that rings. */
const ringing = { callId: 'c', roomId: 'r', media: 'video', isCaller: true, with: 'cleo', name: 'Cleo', connectionId: null, startedAt: '', answeredAt: null, ringTimeMs: 9_000, iceServers: [] };

test('ringing goes on by another connection', async (t) => {
  const { socket, calls, told, incoming } = calling(t);
  await socket.open({ connectionId: 'first' });
  await socket.emit('call.incoming', { ...incoming, callId: 'b' });
  calls.ringUser({ roomId: 'r', userId: 'cleo', name: 'Cleo' });
  await settled();
  await socket.answer('call.ring', { callId: 'c' });
  await socket.open({ connectionId: 'second' });
  const resumed = socket.requests.filter(([method]) => method === 'call.resume');
  assert.deepEqual(resumed.map(([, params]) => params), [{ callId: 'b', connectionId: 'first' }, { callId: 'c', connectionId: 'first' }]);
  await socket.refuse('call.resume', 'call.over');
  await socket.answer('call.resume', ringing);
  const { incoming: over, outgoing } = calls.state.get();
  assert.deepEqual([over, outgoing?.callId, told], [null, 'c', []], 'one was over, the other rings on');
  await socket.open({ connectionId: 'third' });
  assert.deepEqual(socket.requests.at(-1), ['call.resume', { callId: 'c', connectionId: 'second' }]);
  await socket.answer('call.resume', { ...ringing, answeredAt: '2026-11-22T10:00:00Z', connectionId: 'hers', ringTimeMs: null });
  assert.equal(calls.state.get().outgoing, null);
  assert.equal(calls.state.get().active.roomId, 'r', 'it was answered meanwhile');
});

test('a ring whose call is not known yet does not survive a lost connection', async (t) => {
  const { socket, calls, told } = calling(t);
  await socket.open({ connectionId: 'first' });
  calls.ringUser({ roomId: 'r', userId: 'cleo', name: 'Cleo' });
  await settled();
  await socket.open({ connectionId: 'second' });
  assert.deepEqual([calls.state.get().outgoing, told], [null, ['Cleo: The other side lost its connection.']]);
});

test('a call goes on by another connection with its media, and is hung up by it', async (t) => {
  const { socket, calls, incoming } = calling(t);
  await socket.open({ connectionId: 'me' });
  await socket.emit('call.incoming', incoming);
  const accepted = calls.accept();
  await socket.answer('call.accept', { roomId: 'r' });
  await accepted;
  await socket.answer('room.join', joined());
  const alone = { route: 'peerToPeer', revision: 1, participants: [{ connectionId: 'me', userId: 'me', name: 'Me' }] };
  await socket.answer('media.join', { state: alone, iceServers: [], resumed: false });
  await socket.open({ connectionId: 'me again' });
  assert.deepEqual(socket.requests.find(([method]) => method === 'call.resume'), ['call.resume', { callId: 'c', connectionId: 'me' }]);
  const said = { muted: true, cameraOff: true, sharing: false, handRaised: false, speaking: false, onHold: false };
  await socket.answer('call.resume', { ...ringing, isCaller: false, connectionId: 'ben', answeredAt: '2026-11-22T10:00:00Z' });
  assert.deepEqual(socket.requests.filter(([method]) => method === 'media.join').at(-1)[1], { roomId: 'r', previousConnectionId: 'me', state: said });
  assert.ok(calls.state.get().active);
  calls.hangUp();
  assert.deepEqual(socket.requests.at(-1), ['call.hangUp', { callId: 'c' }]);
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

test('who is in a call that was rung rings others into it, and sees who is rung', async (t) => {
  const { socket, calls, told, incoming } = calling(t);
  await socket.emit('call.incoming', incoming);
  const accepted = calls.accept();
  await socket.answer('call.accept', { roomId: 'r' });
  await accepted;
  calls.ringUser({ roomId: 'r', userId: 'cleo', name: 'Cleo' });
  assert.deepEqual(socket.requests.findLast(([method]) => method.startsWith('call.')), ['call.invite', { callId: 'c', userId: 'cleo' }]);
  const party = (userId, state, reason = null) => ({ userId, name: userId, state, reason, connectionId: null, invitedBy: 'ben' });
  await socket.emit('call.changed', { callId: 'c', revision: 1, parties: [party('ben', 'joined'), party('me', 'joined'), party('cleo', 'ringing')] });
  assert.deepEqual(calls.state.get().active.ringing.map(({ userId }) => userId), ['cleo']);
  await socket.emit('call.changed', { callId: 'c', revision: 2, parties: [party('ben', 'joined'), party('me', 'joined'), party('cleo', 'left', 'rejected')] });
  assert.deepEqual(told.at(-1), 'cleo: Call declined.');
  assert.deepEqual(calls.state.get().active.ringing, []);
  calls.transfer({ userId: 'dora', name: 'Dora' });
  assert.deepEqual(socket.requests.findLast(([method]) => method.startsWith('call.')), ['call.transfer', { callId: 'c', userId: 'dora' }]);
  await socket.emit('call.ended', { callId: 'c', reason: 'transferred' });
  assert.equal(calls.state.get().active, null);
});

/** In a call that Ben rang, and the session of its room. */
async function talking(t) {
  const made = calling(t);
  const { socket, calls, incoming } = made;
  await socket.emit('call.incoming', incoming);
  const accepted = calls.accept();
  await socket.answer('call.accept', { roomId: 'r' });
  await accepted;
  await socket.answer('room.join', joined());
  await socket.answer('media.join', { state: { route: 'server', revision: 1, participants: [{ connectionId: 'me', userId: 'me', name: 'Me' }] }, iceServers: [] });
  return made;
}

const answered = (socket) => socket.requests.filter(([method]) => method === 'call.answerTransfer').map(([, { isThere }]) => isThere);

const transferring = { callId: 'c', roomId: 'r2', by: 'ben', name: 'Ben', answerTimeMs: 20_000 };

test('who is handed over to another room goes there, and is out of the call once somebody is met there', async (t) => {
  const { socket, calls } = await talking(t);
  await socket.emit('call.transferring', transferring);
  await socket.emit('call.transferring', transferring);
  await socket.answer('room.join', joined());
  const participants = ['me', 'dora'].map((one) => ({ connectionId: one, userId: one, name: one }));
  await socket.answer('media.join', { state: { route: 'server', revision: 7, participants }, iceServers: [] });
  assert.deepEqual(answered(socket), [true], 'once');
  await socket.emit('call.ended', { callId: 'c', reason: 'transferred' });
  await socket.answer('call.answerTransfer', {});
  const { active } = calls.state.get();
  assert.deepEqual([active.roomId, active.isRung, active.others.map(({ userId }) => userId)], ['r2', false, ['dora']]);
  assert.ok(socket.requests.some(([method, params]) => method === 'media.leave' && params.roomId === 'r'), 'the first room is left');
});

/** Handed over to a room, and there, with the answer still to come. */
async function arrived(t) {
  const made = await talking(t);
  const { socket } = made;
  await socket.emit('call.transferring', transferring);
  await socket.answer('room.join', joined());
  const participants = ['me', 'dora'].map((one) => ({ connectionId: one, userId: one, name: one }));
  await socket.answer('media.join', { state: { route: 'server', revision: 7, participants }, iceServers: [] });
  return made;
}

test('what is switched on the way to another room is so there', async (t) => {
  const { socket, calls } = await talking(t);
  await socket.emit('call.transferring', transferring);
  await socket.answer('room.join', joined());
  const entering = socket.requests.findLast(([method]) => method === 'media.join')[1];
  assert.deepEqual([entering.roomId, entering.state.onHold], ['r2', false]);
  calls.toggleHold();
  calls.toggleHand();
  const participants = ['me', 'dora'].map((one) => ({ connectionId: one, userId: one, name: one }));
  await socket.answer('media.join', { state: { route: 'server', revision: 7, participants }, iceServers: [] });
  const { roomId, said } = calls.state.get().active;
  assert.deepEqual([roomId, said.onHold, said.handRaised], ['r2', true, true]);
  const told = () => socket.requests.filter(([method, params]) => method === 'media.update' && params.roomId === 'r2').map(([, params]) => params.state);
  for (let turn = 0; turn < 2 && told().length < 2; turn += 1) await socket.answer('media.update', {});
  assert.deepEqual(Object.assign({}, ...told()), { onHold: true, handRaised: true });
});

test('who is there says so until it is heard, also by another connection', async (t) => {
  const { socket } = await arrived(t);
  await socket.refuse('call.answerTransfer', 'unavailable');
  await socket.emit('call.transferring', transferring);
  await socket.emit('call.transferring', transferring);
  assert.deepEqual(answered(socket), [true, true], 'one at a time');
  await socket.refuse('call.answerTransfer', 'offline');
  await socket.open({ connectionId: 'me again' });
  assert.deepEqual(socket.requests.find(([method]) => method === 'call.resume')[1], { callId: 'c', connectionId: 'me' });
  await socket.answer('call.resume', { connectionId: 'ben', answeredAt: '' });
  assert.deepEqual(answered(socket), [true, true, true]);
  await socket.refuse('call.answerTransfer', 'call.wrongState');
  await socket.refuse('call.hangUp', 'offline');
  await socket.open({ connectionId: 'me at last' });
  await socket.answer('call.resume', { connectionId: 'ben', answeredAt: '' });
  await socket.refuse('call.answerTransfer', 'call.wrongState');
  await socket.answer('call.hangUp', {});
  await socket.open({ connectionId: 'me ever after' });
  assert.equal(answered(socket).length, 4, 'it was heard');
});

test('who is there and has hung up is not said to be there, and of a call that is over nothing is said', async (t) => {
  const { socket, calls } = await arrived(t);
  await socket.refuse('call.answerTransfer', 'offline');
  await calls.hangUp();
  await socket.emit('call.transferring', transferring);
  assert.deepEqual([answered(socket).length, socket.requests.at(-1)], [1, ['call.hangUp', { callId: 'c' }]]);
  await socket.refuse('call.hangUp', 'offline');
  await socket.emit('call.ended', { callId: 'c', reason: 'hungUp' });
  await socket.open({ connectionId: 'me again' });
  assert.equal(socket.methods.includes('call.resume'), false);
});

test('who finds nobody in the room to which they are handed over talks on', async (t) => {
  const { socket, calls } = await talking(t);
  await socket.emit('call.transferring', transferring);
  await socket.answer('room.join', joined());
  await socket.answer('media.join', { state: { route: 'server', revision: 7, participants: [{ connectionId: 'me', userId: 'me', name: 'Me' }] }, iceServers: [] });
  assert.deepEqual(answered(socket), [false]);
  await socket.answer('call.answerTransfer', {});
  assert.deepEqual([calls.state.get().active.roomId, calls.state.get().active.isRung], ['r', true]);
});

test('who is handed over, and meets nobody when the call is over already, is told and not left alone', async (t) => {
  const { socket, calls, told } = await talking(t);
  await socket.emit('call.transferring', transferring);
  await socket.emit('call.ended', { callId: 'c', reason: 'transferred' });
  assert.equal(calls.state.get().active.roomId, 'r', 'it is not known yet what comes of it');
  await socket.refuse('room.join', 'resource.notFound');
  await socket.refuse('call.answerTransfer', 'call.over');
  assert.equal(calls.state.get().active, null);
  assert.equal(told.at(-1), 'The call was handed over to a room where nobody is any more.');
});

test('a call is handed over to a room, and who has not gone there is named; an invitation is taken back', async (t) => {
  const { socket, calls, told } = await talking(t);
  const handing = calls.transferToRoom({ roomId: 'r2', name: 'Support' });
  await socket.answer('call.transferToRoom', { callId: 'c', answerTimeMs: 20_000 });
  await handing;
  assert.equal(told.at(-1), 'Handing the call over to Support…');
  await socket.emit('call.transferFailed', { callId: 'c', roomId: 'r2', userId: 'ben' });
  assert.equal(told.at(-1), 'Ben has not gone there and is still in the call.');
  calls.withdraw({ userId: 'cleo', name: 'Cleo' });
  assert.deepEqual(socket.requests.at(-1), ['call.withdraw', { callId: 'c', userId: 'cleo' }]);
});
