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
  /** What was asked for, and what the next that is asked for fails with. */
  const wanted = [];
  const failures = [];
  const mediaDevices = {
    getUserMedia({ audio, video }) {
      wanted.push(audio || video);
      const name = failures.shift();
      if (name) return Promise.reject(Object.assign(new Error(name), { name }));
      return audio && video ? ask('audio', 'video') : ask(audio ? 'audio' : 'video');
    },
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
  return { asked, given, give, displays, wanted, failures, live: () => given.filter(({ readyState }) => readyState === 'live') };
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

/** A microphone in use. */
async function speaking(t) {
  const browser = devices(t);
  const local = new LocalMedia({ devices: { microphone: 'desk' } });
  const begun = local.start({ video: false });
  await browser.give();
  await begun;
  return { ...browser, local };
}

test('a device that was chosen before is asked for, and done without where it is not there', async (t) => {
  const { wanted, local } = await speaking(t);
  assert.deepEqual(wanted[0].deviceId, { ideal: 'desk' });
  assert.equal(local.tracks.microphone.readyState, 'live');
});

test('another microphone takes the place of the present one, muted as that was, and exactly that one is taken', async (t) => {
  const { local, give, given, live, wanted } = await speaking(t);
  local.mute(true);
  const chosen = local.choose('microphone', 'headset');
  assert.deepEqual(live(), [given[0]], 'one goes on being heard until the other is there');
  await give();
  assert.equal(await chosen, given[1]);
  assert.deepEqual([live(), local.tracks.microphone, local.stream.getTracks()], [[given[1]], given[1], [given[1]]]);
  assert.deepEqual([wanted[1].deviceId, given[1].enabled], [{ exact: 'headset' }, false]);
});

test('a microphone that cannot be had leaves the present one in its place, and says why', async (t) => {
  const { local, given, live, failures } = await speaking(t);
  failures.push('OverconstrainedError');
  assert.equal(await local.choose('microphone', 'headset'), given[0]);
  assert.deepEqual([live(), local.devices.microphone, local.problemOf('microphone').reason], [[given[0]], 'desk', 'notFound']);
  assert.equal(await local.ask('microphone'), given[0]);
  assert.deepEqual([local.problemOf('microphone'), live()], [null, [given[0]]], 'who is content with it is told no more');
});

test('a phone that opens one camera at a time is given time to close the first', async (t) => {
  const { asked, give, given, live, failures } = devices(t);
  const local = new LocalMedia();
  const first = local.camera(true);
  await give();
  await first;
  failures.push('NotReadableError');
  const second = local.choose('camera', 'back');
  await settled();
  assert.deepEqual([live(), asked.length], [[], 1]);
  await give();
  assert.equal(await second, given[1]);
  assert.equal(local.problemOf('camera'), null);
});

test('a camera that is off stays off when another one is chosen', async (t) => {
  const { wanted, give } = devices(t);
  const local = new LocalMedia();
  assert.equal(await local.choose('camera', 'back'), null);
  assert.equal(wanted.length, 0);
  const on = local.camera(true);
  await give();
  await on;
  assert.deepEqual(wanted[0].deviceId, { ideal: 'back' });
});

test('another microphone takes over from one that is unplugged', async (t) => {
  const { local, give, given, live, wanted } = await speaking(t);
  const lost = new Promise((resolve) => (local.lost = resolve));
  given[0].stop();
  given[0].onended();
  await give();
  assert.equal(await lost, 'microphone');
  assert.deepEqual([live(), local.tracks.microphone, wanted[1].deviceId], [[given[1]], given[1], undefined]);
});

test('nobody is shown by another camera than the one they chose', async (t) => {
  const { asked, give, given } = devices(t);
  const local = new LocalMedia();
  const on = local.camera(true);
  await give();
  await on;
  const lost = new Promise((resolve) => (local.lost = resolve));
  given[0].onended();
  assert.equal(await lost, 'camera');
  assert.deepEqual([local.hasCamera, asked.length], [false, 0]);
});

test('what was refused is asked for again when the user wants it', async (t) => {
  const { give, given, failures } = devices(t);
  failures.push('NotAllowedError', 'NotAllowedError', 'NotAllowedError');
  const local = await new LocalMedia().start({ video: true });
  assert.deepEqual(local.problems.map(({ source, reason }) => [source, reason]), [['microphone', 'notAllowed'], ['camera', 'notAllowed']]);
  const again = local.ask('microphone');
  await give();
  assert.equal(await again, given[0]);
  assert.deepEqual(local.problems.map(({ source }) => source), ['camera']);
});
