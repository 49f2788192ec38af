// What is wrong with the catalogues of the languages. By itself (`npm run words`): what each still needs, in lines to be
// translated where they stand.

import { pathToFileURL } from 'node:url';
import { LANGUAGES } from '../js/language.js';
import { en } from '../js/words/en.js';

/** Languages that have a catalogue of their own. */
export const translations = Object.keys(LANGUAGES).filter((language) => language !== 'en');

export const catalogueOf = async (language) => (await import(`../js/words/${language}.js`)).words;

const textsOf = (entry) => (typeof entry === 'string' ? [entry] : Object.values(entry));
const valuesIn = (text) => new Set([...text.matchAll(/\{(\w+)\}/g)].map(([, name]) => name));

/** All that is put into a sentence of the English catalogue. */
function valuesOf(entry) {
  const names = textsOf(entry).flatMap((text) => [...valuesIn(text)]);
  return new Set(typeof entry === 'string' ? names : [...names, 'count']);
}

/** The keys that a catalogue lacks, as lines of it, and those that nobody asks for. */
export function gaps(words, english = en) {
  return {
    missing: Object.entries(english).filter(([key]) => !(key in words)).map(([key, entry]) => `  '${key}': ${written(entry)},`),
    unknown: Object.keys(words).filter((key) => !(key in english)),
  };
}

const written = (entry) => (typeof entry === 'string' ? quoted(entry)
  : `{ ${Object.entries(entry).map(([form, text]) => `${form}: ${quoted(text)}`).join(', ')} }`);
const quoted = (text) => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;

/**
 * What is wrong with the sentences that a catalogue has: values that are not given, or not said in any form; forms of
 * plurals that the language does not have, or has and are not there.
 */
export function faults(words, language, english = en) {
  const forms = new Intl.PluralRules(language).resolvedOptions().pluralCategories.toSorted();
  return Object.entries(words).filter(([key]) => key in english).flatMap(([key, entry]) => {
    const given = valuesOf(english[key]);
    const said = new Set(textsOf(entry).flatMap((text) => [...valuesIn(text)]));
    const found = [...said].filter((name) => !given.has(name)).map((name) => `${key}: {${name}} is not given`);
    // How many may be said by the form alone: "two messages".
    for (const name of given) if (!said.has(name) && (name !== 'count' || typeof english[key] === 'string')) found.push(`${key}: {${name}} is missing`);
    if (typeof entry === 'string') return typeof english[key] === 'string' ? found : [...found, `${key}: has no plural forms`];
    if (!given.has('count')) found.push(`${key}: nothing decides its plural`);
    const own = Object.keys(entry).toSorted();
    if (own.join() !== forms.join()) found.push(`${key}: has the forms ${own.join(', ')}; the language has ${forms.join(', ')}`);
    return found;
  });
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  for (const language of translations) {
    const words = await catalogueOf(language);
    const { missing, unknown } = gaps(words);
    console.info([`js/words/${language}.js: ${missing.length} missing, ${unknown.length} unknown`, ...missing, ...unknown, ...faults(words, language)].join('\n'));
  }
}
