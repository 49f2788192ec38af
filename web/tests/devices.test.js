import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createDevices } from '../js/model/devices.js';
import { adviceFor } from '../js/model/device-advice.js';
import { platformOf } from '../js/client.js';
import { StorageDouble, settled, withGlobals } from './stand-in.js';

/** A browser with these devices, which asks for microphone and camera. */
function browser(t, found = []) {
  withGlobals(t, { localStorage: new StorageDouble() });
  const listeners = [];
  const statuses = { microphone: { state: 'prompt' }, camera: { state: 'prompt' } };
  const media = {
    enumerateDevices: async () => found,
    addEventListener: (name, listener) => listeners.push(listener),
  };
  const permissions = { query: async ({ name }) => statuses[name] };
  const plug = async (...devices) => {
    found.push(...devices);
    listeners.forEach((listener) => listener());
    await settled();
  };
  return { media, permissions, statuses, plug };
}

const input = (deviceId, label = deviceId) => ({ kind: 'audioinput', deviceId, label });

test('what was chosen is asked for on the next visit, and is on the list as soon as it is plugged in', async (t) => {
  const { plug, ...parts } = browser(t, [input('default'), input('desk', 'Desk')]);
  createDevices(parts).choose('microphone', 'headset');
  const devices = createDevices(parts);
  await devices.look();
  assert.deepEqual(devices.wanted(), { microphone: 'headset', camera: null });
  assert.deepEqual(devices.state.get().known.microphone, [{ id: 'desk', label: 'Desk' }], 'the browser’s own choice is no device');
  await plug(input('headset', 'Headset'));
  assert.deepEqual(devices.state.get().known.microphone.map(({ label }) => label), ['Desk', 'Headset']);
});

test('how calls are entered is kept, and a preview comes first unless it is not wanted', async (t) => {
  const parts = browser(t);
  assert.deepEqual(createDevices(parts).state.get().entry, { microphone: true, camera: true, preview: true });
  createDevices(parts).enterWith({ camera: false, preview: false });
  assert.deepEqual(createDevices(parts).state.get().entry, { microphone: true, camera: false, preview: false });
});

test('what is kept by somebody else under these names does no harm', async (t) => {
  const { ...parts } = browser(t);
  for (const kept of ['', 'null', '7', '[', '"text"', '{"preview":']) {
    localStorage.setItem('switchboard.entry', kept);
    localStorage.setItem('switchboard.devices', kept);
    assert.equal(createDevices(parts).state.get().entry.preview, true, kept);
  }
});

test('a browser without devices, permissions or storage has none', async (t) => {
  withGlobals(t, { navigator: {}, localStorage: undefined });
  const devices = createDevices();
  await devices.look();
  devices.choose('camera', 'front');
  assert.deepEqual([devices.state.get().known.camera, devices.wanted().camera], [[], 'front']);
});

test('what is allowed later is known when it is', async (t) => {
  const { statuses, ...parts } = browser(t);
  const devices = createDevices(parts);
  await settled();
  assert.deepEqual(devices.state.get().permissions, { microphone: 'prompt', camera: 'prompt' });
  statuses.microphone.state = 'granted';
  statuses.microphone.onchange();
  assert.deepEqual(devices.state.get().permissions, { microphone: 'granted', camera: 'prompt' });
});

const refused = (message = 'Permission denied') => ({ reason: 'notAllowed', message });
const CHROME = 'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36';
const MAC = 'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0 Safari/605.1.15';
const PHONE = 'Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1';
const ANDROID = 'Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Mobile Safari/537.36';
const FIREFOX = 'Mozilla/5.0 (X11; Linux x86_64; rv:153.0) Gecko/20100101 Firefox/153.0';

for (const [what, problem, permission, agent, key] of [
  ['Chromium’s site setting', refused(), 'denied', CHROME, 'advice.site.chromium'],
  ['a question that was closed', refused('Permission dismissed'), 'prompt', CHROME, 'advice.dismissed'],
  ['the system’s setting', refused('Permission denied by system'), 'granted', CHROME, 'advice.system.windows'],
  ['the system’s setting elsewhere', refused('Permission denied by system'), 'denied', FIREFOX, 'advice.system.other'],
  ['Firefox', refused('The request is not allowed'), null, FIREFOX, 'advice.site.firefox'],
  ['Safari', refused(), null, MAC, 'advice.site.safari'],
  ['a phone of Apple’s', refused(), null, PHONE, 'advice.site.ios'],
  ['another phone', refused(), 'denied', ANDROID, 'advice.site.android'],
  ['no device', { reason: 'notFound', message: '' }, 'granted', CHROME, 'advice.notFound'],
  ['a device in use', { reason: 'inUse', message: '' }, 'granted', CHROME, 'advice.inUse'],
  ['a page without https', { reason: 'insecure', message: '' }, null, CHROME, 'advice.insecure'],
  ['anything else', { reason: 'other', message: 'AbortError' }, 'granted', CHROME, 'advice.other'],
]) {
  test(`${what} has advice of its own`, () => assert.equal(adviceFor(problem, permission, platformOf(agent)), key));
}
