import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LocalMedia } from '../src/index.js';
import { settled } from './scripted.js';

class Track {
  readyState = 'live';
  constructor(kind) {
    this.kind = kind;
  }
  stop() {
    this.readyState = 'ended';
  }
}

class Stream {
  #tracks = new Set();
  addTrack = (track) => this.#tracks.add(track);
  removeTrack = (track) => this.#tracks.delete(track);
  getTracks = () => [...this.#tracks];
  getVideoTracks = () => this.getTracks().filter(({ kind }) => kind === 'video');
}

/** A browser whose user gives a device when the test says so. */
function devices(t) {
  const asked = [];
  const given = [];
  const ask = (kind) => new Promise((resolve) => asked.push(() => {
    const stream = new Stream();
    const track = new Track(kind);
    given.push(track);
    stream.addTrack(track);
    resolve(stream);
  }));
  const mediaDevices = { getUserMedia: ({ audio }) => ask(audio ? 'audio' : 'video'), getDisplayMedia: () => ask('video') };
  for (const [name, value] of Object.entries({ navigator: { mediaDevices }, MediaStream: Stream })) {
    const before = Object.getOwnPropertyDescriptor(globalThis, name);
    Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
    t.after(() => (before ? Object.defineProperty(globalThis, name, before) : delete globalThis[name]));
  }
  const give = async () => {
    asked.shift()();
    await settled();
  };
  return { asked, given, give, live: () => given.filter(({ readyState }) => readyState === 'live') };
}

test('a camera that is switched on twice at once is asked for once, and off when it is switched off', async (t) => {
  const { asked, give, live } = devices(t);
  const local = new LocalMedia();
  const [first, second] = [local.camera(true), local.camera(true)];
  await give();
  assert.deepEqual([await first === await second, asked.length, live().length], [true, 0, 1]);
  await local.camera(false);
  assert.deepEqual([local.hasCamera, live()], [false, []]);
});

test('a screen that is shared twice at once is shared no more when that is ended, and the camera comes back', async (t) => {
  const { asked, give, live, given } = devices(t);
  const local = new LocalMedia();
  const camera = local.camera(true);
  await give();
  await camera;
  const both = [local.share(true), local.share(true)];
  while (asked.length > 0) await give();
  await Promise.all(both);
  assert.equal(local.isSharing, true);
  assert.equal(await local.share(false), given[0]);
  assert.deepEqual([local.isSharing, live()], [false, [given[0]]]);
});

test('a device that is switched off while it is asked for is off in the end', async (t) => {
  const { give, live } = devices(t);
  const local = new LocalMedia();
  const both = [local.camera(true), local.camera(false)];
  await give();
  assert.deepEqual([(await Promise.all(both)).at(-1), local.hasCamera, live()], [null, false, []]);
});

for (const [what, begin] of [
  ['camera', (local) => local.camera(true)], ['screen', (local) => local.share(true)], ['microphone', (local) => local.start({ video: false })],
]) {
  test(`a ${what} that comes after all is over is let go at once`, async (t) => {
    const { give, given, live } = devices(t);
    const local = new LocalMedia();
    const begun = begin(local);
    local.stop();
    await give();
    await begun;
    assert.deepEqual([given.length, live(), local.tracks, local.isSharing], [1, [], { audio: null, video: null }, false]);
  });
}
