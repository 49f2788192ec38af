import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mentionsIn } from '../js/model/mentions.js';

const members = [{ userId: 'a', name: 'Ada' }, { userId: 'al', name: 'Ada Lovelace' }, { userId: 'g', name: 'Grace' }, { userId: 'o', name: 'Özlem' }, { userId: 'n', name: '' }];

test('whose name stands behind an @ is meant, whole and in any case', () => {
  assert.deepEqual(mentionsIn('@Ada, look', members), ['a']);
  assert.deepEqual(mentionsIn('@ada lovelace and @GRACE', members), ['al', 'g']);
  assert.deepEqual(mentionsIn('@özlem: @Grace @Grace', members), ['o', 'g']);
  assert.deepEqual(mentionsIn('Ada, @Adam, @, @Gracely, mail@nowhere', members), []);
});

test('no more are meant than a message may name', () => {
  const many = Array.from({ length: 30 }, (_, n) => ({ userId: `u${n}`, name: `User${n}x` }));
  assert.equal(mentionsIn(many.map(({ name }) => `@${name}`).join(' '), many).length, 20);
});
