import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isGuest } from '../client/src/index.js';

test('guests are told from people by the kind of their ids', () => {
  assert.ok(isGuest('d41d8cd9-8f00-8204-a980-0998ecf8427e'));
  for (const person of ['0199b2a0-7c00-7000-8000-000000e00000', '886313e1-3b8a-5372-9b90-0c9aee199e5d', '9125a8dc-52ee-4b5b-855a-4a2b0f8f7b83', 'me', '']) {
    assert.equal(isGuest(person), false, person);
  }
});
