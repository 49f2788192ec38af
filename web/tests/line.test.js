import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sampled } from '../client/src/media/line-sample.js';
import { createLine } from '../js/model/line.js';
import { createStore } from '../js/store.js';
import { settled } from './stand-in.js';

/** A call in which nothing arrives any more once the test says so. */
function calling(t) {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const clock = { now: 0 };
  let arrived = 0;
  const line = { isDead: false, asked: 0 };
  const calls = {
    state: createStore({ active: null }),
    async lineSample() {
      line.asked += 1;
      if (!line.isDead) arrived += 20;
      return { isConnected: true, isLost: false, arrived, own: { isMuted: true, loudest: null }, others: [{ connectionId: 'b', name: 'Ben', isMuted: true, isExpected: true, energy: 0, seconds: 0 }] };
    },
  };
  const { state } = createLine({ calls, now: () => clock.now });
  const pass = async (ms) => {
    for (let passed = 0; passed < ms; passed += 100) {
      clock.now += 100;
      t.mock.timers.tick(100);
      await settled();
    }
  };
  const enter = async (active) => (calls.state.set({ active }), settled());
  return { line, state, pass, enter, kind: () => state.get().problem?.kind ?? null };
}

test('a line that dies is told of within three seconds, and is well again when something arrives', async (t) => {
  const { line, pass, enter, kind } = calling(t);
  await enter({ startedAt: 1 });
  await pass(2_000);
  assert.equal(kind(), null);
  line.isDead = true;
  await pass(3_000);
  assert.equal(kind(), 'lost');
  line.isDead = false;
  await pass(500);
  assert.equal(kind(), null);
});

test('nobody looks at a line without a call, and the next call begins anew', async (t) => {
  const { line, pass, enter, kind } = calling(t);
  await pass(2_000);
  assert.equal(line.asked, 0);
  await enter({ startedAt: 1 });
  line.isDead = true;
  await pass(4_000);
  assert.equal(kind(), 'lost');
  await enter({ startedAt: 2 });
  assert.equal(kind(), null);
  await pass(1_000);
  assert.equal(kind(), null);
  await enter(null);
  const { asked } = line;
  await pass(2_000);
  assert.equal(line.asked, asked);
});

/** A connection with these statistics. */
const connection = (connectionState, ...entries) => ({ connectionState, getStats: async () => new Map(entries.map((entry, at) => [at, entry])) });

const person = (change = {}) => ({
  connectionId: 'b', name: 'Ben', state: { muted: false, onHold: false },
  tracks: [{ source: 'microphone', muted: false, track: { id: 'voice' } }], ...change,
});

const sound = (change = {}) => ({ type: 'inbound-rtp', kind: 'audio', trackIdentifier: 'voice', totalAudioEnergy: 0.5, totalSamplesDuration: 3, ...change });

test('a sample is what all connections say together', async () => {
  const session = { connected: true, others: () => [person()] };
  const connections = [
    connection('connected', { type: 'transport', packetsReceived: 10 }, { type: 'candidate-pair', responsesReceived: 2 }),
    connection('connected', { type: 'transport', packetsReceived: 5 }, sound()), connection('closed', { type: 'transport', packetsReceived: 1_000 }),
  ];
  const { arrived, isLost, others } = await sampled(session, { carrying: connections, leaving: [] });
  assert.deepEqual([arrived, isLost], [17, false]);
  assert.deepEqual(others, [{ connectionId: 'b', name: 'Ben', isMuted: false, isExpected: true, energy: 0.5, seconds: 3 }]);
  const lost = connection('disconnected', { type: 'transport', packetsReceived: 1 });
  assert.equal((await sampled(session, { carrying: [lost], leaving: [] })).isLost, true);
  const handedOver = await sampled(session, { carrying: connections, leaving: [lost] });
  assert.deepEqual([handedOver.isLost, handedOver.arrived], [false, 18], 'the way that is being left is not missed');
});

test('of whom nothing is to be expected is nobody to miss', async () => {
  const expected = async (other, ...entries) => {
    const { others: [{ isMuted, isExpected }] } = await sampled({ connected: true, others: () => [other] }, { carrying: [connection('connected', ...entries)], leaving: [] });
    return [isMuted, isExpected];
  };
  const tracks = (muted) => [{ source: 'microphone', muted, track: { id: 'voice' } }];
  assert.deepEqual(await expected(person(), sound()), [false, true]);
  assert.deepEqual(await expected(person({ tracks: tracks(true) }), sound()), [true, false]);
  assert.deepEqual(await expected(person({ state: { muted: false, onHold: true } }), sound()), [true, false]);
  assert.deepEqual(await expected(person({ tracks: [] })), [true, false]);
  assert.deepEqual(await expected(person(), sound({ totalAudioEnergy: undefined })), [true, true], 'a browser that does not count');
});
