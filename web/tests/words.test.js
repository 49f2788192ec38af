import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { test } from 'node:test';
import { delivery, ending, explain, names, phrase } from '../js/words.js';
import { en } from '../js/words/en.js';
import { languageFor, phrases } from '../js/words/phrases.js';

const JS = new URL('../js/', import.meta.url);

/** Every module but the catalogues. */
const modules = () => readdirSync(JS, { recursive: true })
  .filter((name) => name.endsWith('.js') && !name.startsWith('words/'))
  .map((name) => ({ name, text: readFileSync(new URL(name, JS), 'utf8') }));

test('every sentence of the catalogue is shown somewhere', () => {
  const text = modules().map((module) => module.text).join('\n');
  // Some keys end in a word of the server: `error.${code}`.
  const openings = [...text.matchAll(/`([a-z][a-zA-Z]*\.)\$\{/g)].map(([, opening]) => opening);
  assert.ok(openings.length > 2, 'the openings are found');
  const unused = Object.keys(en).filter((key) => !text.includes(`'${key}'`) && !openings.some((opening) => key.startsWith(opening)));
  assert.deepEqual(unused, []);
});

test('every key that a module names is in the catalogue', () => {
  const missing = modules().flatMap(({ name, text }) => [...text.matchAll(/\bphrase\('([^']+)'/g)]
    .filter(([, key]) => !(key in en) && !name.startsWith('reference')).map(([, key]) => `${name}: ${key}`));
  assert.deepEqual(missing, []);
});

test('the forms of a plural have the same values put in', () => {
  const placeholders = (text) => [...text.matchAll(/\{(\w+)\}/g)].map(([, name]) => name).filter((name) => name !== 'count').sort();
  for (const [key, entry] of Object.entries(en)) {
    if (typeof entry === 'string' || entry.one === '') continue;
    assert.deepEqual(placeholders(entry.one), placeholders(entry.other), key);
  }
});

test('a number chooses its plural by the rules of the language', () => {
  assert.equal(phrase('names.others', { count: 1 }), '1 other');
  assert.equal(phrase('names.others', { count: 2 }), '2 others');
  const russian = phrases({ days: { one: '{count} день', few: '{count} дня', other: '{count} дней' } }, 'ru');
  assert.deepEqual([1, 3, 5, 21].map((count) => russian('days', { count })), ['1 день', '3 дня', '5 дней', '21 день']);
});

test('a name in another direction is isolated from the sentence around it, others are left alone', () => {
  assert.equal(phrase('call.calling', { name: 'Ada' }), 'Calling Ada…');
  assert.equal(phrase('call.calling', { name: 'דנה' }), 'Calling \u2068דנה\u2069…');
  assert.equal(phrase('call.about', { name: 'Ada\u202e', what: 'over' }), 'Ada: over', 'a name does not turn the sentence around it');
});

test('what is put in is text, whatever it looks like', () => {
  assert.equal(phrase('call.about', { name: '{what}', what: '$&' }), '{what}: $&');
});

test('an error is explained by its code, else by its message, else at all', () => {
  assert.equal(explain({ code: 'call.over', message: 'over' }), en['error.call.over']);
  assert.equal(explain({ code: 'no.such', message: 'as it says' }), 'as it says');
  assert.equal(explain(null), en['error.unknown']);
  assert.equal(ending('lost'), en['ending.lost']);
  assert.equal(ending('somehow'), en['ending.hungUp']);
  assert.equal(delivery('read'), 'Read');
  assert.equal(delivery('eaten'), 'eaten');
});

test('a few names are listed, of many the first two', () => {
  assert.equal(names([]), '');
  assert.equal(names(['Ada']), 'Ada');
  assert.equal(names(['Ada', 'Ben']), 'Ada and Ben');
  assert.equal(names(['Ada', 'Ben', 'Cleo', 'Dan']), 'Ada, Ben, and 2 others');
});

test('the language is the first that is read and spoken, whatever its region', () => {
  assert.equal(languageFor(['fr-CH', 'de-AT', 'en'], ['en', 'de']), 'de');
  assert.equal(languageFor(['fr'], ['en', 'de']), 'en');
  assert.equal(languageFor([], ['en']), 'en');
});
