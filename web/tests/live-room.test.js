import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LiveRoom } from '../js/model/live-room.js';
import { SocketDouble, settled } from './stand-in.js';

const message = (seq, text = `m${seq}`) => ({ id: `id-${seq}`, seq, userId: 'ada', name: 'Ada', text, createdAt: '2026-11-20T09:30:00Z' });
const answer = (patch = {}) => ({ name: 'Lobby', members: [], memberCount: 0, messages: [], seq: 0, recovered: true, more: false, ...patch });
const seqs = (room) => room.state.get().messages.map(({ seq }) => seq);

async function joined(patch) {
  const socket = new SocketDouble();
  const room = new LiveRoom({ id: 'r', name: '', socket });
  await socket.answer('room.join', answer(patch));
  await room.joined;
  return { socket, room };
}

test('messages stand in the order of their numbers, each once, however they come', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { socket, room } = await joined({ messages: [message(1)], seq: 1 });
  for (const seq of [3, 2, 2, 1, 3, 4]) room.receive(message(seq));
  assert.deepEqual(seqs(room), [1, 2, 3, 4]);
  room.receive(message(2));
  t.mock.timers.tick(10_000);
  assert.deepEqual(socket.methods, ['room.join'], 'what is known already is no gap');
});

test('a number that stays missing is asked for from where we are, and one that is merely late is not', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { socket, room } = await joined({ messages: [message(1)], seq: 1 });
  room.receive(message(3));
  t.mock.timers.tick(1_000);
  room.receive(message(2));
  t.mock.timers.tick(10_000);
  assert.deepEqual(seqs(room), [1, 2, 3]);
  assert.deepEqual(socket.methods, ['room.join'], 'the late one came by itself');

  room.receive(message(6));
  assert.deepEqual(seqs(room), [1, 2, 3], 'nothing is shown out of order');
  t.mock.timers.tick(1_500);
  assert.deepEqual(socket.requests.at(-1), ['room.join', { roomId: 'r', after: 3 }]);
  await socket.answer('room.join', answer({ messages: [message(4), message(5), message(6)], seq: 6 }));
  assert.deepEqual(seqs(room), [1, 2, 3, 4, 5, 6]);
});

test('a resume that continues keeps what was read, page by page; one that does not starts over', async () => {
  const { socket, room } = await joined({ messages: [message(1), message(2)], seq: 2 });
  const resumed = room.join();
  await socket.answer('room.join', answer({ messages: [message(3)], seq: 3, more: true }));
  assert.deepEqual(socket.requests.at(-1)[1], { roomId: 'r', after: 3 });
  await socket.answer('room.join', answer({ messages: [message(4)], seq: 4 }));
  await resumed;
  assert.deepEqual(seqs(room), [1, 2, 3, 4]);

  const again = room.join();
  await socket.answer('room.join', answer({ recovered: false, messages: [message(90), message(91)], seq: 91 }));
  await again;
  assert.deepEqual(seqs(room), [90, 91]);
  assert.equal(room.state.get().complete, false, 'there is more above');
});

test('what happens while the answer to a join is on its way comes after it', async () => {
  const { socket, room } = await joined();
  const again = room.join();
  room.inOrder(() => room.enter({ connectionId: 'c', userId: 'cleo', name: 'Cleo' }));
  assert.deepEqual(room.state.get().members, []);
  await socket.answer('room.join', answer({ members: [{ connectionId: 'b', userId: 'ben', name: 'Ben' }], memberCount: 1 }));
  await again;
  assert.deepEqual(room.state.get().members.map(({ userId }) => userId), ['ben', 'cleo']);
  assert.equal(room.state.get().memberCount, 2);
});

test('what was said while the connection was lost is said after the next join, under the same id', async () => {
  const { socket, room } = await joined();
  room.send('hello');
  const [, first] = socket.requests.at(-1);
  await socket.refuse('room.send', 'offline');
  assert.equal(room.state.get().pending[0].error, null, 'a lost connection is no refusal');
  const again = room.join();
  await socket.answer('room.join', answer());
  await again;
  assert.deepEqual(socket.requests.at(-1), ['room.send', first]);
  await socket.answer('room.send', { message: message(1, 'hello') });
  assert.deepEqual([seqs(room), room.state.get().pending], [[1], []]);
});

test('a refused message says why and goes out when it is tried again', async () => {
  const { socket, room } = await joined();
  room.send('hello');
  await socket.refuse('room.send', 'limit.size');
  const [pending] = room.state.get().pending;
  assert.equal(pending.error.code, 'limit.size');
  room.resend(pending.clientId);
  assert.equal(room.state.get().pending[0].error, null);
  await socket.answer('room.send', { message: message(1) });
  assert.deepEqual(room.state.get().pending, []);
});

test('a message that was too fast goes out a little later by itself, and none overtakes it', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { socket, room } = await joined();
  room.send('a');
  room.send('b');
  await socket.refuse('room.send', 'limit.rate', { retryAfterMs: 100 });
  assert.deepEqual(room.state.get().pending.map(({ text, error }) => [text, error]), [['a', null], ['b', null]]);
  t.mock.timers.tick(700);
  await settled();
  for (const seq of [1, 2]) await socket.answer('room.send', { message: message(seq) });
  assert.deepEqual(socket.requests.filter(([method]) => method === 'room.send').map(([, { text }]) => text), ['a', 'a', 'b']);
});

test('who was banned is told once of what waited; nothing of it goes out by itself, and it can be taken back', async () => {
  const { socket, room } = await joined();
  room.send('a');
  room.send('b');
  room.lose('banned');
  await socket.refuse('room.send', 'room.notJoined');
  assert.deepEqual(room.state.get().pending.map(({ text, error }) => [text, error.code]), [['a', 'room.notJoined'], ['b', 'room.removed.banned']]);
  room.discard(room.state.get().pending[0].clientId);
  assert.deepEqual(room.state.get().pending.map(({ text }) => text), ['b']);
});

test('nothing is said on a new connection before its room is joined', async () => {
  const { socket, room } = await joined();
  const again = room.join();
  room.send('early');
  assert.ok(!socket.methods.includes('room.send'));
  await socket.answer('room.join', answer());
  await again;
  await settled();
  assert.ok(socket.methods.includes('room.send'));
});

test('an own message is shown once, whether its event or its answer comes first', async () => {
  const { socket, room } = await joined();
  room.send('a');
  room.receive(message(1, 'a'));
  await socket.answer('room.send', { message: message(1, 'a') });
  assert.deepEqual([seqs(room), room.state.get().pending], [[1], []]);
  room.send('b');
  await socket.answer('room.send', { message: message(2, 'b') });
  room.receive(message(2, 'b'));
  assert.deepEqual([seqs(room), room.state.get().pending], [[1, 2], []]);
});

test('who types is forgotten after a while, when they say something and when they leave', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { room } = await joined({ members: [{ connectionId: 'a', userId: 'ada', name: 'Ada' }], memberCount: 1 });
  const typing = () => room.state.get().typing.map(({ name }) => name);
  const hear = (isTyping = true) => room.hearTyping({ connectionId: 'a', userId: 'ada', typing: isTyping });
  hear();
  assert.deepEqual(typing(), ['Ada']);
  t.mock.timers.tick(6_000);
  assert.deepEqual(typing(), []);
  hear();
  room.receive(message(1));
  assert.deepEqual(typing(), []);
  hear();
  room.exit('a');
  assert.deepEqual(typing(), []);
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
  const { socket, room } = await joined({ members: [member('a'), member('b')], memberCount: 300 });
  assert.ok(!socket.requests.some(([method]) => method === 'room.members'));
  room.showMembers('b').catch(() => {});
  assert.deepEqual(socket.requests.at(-1), ['room.members', { roomId: 'r', after: 'b', follow: true }]);
  await socket.answer('room.members', { members: [member('c'), member('d')], more: true, memberCount: 300 });
  room.turnPage({ roomId: 'r', after: 'b', joined: [member('e')], left: ['c'], more: true });
  room.countMembers(299);
  const { members, memberCount, membersComplete, membersPage } = room.state.get();
  assert.deepEqual(members.map(({ userId }) => userId), ['d', 'e']);
  assert.deepEqual([memberCount, membersComplete, membersPage], [299, false, { after: 'b', more: true }]);
  room.hideMembers();
  assert.deepEqual(socket.requests.at(-1), ['room.unfollowMembers', { roomId: 'r' }]);
  assert.equal(room.state.get().membersPage, null);
});

test('older messages are put before, unless the room was read anew meanwhile', async () => {
  const { socket, room } = await joined({ messages: [message(50)], seq: 50 });
  const older = room.older();
  await socket.answer('room.history', { messages: [message(48), message(49)], more: true });
  await older;
  assert.deepEqual(seqs(room), [48, 49, 50]);

  const late = room.older();
  const again = room.join({ reload: true });
  await socket.answer('room.join', answer({ recovered: false, messages: [message(90)], seq: 90 }));
  await again;
  await socket.answer('room.history', { messages: [message(47)], more: true });
  await late;
  assert.deepEqual(seqs(room), [90]);
});

test('an older state of the call does not replace a newer one', async () => {
  const { room } = await joined({ media: { revision: 5, participants: [], route: 'server' } });
  room.hearMedia({ revision: 4, participants: [{ connectionId: 'x' }], route: 'peerToPeer' });
  assert.equal(room.state.get().media.revision, 5);
  await settled();
});

test('a change takes its place in the one sequence, and shows the message it is of', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { socket, room } = await joined({ messages: [message(1), message(2)], seq: 2 });
  const texts = () => room.state.get().messages.map(({ seq, text }) => [seq, text]);
  room.receive({ ...message(1), text: 'edited' }, 4);
  assert.deepEqual(texts(), [[1, 'm1'], [2, 'm2']], 'not before what comes first');
  room.receive(message(3));
  assert.deepEqual(texts(), [[1, 'edited'], [2, 'm2'], [3, 'm3']]);
  assert.equal(room.state.get().seq, 4);
  room.receive({ ...message(1), text: 'edited' }, 4);
  room.receive({ ...message(900), text: 'of long ago' }, 5);
  assert.deepEqual([texts().length, room.state.get().seq], [3, 5], 'what is not shown changes nothing here');
  room.receive({ ...message(6), text: 'at once' }, 7);
  room.receive(message(6));
  assert.deepEqual(texts().at(-1), [6, 'at once']);
  t.mock.timers.tick(10_000);
  assert.deepEqual(socket.methods, ['room.join'], 'there was no gap');
});

test('what changed while the connection was lost is shown after the next join', async () => {
  const { socket, room } = await joined({ messages: [message(1), message(2)], seq: 2 });
  const again = room.join();
  room.inOrder(() => room.receive({ ...message(2), text: 'newest' }, 5));
  const changed = [{ seq: 4, message: { ...message(1), text: '', deletedAt: '2026-11-20T09:31:00Z' } }];
  await socket.answer('room.join', answer({ messages: [message(3)], changed, seq: 4 }));
  await again;
  assert.deepEqual(room.state.get().messages.map(({ text }) => text), ['', 'newest', 'm3']);
});

test('who answers shows it, also in what is sent again, and an answer is drawn anew when what it answers changes', async () => {
  const { socket, room } = await joined({ messages: [message(1)], members: [{ connectionId: 'c', userId: 'grace', name: 'Grace Hopper' }], memberCount: 1, seq: 1 });
  room.send('yes, @grace hopper!', 1);
  const [, sent] = socket.requests.at(-1);
  assert.deepEqual([sent.replyTo, sent.mentions], [1, ['grace']]);
  await socket.answer('room.send', { message: { ...message(2), replyTo: 1 } });
  const before = room.state.get().messages[1];
  room.receive({ ...message(1), text: 'edited' }, 3);
  assert.notEqual(room.state.get().messages[1], before);
});

test('what was read is said once, and again if that failed', async () => {
  const { socket, room } = await joined({ messages: [message(1)], seq: 3 });
  assert.deepEqual([room.read(), room.read()], [true, false]);
  assert.deepEqual(socket.requests.at(-1), ['room.read', { roomId: 'r', seq: 3 }]);
  await socket.refuse('room.read', 'offline');
  assert.equal(room.read(), true);
});

test('files go along with what is said, and are known while it is on its way', async () => {
  const { socket, room } = await joined();
  const file = { id: 'f', fileName: 'a.png', mimeType: 'image/png', sizeBytes: 1, hasThumbnail: false };
  room.send('', undefined, [file]);
  const sent = socket.requests.filter(([method]) => method === 'room.send').map(([, { attachments }]) => attachments);
  assert.deepEqual(sent, [['f']]);
  assert.deepEqual(room.state.get().pending[0].files, [file]);
});
