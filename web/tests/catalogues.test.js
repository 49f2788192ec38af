import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { LANGUAGES } from '../js/language.js';
import { en } from '../js/words/en.js';
import { directionOf, phrases } from '../js/words/phrases.js';
import { catalogueOf, faults, gaps, translations } from './catalogues.js';

for (const language of translations) {
  test(`the catalogue of ${LANGUAGES[language]} has every sentence, its values and its plurals (npm run words)`, async () => {
    const words = await catalogueOf(language);
    assert.deepEqual({ ...gaps(words), faults: faults(words, language) }, { missing: [], unknown: [], faults: [] });
  });

  test(`the sentences of ${LANGUAGES[language]} stand in the order of the English ones`, async () => {
    const keys = Object.keys(await catalogueOf(language)).filter((key) => key in en);
    assert.deepEqual(keys, Object.keys(en).filter((key) => keys.includes(key)));
  });

  /** Whoever adds a sentence in English and copies it everywhere has not translated it. */
  test(`the sentences of ${LANGUAGES[language]} are not English`, async () => {
    const words = await catalogueOf(language);
    const same = Object.entries(words).filter(([key, entry]) => typeof entry === 'string' && entry === en[key] && (entry.match(/\p{Ll}{2,}/gu) ?? []).length > 2);
    assert.deepEqual(same.filter(([key]) => !/\{\w+\}/.test(en[key])), []);
  });
}

test('no catalogue names a key twice', () => {
  for (const language of Object.keys(LANGUAGES)) {
    const text = readFileSync(new URL(`../js/words/${language}.js`, import.meta.url), 'utf8');
    const keys = [...text.matchAll(/^ {2}'([^']+)':/gm)].map(([, key]) => key);
    assert.deepEqual(keys.filter((key, at) => keys.indexOf(key) !== at), [], language);
    assert.ok(keys.length > 300, 'the keys are found');
  }
});

test('what a catalogue lacks, has too much or says wrongly is found', () => {
  const english = { a: 'Hello {name}', b: { one: '{count} day', other: '{count} days' }, c: 'Bye' };
  assert.deepEqual(gaps({ a: '', x: '' }, english), { missing: ["  'b': { one: '{count} day', other: '{count} days' },", "  'c': 'Bye',"], unknown: ['x'] });
  assert.deepEqual(faults({ a: 'Привет', b: { one: '{count}', other: '{n}' } }, 'ru', english), [
    'a: {name} is missing', 'b: {n} is not given', 'b: has the forms one, other; the language has few, many, one, other',
  ]);
  assert.deepEqual(faults({ b: '{count} Tage' }, 'de', english), ['b: has no plural forms']);
  assert.deepEqual(faults({ a: { one: '{name}', other: '{name}' } }, 'de', english), ['a: nothing decides its plural']);
});

test('every form of a plural of Arabic and Russian is said where it is due', async () => {
  const arabic = phrases(await catalogueOf('ar'), 'ar');
  assert.deepEqual([1, 2, 3, 11, 100].map((count) => arabic('room.newBelow', { count })),
    ['رسالة جديدة', 'رسالتان جديدتان', '3 رسائل جديدة', '11 رسالة جديدة', '100 رسالة جديدة']);
  const russian = phrases(await catalogueOf('ru'), 'ru');
  assert.deepEqual([1, 2, 5, 21, 112].map((count) => russian('room.newBelow', { count })),
    ['1 новое сообщение', '2 новых сообщения', '5 новых сообщений', '21 новое сообщение', '112 новых сообщений']);
});

test('between Arabic words whatever is put in stands by itself, and numbers are those of the region', async () => {
  assert.deepEqual(['ar', 'de'].map(directionOf), ['rtl', 'ltr']);
  const arabic = phrases(await catalogueOf('ar'), 'ar', 'ar-EG');
  assert.equal(arabic('call.calling', { name: 'Ada (2)' }), 'جارٍ الاتصال بـ \u2068Ada (2)\u2069…');
  assert.equal(arabic('room.newBelow', { count: 12 }), '١٢ رسالة جديدة');
  assert.equal(phrases(en, 'en', 'en-IN')('room.newBelow', { count: 123456 }), '1,23,456 new messages');
});
