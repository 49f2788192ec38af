import assert from 'node:assert/strict';
import { test } from 'node:test';
import { opened, settled } from './scripted.js';

const event = (seq) => ({ seq, event: { type: 'messageUpdated' } });

test('the inbox is read at first, its events come once and in order, and a gap is asked for', async (t) => {
  const { client, server, pass } = await opened(t);
  const inbox = client.inbox();
  const told = [];
  inbox.on('reload', ({ seq, isFirst }) => told.push(`reload ${seq} ${isFirst}`));
  inbox.on('event', ({ seq }) => told.push(seq));
  await settled();
  await server.answer('inbox.subscribe', { seq: 10, recovered: false, more: false, events: [] });
  for (const seq of [11, 11, 10, 14]) await server.last.tell('inbox.event', event(seq));
  assert.deepEqual(told, ['reload 10 true', 11]);
  await pass(1_500);
  assert.deepEqual(server.waiting('inbox.subscribe'), [{ after: 11 }]);
  await server.last.tell('inbox.event', event(15));
  await server.answer('inbox.subscribe', { seq: 13, recovered: true, more: true, events: [event(12), event(13)] });
  await server.answer('inbox.subscribe', { seq: 14, recovered: true, more: false, events: [event(14)] });
  assert.deepEqual(told, ['reload 10 true', 11, 12, 13, 14, 15]);

  await server.last.drop();
  await pass(500);
  assert.deepEqual(server.waiting('inbox.subscribe'), [{ after: 15 }]);
  await server.answer('inbox.subscribe', { seq: 900, recovered: false, more: false, events: [] });
  assert.deepEqual(told.slice(6), ['reload 900 false']);
  await server.last.tell('connection.reload', { sequence: { kind: 'inbox' } });
  assert.deepEqual(server.waiting('inbox.subscribe'), [{}]);
  await server.answer('inbox.subscribe', { seq: 950, recovered: false, more: false, events: [] });
  inbox.leave();
  assert.equal(server.last.methods.at(-1), 'inbox.unsubscribe');
  await server.last.drop();
  await pass(1_000);
  assert.deepEqual([server.last.methods, told.at(-1)], [[], 'reload 950 false']);
});

test('what happens while the page reads everything again is told when it has, and holds up nothing else', async (t) => {
  const { client, server } = await opened(t);
  const inbox = client.inbox();
  const told = [];
  let read = () => {};
  inbox.on('reload', ({ seq }) => {
    told.push(`reload ${seq}`);
    return new Promise((resolve) => (read = resolve));
  });
  inbox.on('event', ({ seq }) => told.push(seq));
  await settled();
  const reload = (seq) => server.answer('inbox.subscribe', { seq, recovered: false, more: false, events: [] });
  await reload(10);
  await server.last.tell('inbox.event', event(11));
  await server.last.tell('connection.reload', { sequence: { kind: 'inbox' } });
  await reload(40);
  await server.last.tell('inbox.event', event(41));
  assert.deepEqual(told, ['reload 10']);
  read();
  await settled();
  assert.deepEqual(told, ['reload 10', 11, 'reload 40']);
  read();
  await settled();
  assert.deepEqual(told.slice(3), [41]);
});

const changed = (feed, seq) => ({ feed, seq, operation: 'insert', id: `${seq}`, row: {}, changed: [] });

test('feeds hear their own changes, whose numbers may leave some out, also in one breath with the answer', async (t) => {
  const { client, server, pass } = await opened(t);
  const labels = client.feed('labels');
  assert.equal(client.feed('labels', {}), labels);
  const mine = client.feed('conversations', { status: 'open', assigneeId: 'ada' });
  assert.equal(client.feed('conversations', { assigneeId: 'ada', status: 'open' }), mine);
  const told = [];
  for (const [name, feed] of [['labels', labels], ['mine', mine]]) {
    feed.on('change', ({ seq }) => told.push(`${name} ${seq}`));
    feed.on('reload', ({ seq }) => told.push(`${name} reload ${seq}`));
    feed.on('ended', () => told.push(`${name} ended`));
  }
  await settled();
  server.answerNow('feed.subscribe', { result: { feed: 'f1', seq: 7, recovered: true, more: false, changes: [] } });
  server.last.say({ method: 'feed.changed', params: changed('f1', 9) });
  server.answerNow('feed.subscribe', { result: { feed: 'f2', seq: 7, recovered: true, more: false, changes: [] } });
  server.last.say({ method: 'feed.changed', params: changed('f1', 9) });
  server.last.say({ method: 'feed.changed', params: changed('f2', 30) });
  await settled();
  assert.deepEqual(told.sort(), ['labels 9', 'labels reload 7', 'mine 30', 'mine reload 7']);

  await server.last.tell('feed.ended', { feed: 'f2' });
  assert.deepEqual([told.at(-1), mine.status], ['mine ended', 'ended']);
  await server.last.drop();
  await pass(500);
  assert.deepEqual(server.waiting('feed.subscribe'), [{ table: 'labels', after: 9 }]);
  await server.answer('feed.subscribe', { feed: 'f1', seq: 40, recovered: true, more: false, changes: [changed('f1', 12)] });
  assert.deepEqual([told.at(-1), labels.seq], ['labels 12', 40]);
  await server.last.tell('connection.reload', { sequence: { kind: 'feed', feed: 'f1' } });
  assert.deepEqual(server.waiting('feed.subscribe'), [{ table: 'labels' }]);
  labels.leave();
  assert.deepEqual(server.last.sent.at(-1).params, { feed: 'f1' });
});

const user = (userId) => ({ userId, name: userId });

test('who is connected is read page by page, what is told meanwhile is newer, and what is not told is read again', async (t) => {
  const { client, server, pass } = await opened(t);
  const presence = client.presence();
  await settled();
  await server.answer('presence.subscribe', { users: [user('a')], onlineCount: 2, more: true });
  assert.deepEqual(server.waiting('presence.subscribe'), [{ after: 'a' }]);
  await server.last.tell('presence.changed', { online: [], offline: ['a'], onlineCount: 1, complete: true });
  await server.answer('presence.subscribe', { users: [user('b')], onlineCount: 2, more: false });
  assert.deepEqual([[...presence.online.keys()], presence.count], [['b'], 1]);
  await server.last.tell('presence.changed', { online: [], offline: [], onlineCount: 900, complete: false });
  assert.deepEqual([server.waiting('presence.subscribe').length, presence.count], [0, 900]);
  await pass(5_000);
  await server.refuse('presence.subscribe', 'unavailable');
  await pass(1_000);
  await server.answer('presence.subscribe', { users: [user('c')], onlineCount: 1, more: false });
  assert.deepEqual([...presence.online.keys()], ['c']);
});

const incoming = { callId: 'k', roomId: 'r', from: 'ben', name: 'Ben', media: 'audio', ringTimeMs: 30_000 };

test('a call that rings is taken, and its end is told with the reason', async (t) => {
  const { client, server } = await opened(t);
  const told = [];
  client.calls.on('incoming', (call) => {
    told.push(`${call.name} ${call.media}`);
    call.on('ended', (reason) => told.push(reason));
    call.accept();
  });
  server.script('call.accept', ({ callId }) => ({ callId, roomId: 'r', iceServers: [] }));
  await server.last.tell('call.incoming', incoming);
  await server.last.tell('call.ended', { callId: 'another', reason: 'missed' });
  await server.last.tell('call.ended', { callId: 'k', reason: 'hungUp' });
  await server.last.tell('call.ended', { callId: 'k', reason: 'lost' });
  assert.deepEqual(told, ['Ben audio', 'hungUp']);
});

test('a call of our own is answered, ended or taken back, and news that overtake it are not lost', async (t) => {
  const { client, server } = await opened(t);
  const rung = client.calls.ring({ roomId: 'r', userId: 'ben' });
  server.last.say({ method: 'call.answered', params: { callId: 'k', by: 'c9' } });
  server.answerNow('call.ring', { result: { callId: 'k', ringTimeMs: 30_000, iceServers: [] } });
  const call = await rung;
  const told = [];
  call.on('answered', () => told.push('answered'));
  await settled();
  assert.deepEqual([told, call.state], [['answered'], 'active']);
  const over = call.hangUp();
  await server.answer('call.hangUp', {});
  await over;
  const again = client.calls.ring({ roomId: 'r', userId: 'ben', media: 'audio' });
  await server.answer('call.ring', { callId: 'k2', ringTimeMs: 30_000, iceServers: [] });
  const cancelled = (await again).hangUp();
  await server.answer('call.cancel', {});
  await cancelled;
  assert.deepEqual([call.state, server.last.methods], ['ended', ['call.ring', 'call.hangUp', 'call.ring', 'call.cancel']]);
  await assert.rejects(Promise.all([client.calls.ring({ roomId: 'r', userId: 'ben' }), server.refuse('call.ring', 'call.busy')]), { code: 'call.busy' });
});

test('others are rung into a call, and it is known who is part of it', async (t) => {
  const { client, server } = await opened(t);
  const seen = [];
  client.calls.on('incoming', (call) => {
    call.on('changed', (parties) => seen.push(parties.map(({ state }) => state)));
    call.on('ended', (reason) => seen.push(reason));
    call.accept().then(() => call.invite('cleo')).then(() => call.transfer('dora'));
  });
  await server.last.tell('call.incoming', incoming);
  await server.answer('call.accept', { callId: incoming.callId, roomId: 'r', iceServers: [] });
  await server.answer('call.invite', { callId: incoming.callId, ringTimeMs: 45_000 });
  await server.answer('call.transfer', { callId: incoming.callId, ringTimeMs: 45_000 });
  const parties = (...states) => states.map((state) => ({ userId: state, name: '', state, connectionId: null, invitedBy: 'ada', reason: null }));
  await server.last.tell('call.changed', { callId: incoming.callId, revision: 2, parties: parties('joined', 'joined', 'ringing') });
  await server.last.tell('call.changed', { callId: incoming.callId, revision: 1, parties: parties('joined') });
  await server.last.tell('call.ended', { callId: incoming.callId, reason: 'transferred' });
  assert.deepEqual(seen, [['joined', 'joined', 'ringing'], 'transferred']);
});

test('an invitation is taken back, and a call is handed over to another room', async (t) => {
  const { client, server } = await opened(t);
  const seen = [];
  let call;
  client.calls.on('incoming', (one) => {
    call = one;
    call.on('transferring', ({ roomId, name }) => seen.push([roomId, name]));
    call.on('transferFailed', (userId) => seen.push(userId));
    call.on('ended', (reason) => seen.push(reason));
  });
  const { callId } = incoming;
  await server.last.tell('call.incoming', incoming);
  const methods = [['call.withdraw', () => call.withdraw('cleo'), {}], ['call.transferToRoom', () => call.transferToRoom('r2'), { callId, answerTimeMs: 20_000 }]];
  for (const [method, ask, result] of methods) {
    const asked = ask();
    await server.answer(method, result);
    await asked;
  }
  await server.last.tell('call.transferFailed', { callId, roomId: 'r2', userId: 'ada' });
  const transferring = { callId, roomId: 'r3', by: 'ada', name: 'Ada', answerTimeMs: 20_000 };
  await server.last.tell('call.transferring', transferring);
  await server.last.tell('call.transferring', transferring);
  const stays = call.answerTransfer('r3', false);
  await server.answer('call.answerTransfer', {});
  await stays;
  await server.last.tell('call.transferring', transferring);
  const goes = call.answerTransfer('r3', true);
  await server.answer('call.answerTransfer', {});
  await goes;
  await server.last.tell('call.ended', { callId, reason: 'transferred' });
  assert.deepEqual(seen, ['ada', ['r3', 'Ada'], ['r3', 'Ada'], 'transferred'], 'each time once');
});

test('who comes too late to where a call was handed over leaves the call', async (t) => {
  const { client, server } = await opened(t);
  let call;
  client.calls.on('incoming', (one) => (call = one));
  await server.last.tell('call.incoming', incoming);
  const accepted = call.accept();
  await server.answer('call.accept', { callId: incoming.callId, roomId: 'r', iceServers: [] });
  await accepted;
  const goes = call.answerTransfer('r3', true);
  await server.refuse('call.answerTransfer', 'call.wrongState');
  await server.answer('call.hangUp', {});
  await goes;
  assert.equal(call.state, 'ended');
});

/** A call that is picked up, and how often it was handed over. */
async function talking(t) {
  const made = await opened(t);
  const { client, server } = made;
  let call;
  client.calls.on('incoming', (one) => (call = one));
  await server.last.tell('call.incoming', incoming);
  const accepted = call.accept();
  await server.answer('call.accept', { callId: incoming.callId, roomId: 'r', iceServers: [] });
  await accepted;
  let times = 0;
  call.on('transferring', () => (times += 1));
  const told = (answerTimeMs) => server.last.tell('call.transferring', { callId: incoming.callId, roomId: 'r3', by: 'ada', name: 'Ada', answerTimeMs });
  const answers = () => server.connections.flatMap(({ sent }) => sent).filter(({ method }) => method === 'call.answerTransfer').map(({ params }) => params.isThere);
  return { ...made, call, told, answers, times: () => times };
}

test('a call is handed over to the same room once more after nothing came of it', async (t) => {
  const { pass, told, times } = await talking(t);
  await told(20_000);
  await pass(10_000);
  await told(10_000);
  assert.equal(times(), 1, 'the page is on its way');
  await pass(10_000);
  await told(20_000);
  assert.equal(times(), 2);
});

test('what crosses the answer of somebody who has declined asks them nothing, and they are not hung up', async (t) => {
  const { server, call, told, times } = await talking(t);
  await told(20_000);
  const stays = call.answerTransfer('r3', false);
  await settled();
  await told(19_000);
  await server.answer('call.answerTransfer', {});
  await stays;
  await told(18_000);
  assert.equal(times(), 1);
  for (let turn = 0; turn < 2; turn += 1) {
    const goes = assert.rejects(call.answerTransfer('r3', true), { code: 'call.wrongState' });
    await server.refuse('call.answerTransfer', 'call.wrongState');
    await goes;
  }
  assert.deepEqual([call.state, server.last.methods.includes('call.hangUp')], ['active', false]);
  await told(20_000);
  assert.equal(times(), 2, 'another time they are asked again');
});

test('an answer that was lost is given again, when it is asked for and by the next connection', async (t) => {
  const { server, pass, call, told, answers, times } = await talking(t);
  await told(20_000);
  const goes = assert.rejects(call.answerTransfer('r3', true), { code: 'unavailable' });
  await server.refuse('call.answerTransfer', 'unavailable', { fault: 'ours' });
  await goes;
  await told(18_000);
  await told(17_000);
  assert.deepEqual(answers(), [true, true], 'one at a time');
  await server.last.drop();
  await pass(2_000);
  await server.answer('call.resume', { callId: incoming.callId, ringTimeMs: 0, answeredAt: '' });
  assert.deepEqual(answers(), [true, true, true]);
  await server.answer('call.answerTransfer', {});
  assert.deepEqual([call.state, times()], ['ended', 1]);
});

test('calls go on by a new connection, and by which they were is said until that was heard', async (t) => {
  const { client, server, pass } = await opened(t);
  const told = [];
  client.calls.on('incoming', (call) => {
    told.push('rings');
    call.on('resumed', ({ ringTimeMs }) => told.push(ringTimeMs));
    call.on('answered', () => told.push('answered'));
    call.on('ended', (reason) => told.push(reason));
  });
  await server.last.tell('call.incoming', incoming);
  await server.last.tell('call.incoming', incoming);
  const before = client.state.connectionId;
  const resumed = () => server.last.sent.filter(({ method }) => method === 'call.resume').map(({ params }) => params);
  for (let turn = 0; turn < 2; turn += 1) {
    await server.last.drop();
    await pass(2_000);
    assert.deepEqual(resumed(), [{ callId: incoming.callId, connectionId: before }], 'the first was lost before the answer');
  }
  const stands = { callId: incoming.callId, roomId: 'r', media: 'audio', isCaller: false, with: 'ada', name: 'Ada', connectionId: 'hers', startedAt: '', answeredAt: null, iceServers: [] };
  await server.answer('call.resume', { ...stands, ringTimeMs: 9_000 });
  const after = client.state.connectionId;
  await server.last.drop();
  await pass(2_000);
  assert.deepEqual(resumed(), [{ callId: incoming.callId, connectionId: after }]);
  await server.refuse('call.resume', 'call.over');
  assert.deepEqual(told, ['rings', 9_000, 'lost']);
});

test('a media session is entered after its room, entered again after a loss, and left once one is taken out of the room', async (t) => {
  const { client, server, pass } = await opened(t);
  const joined = { name: '', members: [], memberCount: 0, messages: [], seq: 0, more: false, recovered: true };
  server.script('media.leave', () => ({}));
  const me = (connectionId) => ({ state: { route: 'peerToPeer', revision: 1, participants: [{ connectionId, userId: 'u', name: 'Me' }] }, iceServers: [] });
  const session = client.media('r', { local: { tracks: {}, stream: {} }, changed: () => {} });
  const entering = session.join();
  await settled();
  assert.deepEqual(server.last.methods, ['room.join']);
  await server.answer('room.join', joined);
  await server.answer('media.join', me('c1'));
  await entering;
  assert.equal(session.self, 'c1');
  await server.last.drop();
  await pass(500);
  await server.answer('room.join', joined);
  await server.answer('media.join', me('c2'));
  assert.deepEqual([session.self, server.last.methods], ['c2', ['room.join', 'media.join']]);
  await server.last.tell('room.removed', { roomId: 'r', reason: 'removed' });
  await server.last.drop();
  await pass(30_000);
  assert.deepEqual(server.last.methods, [], 'it is not entered again');
});

test('a connection that was lost again while it resumed has not resumed', async (t) => {
  const { client, server, pass } = await opened(t);
  const told = [];
  client.room('r');
  client.on('resumed', ({ connectionId }) => told.push(connectionId));
  await settled();
  await server.last.drop();
  await pass(500);
  await server.last.drop();
  await pass(1_000);
  await server.answer('room.join', { name: '', members: [], memberCount: 0, messages: [], seq: 0, more: false, recovered: true });
  assert.deepEqual(told, ['c3']);
});

test('closing leaves everything, and what resumed is told when it has', async (t) => {
  const { client, server, pass } = await opened(t);
  const told = [];
  client.on('opened', () => told.push('opened'));
  client.on('resumed', () => told.push('resumed'));
  const room = client.room('r');
  await settled();
  await server.last.drop();
  await pass(500);
  assert.deepEqual(told, ['opened']);
  await server.answer('room.join', { name: '', members: [], memberCount: 0, messages: [], seq: 0, more: false, recovered: true });
  assert.deepEqual(told, ['opened', 'resumed']);
  client.close();
  assert.deepEqual([room.status, client.state.phase], ['ended', 'closed']);
});

test('how the user is at this device is said again on every new connection', async (t) => {
  const { client, server, pass } = await opened(t);
  client.presence().set('busy').catch(() => {});
  await settled();
  assert.deepEqual(server.waiting('presence.set').at(-1), { status: 'busy' });
  await server.last.drop();
  await pass(500);
  assert.deepEqual(server.waiting('presence.set'), [{ status: 'busy' }]);
});

test('the list of rooms is followed again after every loss, and read by the page each time', async (t) => {
  const { client, server, pass } = await opened(t);
  const list = client.roomList();
  const told = [];
  list.on('reload', () => told.push('reload'));
  list.on('unread', (rooms) => told.push(...rooms.map(({ roomId }) => roomId)));
  await settled();
  await server.answer('rooms.subscribe', {});
  await server.last.tell('rooms.unreadChanged', { rooms: [{ roomId: 'a' }, { roomId: 'b' }] });
  assert.deepEqual(told, ['reload', 'a', 'b']);
  await server.last.drop();
  await pass(500);
  await server.answer('rooms.subscribe', {});
  assert.deepEqual(told.slice(3), ['reload']);
  const counts = () => [...list.calls.values()].map(({ roomId, participantCount }) => `${roomId} ${participantCount}`);
  const calls = (...rooms) => ['rooms.callsChanged', { rooms: rooms.map(([roomId, participantCount]) => ({ roomId, participantCount, participants: [] })) }];
  await server.last.tell(...calls(['a', 2], ['b', 1]));
  await server.last.tell(...calls(['b', 0]));
  assert.deepEqual(counts(), ['a 2']);
  await server.last.drop();
  await pass(3_000);
  assert.deepEqual(counts(), ['a 2'], 'until it is known');
  // It comes in one breath with the answer.
  server.last.say({ id: server.last.sent.find(({ method }) => method === 'rooms.subscribe').id, result: {} });
  await server.last.tell(...calls(['c', 3]));
  assert.deepEqual([counts(), told.slice(4)], [['c 3'], ['reload']]);
  list.leave();
  assert.equal(server.last.methods.at(-1), 'rooms.unsubscribe');
  await server.last.tell('rooms.unreadChanged', { rooms: [{ roomId: 'c' }] });
  assert.equal(told.length, 5);
  assert.notEqual(client.roomList(), list);
});
