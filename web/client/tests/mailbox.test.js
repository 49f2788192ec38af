import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Client } from '../src/index.js';
import { ScriptedServer, settled, virtualTime } from './scripted.js';

const entry = (seq, patch = {}) => ({ seq, kind: 'mention', from: 'a', name: 'Ada', roomId: 'r', messageSeq: seq * 10, callId: null, createdAt: '', read: false, ...patch });
const missed = (seq) => entry(seq, { kind: 'callMissed', messageSeq: null, callId: 'c' });
const answer = (entries, patch = {}) => ({ seq: entries.at(-1)?.seq ?? 0, acknowledgedSeq: 0, complete: true, entries, ...patch });

/** A mailbox whose first answer has these entries, and what it has told. */
async function opened(t, first) {
  const pass = virtualTime(t);
  const server = new ScriptedServer();
  server.script('connection.open', () => ({ connectionId: `c${server.connections.length}`, userId: 'me', pingIntervalMs: 25_000, expiresAt: new Date(Date.now() + 3_600_000).toISOString() }));
  const client = new Client({ server: 'https://sb.test', token: () => 'token', WebSocket: server.WebSocket, fetch: null });
  client.connect();
  await settled();
  const mailbox = client.mailbox();
  const told = [];
  mailbox.on('entry', ({ seq }) => told.push(seq));
  mailbox.on('reload', ({ isFirst }) => told.push(`reload ${isFirst}`));
  mailbox.on('failed', ({ code }) => told.push(code));
  await settled();
  await server.answer('mailbox.subscribe', first);
  return { client, server, pass, mailbox, told, numbers: () => mailbox.entries.map(({ seq }) => seq) };
}

test('entries come once and in order, and a gap is asked for', async (t) => {
  const { client, server, pass, mailbox, told, numbers } = await opened(t, answer([entry(1, { read: true }), missed(2)], { acknowledgedSeq: 1 }));
  assert.equal(client.mailbox(), mailbox);
  assert.deepEqual([numbers(), mailbox.unread, mailbox.seq, mailbox.complete], [[1, 2], 1, 2, true]);
  for (const seq of [3, 3, 2, 6]) await server.last.tell('mailbox.entry', entry(seq));
  assert.deepEqual(told, ['reload true', 3]);
  await pass(1_500);
  await server.last.tell('mailbox.entry', entry(7));
  await server.answer('mailbox.subscribe', answer([1, 2, 3, 4, 5, 6].map((seq) => entry(seq))));
  assert.deepEqual(told, ['reload true', 3, 4, 5, 6, 7]);
  assert.deepEqual(numbers(), [1, 2, 3, 4, 5, 6, 7]);
});

test('what was missed, and what was read meanwhile, is known on the next connection', async (t) => {
  const { server, pass, mailbox, told, numbers } = await opened(t, answer([entry(1), entry(2)]));
  await server.last.drop();
  await pass(3_000);
  await server.answer('mailbox.subscribe', answer([entry(1, { read: true }), entry(2), entry(3)]));
  assert.deepEqual([told, numbers(), mailbox.unread], [['reload true', 3], [1, 2, 3], 2]);

  await server.last.drop();
  await pass(3_000);
  // A hundred of those that were missed are answered, and not the one after the last that is known.
  const latest = Array.from({ length: 100 }, (_, at) => entry(at + 5));
  await server.answer('mailbox.subscribe', answer(latest, { complete: false, acknowledgedSeq: 50 }));
  assert.deepEqual([told.slice(2), mailbox.entries.length, mailbox.unread, mailbox.complete], [['reload false'], 100, 54, false]);

  // Those that are known from before stay, where the answer goes on from them.
  await server.last.drop();
  await pass(3_000);
  await server.answer('mailbox.subscribe', answer(latest.slice(1).concat(entry(105)), { complete: false, acknowledgedSeq: 105 }));
  assert.deepEqual([told.slice(3), numbers()[0], mailbox.entries.length, mailbox.unread], [[105], 5, 101, 0]);
});

test('what was seen on another device, or read in its room, is not new', async (t) => {
  const { server, mailbox } = await opened(t, answer([missed(1), entry(2), entry(3), entry(4)]));
  await server.last.tell('mailbox.acknowledged', { seq: 2 });
  assert.deepEqual([mailbox.unread, mailbox.acknowledgedSeq], [2, 2]);
  await server.last.tell('room.read', { roomId: 'r', userId: 'other', seq: 99 });
  await server.last.tell('room.read', { roomId: 'elsewhere', userId: 'me', seq: 99 });
  assert.equal(mailbox.unread, 2);
  await server.last.tell('room.read', { roomId: 'r', userId: 'me', seq: 30 });
  assert.equal(mailbox.unread, 1);
  mailbox.readIn('r');
  assert.equal(mailbox.unread, 0);
});

test('a missed call is not read in its room, and what is acknowledged is said once', async (t) => {
  const { server, mailbox } = await opened(t, answer([missed(1)]));
  mailbox.readIn('r');
  assert.equal(mailbox.unread, 1);
  const said = mailbox.acknowledge();
  assert.equal(mailbox.unread, 0, 'shown before it is answered');
  await server.answer('mailbox.acknowledge', { seq: 1 });
  await said;
  await mailbox.acknowledge();
  assert.deepEqual(server.last.methods, ['mailbox.subscribe', 'mailbox.acknowledge']);
});

test('what the server refuses to note is shown as it is there', async (t) => {
  const { server, mailbox } = await opened(t, answer([missed(1)]));
  const said = assert.rejects(mailbox.acknowledge(), { code: 'unavailable' });
  await server.refuse('mailbox.acknowledge', 'unavailable', { fault: 'ours' });
  await said;
  await server.answer('mailbox.subscribe', answer([missed(1)]));
  assert.equal(mailbox.unread, 1);
  const again = mailbox.acknowledge();
  await server.answer('mailbox.acknowledge', { seq: 1 });
  await again;
});

test('what is acknowledged while the mailbox is asked for stays so', async (t) => {
  const { server, pass, mailbox } = await opened(t, answer([missed(1), missed(2)]));
  await server.last.drop();
  await pass(3_000);
  const said = mailbox.acknowledge();
  await server.answer('mailbox.subscribe', answer([missed(1), missed(2)]));
  assert.deepEqual([mailbox.acknowledgedSeq, mailbox.unread], [2, 0]);
  await server.answer('mailbox.acknowledge', { seq: 2 });
  await said;
});

test('what is refused while the mailbox is asked for is shown as it is there', async (t) => {
  const { server, pass, mailbox } = await opened(t, answer([missed(1), missed(2)]));
  await server.last.drop();
  await pass(3_000);
  const said = assert.rejects(mailbox.acknowledge(), { code: 'unavailable' });
  await server.refuse('mailbox.acknowledge', 'unavailable', { fault: 'ours' });
  await said;
  await server.answer('mailbox.subscribe', answer([missed(1), missed(2)]));
  assert.deepEqual([mailbox.acknowledgedSeq, mailbox.unread], [0, 2]);
});

test('news that come before the answer are told after it', async (t) => {
  const { server, pass, mailbox, told } = await opened(t, answer([entry(1)]));
  await server.last.drop();
  await pass(500);
  await server.last.tell('mailbox.entry', entry(3));
  await server.last.tell('mailbox.acknowledged', { seq: 3 });
  await server.answer('mailbox.subscribe', answer([entry(1), entry(2)]));
  assert.deepEqual([told, mailbox.unread], [['reload true', 2, 3], 0]);
});

test('a guest has none, and one that was left is followed no longer', async (t) => {
  const { client, server, pass, mailbox, told } = await opened(t, answer([entry(1)]));
  mailbox.leave();
  assert.equal(server.last.methods.at(-1), 'mailbox.unsubscribe');
  assert.notEqual(client.mailbox(), mailbox);
  client.mailbox().on('failed', ({ code }) => told.push(code));
  await settled();
  await server.refuse('mailbox.subscribe', 'auth.forbidden');
  assert.deepEqual(told, ['reload true', 'auth.forbidden']);
  await server.last.tell('mailbox.entry', entry(2));
  await server.last.drop();
  await pass(500);
  assert.deepEqual(told.length, 2);
});

test('what was read already is no change, however often a page looks at the room', async (t) => {
  const { mailbox } = await opened(t, answer([entry(1), missed(2)]));
  let changes = 0;
  mailbox.on('changed', () => (changes += 1));
  for (let look = 0; look < 3; look += 1) mailbox.readIn('r');
  assert.deepEqual([changes, mailbox.unread], [1, 1]);
});
