import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createLiveRoom } from '../js/model/live-room.js';
import { SocketDouble, settled } from './stand-in.js';

const message = (seq, text = `m${seq}`) => ({ id: `id-${seq}`, seq, userId: 'ada', name: 'Ada', text, createdAt: '2026-11-20T09:30:00Z' });
const answer = (patch = {}) => ({ name: 'Lobby', members: [], memberCount: 0, messages: [], seq: 0, recovered: true, more: false, ...patch });
const seqs = (live) => live.state.get().messages.map(({ seq }) => seq);

/** A place where what is not stored stays. */
function keep() {
  const entries = new Map();
  return {
    all: async () => [...entries.values()],
    put: async (entry) => entries.set(entry.message.clientId, entry),
    remove: async (clientId) => entries.delete(clientId),
    inTurn: (work) => work(),
  };
}

/** In a room, which hears what is said and changed there. */
async function joined(patch) {
  const socket = new SocketDouble({ keep });
  const live = createLiveRoom({ id: 'r', name: '', client: socket.client });
  await socket.answer('room.join', answer(patch));
  const tell = (event, params) => socket.emit(event, { roomId: 'r', ...params });
  const hear = (message) => tell('room.message', { message });
  const change = (message, seq) => tell('room.messageChanged', { seq, message });
  return { socket, live, room: live.room, tell, hear, change };
}

test('messages stand in the order of their numbers, each once, however they come', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { socket, live, hear } = await joined({ messages: [message(1)], seq: 1 });
  for (const seq of [3, 2, 2, 1, 3, 4]) await hear(message(seq));
  assert.deepEqual(seqs(live), [1, 2, 3, 4]);
  await hear(message(2));
  t.mock.timers.tick(10_000);
  assert.deepEqual(socket.methods, ['room.join'], 'what is known already is no gap');
});

test('a number that stays missing is asked for from where we are, and one that is merely late is not', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { socket, live, hear } = await joined({ messages: [message(1)], seq: 1 });
  await hear(message(3));
  t.mock.timers.tick(1_000);
  await hear(message(2));
  t.mock.timers.tick(10_000);
  assert.deepEqual(seqs(live), [1, 2, 3]);
  assert.deepEqual(socket.methods, ['room.join'], 'the late one came by itself');

  await hear(message(6));
  assert.deepEqual(seqs(live), [1, 2, 3], 'nothing is shown out of order');
  t.mock.timers.tick(1_500);
  assert.deepEqual(socket.requests.at(-1), ['room.join', { roomId: 'r', after: 3 }]);
  await socket.answer('room.join', answer({ messages: [message(4), message(5), message(6)], seq: 6 }));
  assert.deepEqual(seqs(live), [1, 2, 3, 4, 5, 6]);
});

test('a resume that continues keeps what was read, page by page; one that does not starts over', async () => {
  const { socket, live, room } = await joined({ messages: [message(1), message(2)], seq: 2 });
  const resumed = room.join();
  await socket.answer('room.join', answer({ messages: [message(3)], seq: 3, more: true }));
  assert.deepEqual(socket.requests.at(-1)[1], { roomId: 'r', after: 3 });
  await socket.answer('room.join', answer({ messages: [message(4)], seq: 4 }));
  await resumed;
  assert.deepEqual(seqs(live), [1, 2, 3, 4]);

  const again = room.join();
  await socket.answer('room.join', answer({ recovered: false, messages: [message(90), message(91)], seq: 91 }));
  await again;
  assert.deepEqual(seqs(live), [90, 91]);
  assert.equal(live.state.get().complete, false, 'there is more above');
});

test('what happens while the answer to a join is on its way comes after it', async () => {
  const { socket, live, room, tell } = await joined();
  const again = room.join();
  await tell('room.memberJoined', { member: { connectionId: 'c', userId: 'cleo', name: 'Cleo' } });
  assert.deepEqual(live.state.get().members, []);
  await socket.answer('room.join', answer({ members: [{ connectionId: 'b', userId: 'ben', name: 'Ben' }], memberCount: 1 }));
  await again;
  assert.deepEqual(live.state.get().members.map(({ userId }) => userId), ['ben', 'cleo']);
  assert.equal(live.state.get().memberCount, 2);
});

test('what was said while the connection was lost is said after the next join, under the same id', async () => {
  const { socket, live } = await joined();
  live.send('hello');
  await settled();
  const [, first] = socket.requests.at(-1);
  await socket.refuse('room.send', 'offline');
  assert.equal(live.state.get().pending[0].error, null, 'a lost connection is no refusal');
  await socket.open();
  await socket.answer('room.join', answer());
  assert.deepEqual(socket.requests.at(-1), ['room.send', first]);
  await socket.answer('room.send', { message: message(1, 'hello') });
  assert.deepEqual([seqs(live), live.state.get().pending], [[1], []]);
});

test('a refused message says why and goes out when it is tried again', async () => {
  const { socket, live, room } = await joined();
  live.send('hello');
  await socket.refuse('room.send', 'limit.size');
  const [pending] = live.state.get().pending;
  assert.equal(pending.error.code, 'limit.size');
  room.retry(pending.clientId);
  assert.equal(live.state.get().pending[0].error, null);
  await socket.answer('room.send', { message: message(1) });
  assert.deepEqual(live.state.get().pending, []);
});

test('a message that was too fast goes out a little later by itself, and none overtakes it', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { socket, live } = await joined();
  live.send('a');
  live.send('b');
  await socket.refuse('room.send', 'limit.rate', { retryAfterMs: 100 });
  assert.deepEqual(live.state.get().pending.map(({ text, error }) => [text, error]), [['a', null], ['b', null]]);
  t.mock.timers.tick(700);
  await settled();
  for (const seq of [1, 2]) await socket.answer('room.send', { message: message(seq) });
  assert.deepEqual(socket.requests.filter(([method]) => method === 'room.send').map(([, { text }]) => text), ['a', 'a', 'b']);
});

test('who was banned is told once of what waited; nothing of it goes out by itself, and it can be taken back', async () => {
  const { socket, live, room, tell } = await joined();
  live.send('a');
  live.send('b');
  await settled();
  await tell('room.removed', { reason: 'banned' });
  await socket.refuse('room.send', 'room.notJoined');
  assert.deepEqual(live.state.get().pending.map(({ text, error }) => [text, error.code]), [['a', 'room.notJoined'], ['b', 'room.removed.banned']]);
  assert.deepEqual([live.state.get().status, live.state.get().error.code], ['failed', 'room.removed.banned']);
  room.discard(live.state.get().pending[0].clientId);
  await settled();
  assert.deepEqual(live.state.get().pending.map(({ text }) => text), ['b']);
  assert.equal(socket.methods.filter((method) => method === 'room.send').length, 1);
});

test('what is said in a room that cannot be entered says why, and enters it again when it is tried again', async () => {
  const { socket, live, room, tell } = await joined();
  await tell('room.removed', { reason: 'removed' });
  live.send('a');
  await settled();
  const [{ clientId, error }] = live.state.get().pending;
  assert.equal(error.code, 'room.notJoined');
  room.retry(clientId);
  await socket.answer('room.join', answer());
  assert.equal(live.state.get().status, 'joined');
  await socket.answer('room.send', { message: message(1, 'a') });
  assert.deepEqual([seqs(live), live.state.get().pending], [[1], []]);
});

test('nothing is said on a new connection before its room is joined', async () => {
  const { socket, live } = await joined();
  await socket.open();
  live.send('early');
  await settled();
  assert.ok(!socket.methods.includes('room.send'));
  await socket.answer('room.join', answer());
  assert.ok(socket.methods.includes('room.send'));
});

test('an own message is shown once, whether its event or its answer comes first', async () => {
  const { socket, live, hear } = await joined();
  live.send('a');
  await hear(message(1, 'a'));
  await socket.answer('room.send', { message: message(1, 'a') });
  assert.deepEqual([seqs(live), live.state.get().pending], [[1], []]);
  live.send('b');
  await socket.answer('room.send', { message: message(2, 'b') });
  await hear(message(2, 'b'));
  assert.deepEqual([seqs(live), live.state.get().pending], [[1, 2], []]);
});

test('who types is forgotten after a while, when they say something and when they leave', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { live, tell, hear } = await joined({ members: [{ connectionId: 'a', userId: 'ada', name: 'Ada' }], memberCount: 1 });
  const names = () => live.state.get().typing.map(({ name }) => name);
  const types = () => tell('room.typing', { connectionId: 'a', userId: 'ada', typing: true });
  await types();
  assert.deepEqual(names(), ['Ada']);
  t.mock.timers.tick(6_000);
  assert.deepEqual(names(), []);
  await types();
  await hear(message(1));
  assert.deepEqual(names(), []);
  await types();
  await tell('room.memberLeft', { connectionId: 'a', userId: 'ada' });
  assert.deepEqual(names(), []);
});

test('typing is told at most every three seconds, and its end once', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { socket, room } = await joined();
  const told = () => socket.requests.filter(([method]) => method === 'room.typing').map(([, { typing }]) => typing);
  room.typed();
  room.typed();
  assert.deepEqual(told(), [true]);
  t.mock.timers.tick(4_000);
  room.stopTyping();
  assert.deepEqual(told(), [true, false]);
});

test('of many the page that somebody looks at is read, and kept as it is', async () => {
  const member = (id) => ({ connectionId: id, userId: id, name: id });
  const { socket, live, room, tell } = await joined({ members: [member('a'), member('b')], memberCount: 300 });
  assert.ok(!socket.requests.some(([method]) => method === 'room.members'));
  room.followMembers({ after: 'b' }).catch(() => {});
  assert.deepEqual(socket.requests.at(-1), ['room.members', { roomId: 'r', after: 'b', follow: true }]);
  await socket.answer('room.members', { members: [member('c'), member('d')], more: true, memberCount: 300 });
  await tell('room.pageChanged', { after: 'b', joined: [member('e')], left: ['c'], more: true });
  await tell('room.membersChanged', { memberCount: 299 });
  const { members, memberCount, membersComplete, membersPage } = live.state.get();
  assert.deepEqual(members.map(({ userId }) => userId), ['d', 'e']);
  assert.deepEqual([memberCount, membersComplete, membersPage], [299, false, { after: 'b', more: true }]);
  room.unfollowMembers();
  assert.deepEqual(socket.requests.at(-1), ['room.unfollowMembers', { roomId: 'r' }]);
  assert.equal(live.state.get().membersPage, null);
});

test('older messages are put before, unless the room was read anew meanwhile', async () => {
  const { socket, live, tell } = await joined({ messages: [message(50)], seq: 50 });
  const older = live.timeline.older();
  await socket.answer('room.history', { messages: [message(48), message(49)], more: true });
  await older;
  assert.deepEqual(seqs(live), [48, 49, 50]);

  const late = live.timeline.older();
  await socket.emit('connection.reload', { sequence: { kind: 'room', roomId: 'r' } });
  await socket.answer('room.join', answer({ recovered: false, messages: [message(90)], seq: 90 }));
  await socket.answer('room.history', { messages: [message(47)], more: true });
  await late;
  assert.deepEqual(seqs(live), [90]);
  await tell('room.renamed', { name: 'Hall' });
  assert.equal(live.state.get().name, 'Hall');
});

test('an older state of the call does not replace a newer one', async () => {
  const { live, tell } = await joined({ media: { revision: 5, participants: [], route: 'server' } });
  await tell('media.changed', { state: { revision: 4, participants: [{ connectionId: 'x' }], route: 'peerToPeer' } });
  assert.equal(live.state.get().media.revision, 5);
});

test('a change takes its place in the one sequence, and shows the message it is of', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { socket, live, room, hear, change } = await joined({ messages: [message(1), message(2)], seq: 2 });
  const texts = () => live.state.get().messages.map(({ seq, text }) => [seq, text]);
  await change({ ...message(1), text: 'edited' }, 4);
  assert.deepEqual(texts(), [[1, 'm1'], [2, 'm2']], 'not before what comes first');
  await hear(message(3));
  assert.deepEqual(texts(), [[1, 'edited'], [2, 'm2'], [3, 'm3']]);
  assert.equal(room.seq, 4);
  await change({ ...message(1), text: 'edited' }, 4);
  await change({ ...message(900), text: 'of long ago' }, 5);
  assert.deepEqual([texts().length, room.seq], [3, 5], 'what is not shown changes nothing here');
  await change({ ...message(6), text: 'at once' }, 7);
  await hear(message(6));
  assert.deepEqual(texts().at(-1), [6, 'at once']);
  t.mock.timers.tick(10_000);
  assert.deepEqual(socket.methods, ['room.join'], 'there was no gap');
});

test('what changed while the connection was lost is shown after the next join', async () => {
  const { socket, live, room, change } = await joined({ messages: [message(1), message(2)], seq: 2 });
  const again = room.join();
  await change({ ...message(2), text: 'newest' }, 5);
  const changed = [{ seq: 4, message: { ...message(1), text: '', deletedAt: '2026-11-20T09:31:00Z' } }];
  await socket.answer('room.join', answer({ messages: [message(3)], changed, seq: 4 }));
  await again;
  assert.deepEqual(live.state.get().messages.map(({ text }) => text), ['', 'newest', 'm3']);
});

test('who answers shows it, also in what is sent again, and an answer is drawn anew when what it answers changes', async () => {
  const { socket, live, change } = await joined({ messages: [message(1)], members: [{ connectionId: 'c', userId: 'grace', name: 'Grace Hopper' }], memberCount: 1, seq: 1 });
  live.send('yes, @grace hopper!', 1);
  await settled();
  const [, sent] = socket.requests.at(-1);
  assert.deepEqual([sent.replyTo, sent.mentions], [1, ['grace']]);
  await socket.answer('room.send', { message: { ...message(2), replyTo: 1 } });
  const before = live.state.get().messages[1];
  await change({ ...message(1), text: 'edited' }, 3);
  assert.notEqual(live.state.get().messages[1], before);
});

test('what was read is said once, and again if that failed', async () => {
  const { socket, room } = await joined({ messages: [message(1)], seq: 3 });
  assert.deepEqual([room.read(), room.read()], [true, false]);
  assert.deepEqual(socket.requests.at(-1), ['room.read', { roomId: 'r', seq: 3 }]);
  await socket.refuse('room.read', 'offline');
  assert.equal(room.read(), true);
});

test('files go along with what is said, and are known while it is on its way', async () => {
  const { socket, live } = await joined();
  const file = { id: 'f', fileName: 'a.png', mimeType: 'image/png', sizeBytes: 1, hasThumbnail: false };
  live.send('', undefined, [file]);
  await settled();
  const sent = socket.requests.filter(([method]) => method === 'room.send').map(([, { attachments }]) => attachments);
  assert.deepEqual(sent, [['f']]);
  assert.deepEqual(live.state.get().pending[0].files, [file]);
});

test('what was missed or is older is no news, to be read out by nothing', async () => {
  const { socket, live, room, hear, change } = await joined({ messages: [message(8), message(9)], seq: 9 });
  const isNews = () => live.state.get().isNews;
  assert.equal(isNews(), false, 'what was there before');
  await hear(message(10));
  assert.equal(isNews(), true);
  const older = live.timeline.older();
  await socket.answer('room.history', { messages: [message(7)], more: false });
  await older;
  await settled();
  assert.deepEqual([seqs(live), isNews()], [[7, 8, 9, 10], false]);
  await change({ ...message(7), text: 'edited' }, 11);
  assert.equal(isNews(), true);

  room.lost();
  const again = room.join();
  await socket.answer('room.join', answer({ messages: [message(12)], seq: 12 }));
  await again;
  await settled();
  assert.equal(isNews(), false, 'what was said meanwhile');
  await hear(message(13));
  assert.deepEqual([seqs(live), isNews()], [[7, 8, 9, 10, 12, 13], true]);
});
