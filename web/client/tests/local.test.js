import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LocalMedia } from '../src/index.js';
import { noTracks } from '../src/media/tracks.js';
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
  const ask = (...kinds) => new Promise((resolve) => asked.push(() => {
    const stream = new Stream();
    for (const track of kinds.map((kind) => new Track(kind))) {
      given.push(track);
      stream.addTrack(track);
    }
    resolve(stream);
  }));
  const displays = [];
  const mediaDevices = {
    getUserMedia: ({ audio }) => ask(audio ? 'audio' : 'video'),
    getSupportedConstraints: () => ({}),
    getDisplayMedia: (options) => (displays.push(options), ask('video', 'audio')),
  };
  for (const [name, value] of Object.entries({ navigator: { mediaDevices }, MediaStream: Stream })) {
    const before = Object.getOwnPropertyDescriptor(globalThis, name);
    Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
    t.after(() => (before ? Object.defineProperty(globalThis, name, before) : delete globalThis[name]));
  }
  const give = async () => {
    asked.shift()();
    await settled();
  };
  return { asked, given, give, displays, live: () => given.filter(({ readyState }) => readyState === 'live') };
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

test('a screen is shared beside the camera with what sounds there, once, and all of it ends with it', async (t) => {
  const { asked, give, live, given, displays } = devices(t);
  const local = new LocalMedia();
  const camera = local.camera(true);
  await give();
  await camera;
  const both = [local.share(true), local.share(true)];
  while (asked.length > 0) await give();
  await Promise.all(both);
  assert.equal(local.isSharing, true);
  assert.deepEqual(local.tracks, { microphone: null, camera: given[0], screen: given[1], screenAudio: given[2] });
  assert.deepEqual([local.stream.getTracks(), local.screenStream.getTracks()], [[given[0]], given.slice(1)], 'in step with what belongs to it');
  assert.equal(displays.length, 1);
  assert.deepEqual([Boolean(displays[0].audio), displays[0].systemAudio], [true, 'exclude'], 'others would hear themselves');
  assert.equal(await local.share(false), null);
  assert.deepEqual([local.isSharing, live()], [false, [given[0]]]);
});

test('a screen whose window is closed is shared no more, and so is its sound', async (t) => {
  const { give, live, given } = devices(t);
  const local = new LocalMedia();
  const shared = local.share(true);
  await give();
  await shared;
  const ended = new Promise((resolve) => (local.unshared = resolve));
  given[0].onended();
  await ended;
  assert.deepEqual([local.isSharing, live()], [false, []]);
});

test('each source is muted by itself, and nothing is there to send while the call is on hold', async (t) => {
  const { give } = devices(t);
  const local = new LocalMedia();
  const shared = local.share(true);
  await give();
  await shared;
  const enabled = () => [local.tracks.screen?.enabled, local.tracks.screenAudio?.enabled];
  local.mute(true, 'screenAudio');
  assert.deepEqual([enabled(), local.isMuted('screenAudio'), local.isMuted('screen'), local.isMuted('camera')], [[true, false], true, false, true]);
  local.hold(true);
  assert.deepEqual([enabled(), local.sent.screen], [[false, false], null]);
  local.hold(false);
  local.mute(false, 'screenAudio');
  assert.deepEqual([enabled(), local.sent.screen], [[true, true], local.tracks.screen]);
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
    assert.deepEqual([given.length > 0, live(), local.tracks, local.isSharing], [true, [], noTracks(), false]);
  });
}
