// What the service worker says, in the browser's language. It may neither wait for a module nor import one later
// (HTML, "service workers"), so it brings all catalogues with it, for those alone who let themselves be notified.

import { words as ar } from './words/ar.js';
import { words as de } from './words/de.js';
import { en } from './words/en.js';
import { words as es } from './words/es.js';
import { languageFor, phrases } from './words/phrases.js';
import { words as ru } from './words/ru.js';

/** @type {Record<string, object>} */
const CATALOGUES = { ar, de, en, es, ru };

const language = languageFor(globalThis.navigator?.languages ?? [], Object.keys(CATALOGUES));

/** The sentence of a key. */
export const phrase = phrases(/** @type {Words.Catalogue} */ ({ ...en, ...CATALOGUES[language] }), language);
