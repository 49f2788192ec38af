import assert from 'node:assert/strict';
import { test } from 'node:test';
import { refusal, settled } from './scripted.js';
import { joined, member, reconnect, said } from './scripted-room.js';

const joins = (server) => server.last.sent.filter(({ method }) => method === 'room.join').map(({ params }) => params.after);

test('a room is shown from its latest messages on, and the same for all who ask for it', async (t) => {
  const { client, server, hub, room, told } = await joined(t, { said: 3 });
  assert.equal(client.room('r'), room);
  await hub.say();
  assert.deepEqual([told, room.status, room.name, room.seq], [['reload 1 2 3', 4], 'joined', 'Lobby', 4]);
  assert.deepEqual(server.last.methods, ['room.join']);
});

test('after a loss exactly what was missed is told, once and in order', async (t) => {
  const parts = await joined(t, { said: 2 });
  await parts.hub.say();
  await reconnect(parts, () => {
    parts.hub.add();
    parts.hub.add();
  });
  await parts.hub.say();
  assert.deepEqual(parts.told, ['reload 1 2', 3, 4, 5, 6]);
  assert.deepEqual(joins(parts.server), [3]);
});

test('what does not fit into one answer comes page by page, and a loss between two pages costs none', async (t) => {
  const parts = await joined(t, { said: 1 });
  const { server, hub, told } = parts;
  hub.pageSize = 2;
  await reconnect(parts, () => [2, 3, 4, 5].forEach(() => hub.add()));
  assert.deepEqual([told, joins(server)], [['reload 1', 2, 3, 4, 5], [1, 3]]);

  [6, 7, 8].forEach(() => hub.add());
  server.script('room.join', ({ after }, connection) => {
    if (after === 7) connection.close(1006);
    return hub.join(after);
  });
  await reconnect(parts);
  server.script('room.join', ({ after }) => hub.join(after));
  await parts.pass(2_000);
  assert.deepEqual([told.slice(5), joins(server)], [[6, 7, 8], [7]]);
});

test('what an answer repeats is not told again', async (t) => {
  const parts = await joined(t, { said: 2 });
  parts.server.script('room.join', () => ({ ...parts.hub.join(0), more: false }));
  await reconnect(parts, () => parts.hub.add());
  assert.deepEqual(parts.told, ['reload 1 2', 3]);
});

test('when more was missed than can be replayed the page is told to show the latest, and never that it has all', async (t) => {
  const parts = await joined(t, { said: 1 });
  parts.hub.replayable = 3;
  await reconnect(parts, () => { for (let each = 0; each < 60; each += 1) parts.hub.add(); });
  const [, reload, ...rest] = parts.told;
  assert.deepEqual([reload.startsWith('reload 12 13'), reload.endsWith('60 61'), rest], [true, true, []]);
  await parts.hub.say();
  assert.equal(parts.told.at(-1), 62);
});

test('a page that was begun and cannot be gone on with is a reload', async (t) => {
  const parts = await joined(t, { said: 1 });
  parts.hub.pageSize = 1;
  parts.server.script('room.join', ({ after }) => {
    if (after === 2) parts.hub.replayable = 0;
    return parts.hub.join(after);
  });
  await reconnect(parts, () => [2, 3, 4].forEach(() => parts.hub.add()));
  assert.deepEqual(parts.told, ['reload 1', 2, 'reload 1 2 3 4']);
});

test('changes of messages have their place among the messages, also when they were missed', async (t) => {
  const parts = await joined(t, { said: 2 });
  const { server, room, told, pass } = parts;
  room.on('changed', ({ seq, text }) => told.push(`${seq} is ${text}`));
  const change = (seq, of, text) => ({ roomId: 'r', seq, message: said(of, text) });
  await server.last.tell('room.messageChanged', change(3, 1, 'edited'));
  await server.last.tell('room.message', { roomId: 'r', message: said(4) });
  assert.deepEqual([told, server.last.methods], [['reload 1 2', '1 is edited', 4], ['room.join']]);
  server.script('room.join', () => ({
    roomId: 'r', name: '', members: [], memberCount: 0, media: null, recovered: true, more: false, seq: 7,
    messages: [said(5), said(7)], changed: [{ seq: 6, message: said(2, 'deleted') }],
  }));
  await reconnect(parts);
  await server.last.tell('room.messageChanged', change(6, 2, 'deleted'));
  await server.last.tell('room.message', { roomId: 'r', message: said(8) });
  await pass(2_000);
  assert.deepEqual([told.slice(3), joins(server)], [[5, '2 is deleted', 7, 8], [4]]);
});

test('the server may say itself that a room must be read again', async (t) => {
  const { server, hub, told } = await joined(t, { said: 1 });
  hub.add();
  await server.last.tell('connection.reload', { sequence: { kind: 'room', roomId: 'another' } });
  await server.last.tell('connection.reload', { sequence: { kind: 'room', roomId: 'r' } });
  assert.deepEqual([told, joins(server)], [['reload 1', 'reload 1 2'], [undefined, undefined]]);
});

test('a message twice is one, and one that is merely late is waited for', async (t) => {
  const { server, told, pass } = await joined(t, { said: 1 });
  const tell = (seq) => server.last.tell('room.message', { roomId: 'r', message: said(seq) });
  for (const seq of [2, 2, 1, 4]) await tell(seq);
  await pass(1_000);
  await tell(3);
  await pass(10_000);
  assert.deepEqual([told, server.last.methods], [['reload 1', 2, 3, 4], ['room.join']]);
});

test('a number that stays missing is asked for on the same connection, and nothing is shown out of order', async (t) => {
  const { server, hub, told, pass } = await joined(t, { said: 1 });
  hub.add();
  await hub.say();
  assert.deepEqual(told, ['reload 1']);
  await pass(1_500);
  assert.deepEqual([told, joins(server), server.connections.length], [['reload 1', 2, 3], [undefined, 1], 1]);
  await hub.say();
  await pass(10_000);
  assert.deepEqual([told.at(-1), joins(server).length], [4, 2], 'what was behind the gap is none');
});

test('what must be read again while it is asked for is asked for once more', async (t) => {
  const parts = await joined(t, { said: 1 });
  const { server, hub, told } = parts;
  server.hold('room.join');
  await reconnect(parts, () => hub.add());
  await server.last.tell('connection.reload', { sequence: { kind: 'room', roomId: 'r' } });
  await server.answer('room.join', hub.join(1));
  assert.deepEqual(server.waiting('room.join'), [{ roomId: 'r' }]);
  await server.answer('room.join', hub.join());
  assert.deepEqual([told, joins(server)], [['reload 1', 2, 'reload 1 2'], [1, undefined]]);
});

test('what happens while an answer is on its way comes after it, in order, even in one breath with it', async (t) => {
  const parts = await joined(t, { said: 1 });
  const { server, hub, told, room } = parts;
  server.hold('room.join');
  const typing = [];
  room.on('room.typing', ({ connectionId }) => typing.push(`${connectionId} after ${told.at(-1)}`));
  await reconnect(parts, () => hub.add());
  const answer = hub.join(1);
  const tell = (method, params) => server.last.say({ method, params: { roomId: 'r', ...params } });
  tell('room.message', { message: hub.add() });
  tell('room.typing', { connectionId: 'x', userId: 'x', typing: true });
  tell('room.memberJoined', { member: member('late') });
  server.answerNow('room.join', { result: answer });
  tell('room.message', { message: hub.add() });
  await settled();
  assert.deepEqual([told, typing, [...room.members.keys()]], [['reload 1', 2, 3, 4], ['x after 3'], ['late']]);
});

test('a room that was left while there was no connection is not entered again', async (t) => {
  const parts = await joined(t);
  await reconnect(parts, () => parts.room.leave());
  assert.deepEqual([parts.server.last.methods, parts.room.status], [[], 'ended']);
  assert.notEqual(parts.client.room('r'), parts.room, 'who asks again begins anew');
});

test('a room that is left while it is entered again is left, and tells nothing any more', async (t) => {
  const parts = await joined(t, { said: 1 });
  parts.server.hold('room.join');
  parts.hub.pageSize = 1;
  await reconnect(parts, () => [2, 3].forEach(() => parts.hub.add()));
  parts.room.leave();
  await parts.server.answer('room.join', parts.hub.join(1));
  assert.deepEqual([parts.server.last.methods, parts.told], [['room.join', 'room.leave'], ['reload 1']]);
});

test('what is said without a connection is stored after it, in order, each once', async (t) => {
  const parts = await joined(t);
  const { server, hub, room, told } = parts;
  server.hold('room.send');
  const sent = ['a', 'b', 'c'].map((text) => room.send(text));
  await settled();
  const [{ clientId }] = server.waiting('room.send');
  // The first is stored, and the answer is lost.
  hub.store(clientId, 'a');
  server.script('room.send', ({ clientId: id, text }) => hub.store(id, text));
  await reconnect(parts);
  assert.deepEqual((await Promise.all(sent)).map(({ seq, text }) => [seq, text]), [[1, 'a'], [2, 'b'], [3, 'c']]);
  assert.deepEqual([hub.log.length, told], [3, ['reload', 1, 2, 3]]);
});

test('what is said while the room is being entered again goes out once it is', async (t) => {
  const parts = await joined(t);
  const { server, hub, room } = parts;
  server.hold('room.join');
  await reconnect(parts);
  const sent = room.send('a');
  await settled();
  assert.deepEqual(server.last.methods, ['room.join']);
  await server.answer('room.join', hub.join(0));
  assert.equal((await sent).text, 'a');
});

test('one that is refused says why and holds up none; one that came too fast waits, and none overtakes it', async (t) => {
  const { server, hub, room, pass } = await joined(t);
  let tries = 0;
  server.script('room.send', ({ clientId, text }) => {
    if (text === 'bad') throw refusal('request.invalid');
    if (text === 'fast' && (tries += 1) < 3) throw refusal('limit.rate', { retryAfterMs: 2_000 });
    return hub.store(clientId, text);
  });
  const [bad, fast, last] = ['bad', 'fast', 'last'].map((text) => room.send(text));
  await assert.rejects(bad, { code: 'request.invalid' });
  await pass(1_900);
  assert.equal(tries, 1);
  await pass(6_000);
  assert.deepEqual([(await fast).seq, (await last).seq, tries], [1, 2, 3]);
});

test('a message that is given up is not sent, and what waits when the room is left is refused', async (t) => {
  const { server, room, hub } = await joined(t);
  server.hold('room.send');
  const given = new AbortController();
  const [first, second, third] = [room.send('a'), room.send('b', { signal: given.signal }), room.send({ text: 'c' }, { clientId: 'own' })];
  const refused = assert.rejects(third, { code: 'closed' });
  given.abort();
  await assert.rejects(second, { name: 'AbortError' });
  await settled();
  const [{ clientId }] = server.waiting('room.send');
  await server.answer('room.send', hub.store(clientId, 'a'));
  assert.equal((await first).text, 'a');
  assert.deepEqual(server.waiting('room.send'), [{ roomId: 'r', clientId: 'own', text: 'c' }]);
  room.leave();
  await refused;
  await assert.rejects(room.send('d'), { code: 'closed' });
});

test('an own message is told once, whether its event or its answer comes first', async (t) => {
  const { server, hub, room, told } = await joined(t);
  const echo = async (isFirst) => {
    server.hold('room.send');
    const sent = room.send('hello');
    await settled();
    const { clientId } = server.waiting('room.send')[0];
    const answer = hub.store(clientId, 'hello');
    const event = () => server.last.tell('room.message', { roomId: 'r', message: answer.message });
    if (isFirst) await event();
    await server.answer('room.send', answer);
    if (!isFirst) await event();
    await sent;
  };
  await echo(true);
  await echo(false);
  assert.deepEqual(told, ['reload', 1, 2]);
});

test('a room that cannot be entered says why, and is tried again on the next connection', async (t) => {
  const parts = await joined(t, { prepare: (hub, server) => server.script('room.join', () => { throw refusal('auth.forbidden'); }) });
  assert.deepEqual([parts.told, parts.room.status], [['auth.forbidden'], 'failed']);
  await assert.rejects(parts.room.send('a'), { code: 'room.notJoined' });
  await parts.pass(60_000);
  assert.equal(parts.server.last.methods.length, 1);
  parts.server.script('room.join', ({ after }) => parts.hub.join(after));
  await reconnect(parts);
  assert.deepEqual([parts.told.at(-1), parts.room.status], ['reload', 'joined']);
});

test('what passes is no reason to give a room up', async (t) => {
  let tries = 0;
  const { room, told, pass } = await joined(t, {
    said: 1,
    prepare: (hub, server) => server.script('room.join', ({ after }) => {
      tries += 1;
      if (tries === 1) throw refusal('unavailable', { fault: 'ours' });
      if (tries === 2) throw refusal('limit.rate', { retryAfterMs: 5_000 });
      return hub.join(after);
    }),
  });
  await pass(3_000);
  assert.equal(tries, 2);
  await pass(6_000);
  assert.deepEqual([tries, told, room.status], [3, ['reload 1'], 'joined']);
});

test('who was taken out of a room stays out until the page asks', async (t) => {
  const parts = await joined(t, { said: 1 });
  const { server, room, told } = parts;
  const removed = [];
  room.on('room.removed', ({ reason }) => removed.push(reason));
  server.hold('room.send');
  const sent = assert.rejects(room.send('a'), { code: 'room.removed.removed' });
  await server.last.tell('room.removed', { roomId: 'r', reason: 'removed' });
  await sent;
  await reconnect(parts);
  assert.deepEqual([removed, server.last.methods, room.status], [['removed'], [], 'failed']);
  await room.join();
  assert.deepEqual([told, room.status], [['reload 1'], 'joined']);
});

/** In a room of so many of whom some are known. */
const among = (members, memberCount) => ({
  prepare: (hub, server) => {
    hub.members = members.map(member);
    server.script('room.join', () => ({ ...hub.join(), memberCount }));
  },
});
const shown = ({ members, memberCount, membersComplete }) => [[...members.keys()], memberCount, membersComplete];

test('of few everybody is known, and each who comes and goes', async (t) => {
  const { server, room } = await joined(t, among(['a', 'b'], 2));
  await server.last.tell('room.memberLeft', { roomId: 'r', connectionId: 'a', userId: 'a' });
  await server.last.tell('room.memberJoined', { roomId: 'r', member: member('c') });
  assert.deepEqual(shown(room), [['b', 'c'], 2, true]);
  assert.equal(server.waiting('room.members').length, 0);
});

test('of many only how many they are is known until somebody looks, and all of them once few are left', async (t) => {
  const { server, room, pass } = await joined(t, among(['a', 'b'], 300));
  assert.deepEqual(shown(room), [['a', 'b'], 300, false], 'their names may be asked for');
  await server.last.tell('room.membersChanged', { roomId: 'r', memberCount: 280 });
  await pass(5_000);
  assert.equal(server.waiting('room.members').length, 0);
  await server.last.tell('room.membersChanged', { roomId: 'r', memberCount: 3 });
  await server.last.tell('room.memberLeft', { roomId: 'r', connectionId: 'b', userId: 'b' });
  assert.deepEqual([server.waiting('room.members').length, room.memberCount], [0, 2]);
  await pass(5_000);
  await server.answer('room.members', { members: [member('a')], more: true, memberCount: 2 });
  assert.deepEqual(server.waiting('room.members'), [{ roomId: 'r', after: 'a' }], 'their names are long');
  await server.answer('room.members', { members: [member('c')], more: false, memberCount: 2 });
  await server.last.tell('room.memberJoined', { roomId: 'r', member: member('d') });
  assert.deepEqual(shown(room), [['a', 'c', 'd'], 3, true]);
});

test('a page that is followed is kept as it is, also over a lost connection', async (t) => {
  const parts = await joined(t, among(['a', 'b'], 300));
  const { server, room } = parts;
  const turned = (change) => server.last.tell('room.pageChanged', { roomId: 'r', joined: [], left: [], more: true, ...change });
  const followed = room.followMembers({ after: 'b' });
  await turned({ joined: [member('z')] });
  await server.answer('room.members', { members: [member('c'), member('d')], more: true, memberCount: 300 });
  await followed;
  assert.deepEqual([shown(room), room.membersPage], [[['c', 'd'], 300, false], { after: 'b', more: true }]);
  await turned({ after: 'b', joined: [member('e')], left: ['c'], more: false });
  await server.last.tell('room.membersChanged', { roomId: 'r', memberCount: 299 });
  assert.deepEqual([shown(room), room.membersPage], [[['d', 'e'], 299, false], { after: 'b', more: false }]);
  await reconnect(parts);
  assert.deepEqual(server.waiting('room.members'), [{ roomId: 'r', after: 'b', follow: true }]);
  await server.answer('room.members', { members: [member('e')], more: false, memberCount: 40 });
  await server.last.tell('room.memberJoined', { roomId: 'r', member: member('a') });
  await server.last.tell('room.memberJoined', { roomId: 'r', member: member('f') });
  assert.deepEqual(shown(room), [['e', 'f'], 42, false]);
  server.script('room.unfollowMembers', () => ({}));
  room.unfollowMembers();
  await turned({ after: 'b', joined: [member('g')] });
  assert.deepEqual([[...room.members.keys()], room.membersPage], [['e', 'f'], null]);
});

test('the first page of who is there is everybody if there is no other', async (t) => {
  const { server, room } = await joined(t, among(['a'], 60));
  server.script('room.members', () => ({ members: [member('a'), member('b')], more: false, memberCount: 2 }));
  await room.followMembers();
  assert.deepEqual(shown(room), [['a', 'b'], 2, true]);
  await server.last.tell('room.pageChanged', { roomId: 'r', joined: [member('c')], left: [], more: true });
  assert.equal(room.membersComplete, false);
});

test('an older state of the media session does not replace a newer one', async (t) => {
  const { server, room } = await joined(t);
  const change = (revision) => server.last.tell('media.changed', { roomId: 'r', state: { revision, participants: [], route: 'server' } });
  await change(5);
  await change(4);
  assert.equal(room.media.revision, 5);
});

test('typing is told at most every three seconds, and its end once', async (t) => {
  const { server, room, pass } = await joined(t);
  server.script('room.typing', () => ({}));
  const told = () => server.last.sent.filter(({ method }) => method === 'room.typing').map(({ params }) => params.typing);
  room.typed();
  await pass(2_000);
  room.typed();
  assert.deepEqual(told(), [true]);
  await pass(1_000);
  room.typed();
  assert.deepEqual(told(), [true, true]);
  await pass(4_000);
  room.stopTyping();
  assert.deepEqual(told(), [true, true, false]);
});
