import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createMailbox } from '../js/model/mailbox.js';
import { SocketDouble, withGlobals } from './stand-in.js';

const entry = (seq, patch = {}) => ({ seq, kind: 'mention', from: 'a', name: 'Ada', roomId: 'r', messageSeq: seq * 10, callId: null, createdAt: '', read: false, ...patch });

test('the latest entry is first, and what is new is counted until it was seen', async () => {
  const socket = new SocketDouble();
  const mailbox = createMailbox({ socket });
  await socket.open();
  await socket.answer('mailbox.subscribe', { seq: 2, acknowledgedSeq: 1, entries: [entry(1, { read: true }), entry(2)], complete: true });
  assert.deepEqual(mailbox.state.get().entries.map(({ seq }) => seq), [2, 1]);
  await socket.emit('mailbox.entry', entry(3, { kind: 'callMissed', messageSeq: null, callId: 'c' }));
  assert.deepEqual([mailbox.state.get().entries[0].seq, mailbox.unread()], [3, 2]);
  mailbox.readIn('r');
  assert.equal(mailbox.unread(), 1);
  mailbox.acknowledge();
  assert.deepEqual([mailbox.unread(), mailbox.state.get().entries.every(({ read }) => read)], [0, true]);
});

test('a mention that was missed sounds, unless it was read elsewhere', async (t) => {
  let sounds = 0;
  withGlobals(t, { AudioContext: function AudioContext() {
    sounds += 1;
    return { createOscillator: () => ({ frequency: {}, connect: () => ({ connect() {} }), start() {}, stop() {} }), createGain: () => ({ gain: { setValueAtTime() {}, exponentialRampToValueAtTime() {} } }), currentTime: 0 };
  } });
  const socket = new SocketDouble();
  createMailbox({ socket });
  await socket.open();
  await socket.answer('mailbox.subscribe', { seq: 1, acknowledgedSeq: 0, entries: [entry(1)], complete: true });
  await socket.open();
  await socket.answer('mailbox.subscribe', { seq: 2, acknowledgedSeq: 2, entries: [entry(1, { read: true }), entry(2, { read: true })], complete: true });
  assert.equal(sounds, 0);
  await socket.open();
  await socket.answer('mailbox.subscribe', { seq: 4, acknowledgedSeq: 2, entries: [entry(3), entry(4)], complete: false });
  assert.equal(sounds, 1, 'several are one sound');
});
