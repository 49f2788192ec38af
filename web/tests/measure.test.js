import assert from 'node:assert/strict';
import { afterEach, beforeEach, mock, test } from 'node:test';
import { measuring } from '../js/views/call/measure.js';
import { settled } from './stand-in.js';

beforeEach(() => mock.timers.enable({ apis: ['setInterval'] }));
afterEach(() => mock.timers.reset());

/** A call with Ben, whose counters a test sets. */
function inCall() {
  const rated = [];
  const state = { active: { said: { onHold: false }, others: [{ connectionId: 'ben', state: { onHold: false } }] } };
  const voice = { source: 'microphone', muted: false, packets: 0, lost: 0, jitterMs: 3, roundTripMs: 20 };
  const counts = { sent: null, tiles: [{ connectionId: 'me', local: true }, { connectionId: 'ben', tracks: [voice] }] };
  const calls = { state: { get: () => state }, stats: async () => structuredClone(counts) };
  const measure = measuring({ calls, rate: (who, level) => rated.push([who ?? 'me', level]) });
  const later = async () => {
    rated.length = 0;
    mock.timers.tick(2_000);
    await settled();
    return Object.fromEntries(rated);
  };
  measure.start();
  return { measure, voice, counts, state, later };
}

test('everybody is rated by what came since the last time, oneself by what others say', async () => {
  const { voice, counts, later } = inCall();
  assert.deepEqual(await later(), { me: null, ben: null }, 'that takes two measures');
  voice.packets = 100;
  Object.assign(counts, { sent: { lost: 0.5, jitterMs: 4, roundTripMs: 20 } });
  assert.deepEqual(await later(), { me: 'poor', ben: 'good' });
  Object.assign(voice, { packets: 140, lost: 60 });
  assert.equal((await later()).ben, 'good', 'once may be chance');
  Object.assign(voice, { packets: 180, lost: 120 });
  assert.equal((await later()).ben, 'poor');
});

test('nothing comes of one who should be heard, and nothing need come of one who is on hold or muted', async () => {
  const { voice, state, later } = inCall();
  voice.packets = 100;
  await later();
  await later();
  assert.equal((await later()).ben, 'poor');
  state.active.others[0].state.onHold = true;
  await later();
  assert.equal((await later()).ben, 'good');
  state.active.others[0].state.onHold = false;
  voice.muted = true;
  assert.equal((await later()).ben, 'good');
});

test('whoever is not in a call any more is not rated, nor asked about', async () => {
  const { measure, state, later } = inCall();
  state.active = /** @type {any} */ (null);
  assert.deepEqual(await later(), {});
  measure.stop();
  assert.deepEqual(await later(), {});
});
