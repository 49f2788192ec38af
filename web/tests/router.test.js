import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withGlobals } from './stand-in.js';

test('the address says what is shown, and unknown views are the rooms', async (t) => {
  let changed = () => {};
  const location = { hash: '#/inbox/a%2Fb' };
  withGlobals(t, { location, addEventListener: (type, handler) => type === 'hashchange' && (changed = handler) });
  const { address, go, route } = await import('../js/router.js');
  assert.deepEqual(route.get(), { view: 'inbox', id: 'a/b' });

  location.hash = '#/nowhere';
  changed();
  assert.deepEqual(route.get(), { view: 'rooms', id: null });

  location.hash = '#/rooms/%E0%A4';
  changed();
  assert.deepEqual(route.get(), { view: 'rooms', id: null }, 'an address that cannot be read shows the list');

  assert.equal(address('rooms'), '#/rooms');
  go('settings', 'a b');
  assert.equal(location.hash, '#/settings/a%20b');
});
