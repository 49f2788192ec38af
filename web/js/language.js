// Which language the console speaks here, and its catalogue. A script of its own in the page, so that the catalogue is
// on its way while the other modules still come.

import { directionOf, languageFor } from './words/phrases.js';

/** What each language calls itself. */
export const LANGUAGES = { en: 'English', de: 'Deutsch', ru: 'Русский', es: 'Español', ar: 'العربية' };

/** The catalogues, each fetched by who reads it. English is always there: it stands in for what others lack. */
const CATALOGUES = {
  de: () => import('./words/de.js'), ru: () => import('./words/ru.js'), es: () => import('./words/es.js'), ar: () => import('./words/ar.js'),
};

const KEY = 'switchboard.language';

/** The language that somebody chose in this browser; null if it is the browser's. */
export function chosen() {
  try {
    const kept = localStorage.getItem(KEY);
    return kept && kept in LANGUAGES ? kept : null;
  } catch {
    // No storage: Node.js, or a browser that allows none.
    return null;
  }
}

/** Takes effect when the page is loaded anew. @param {string | null} language */
export function choose(language) {
  if (language) localStorage.setItem(KEY, language);
  else localStorage.removeItem(KEY);
}

const root = globalThis.document?.documentElement;
/** A page that is in English alone does not say that it is translated. */
const wanted = root && 'translated' in root.dataset ? [chosen() ?? [], navigator.languages].flat() : [];

/** The language of all texts (BCP 47, without a region). */
export const language = languageFor(wanted, Object.keys(LANGUAGES));

/** The same for dates and numbers, as the reader's region writes them. */
export const locale = wanted.find((tag) => tag.toLowerCase().startsWith(`${language}-`)) ?? language;

if (root) {
  root.lang = language;
  root.dir = directionOf(language);
}

/**
 * What the language has for the keys of the English catalogue. Without it the console speaks English rather than not
 * at all.
 *
 * @type {Promise<Record<string, Words.Entry>>}
 */
export const translated = (CATALOGUES[/** @type {keyof typeof CATALOGUES} */ (language)]?.() ?? Promise.resolve({ words: {} })).then(
  ({ words }) => words,
  (error) => {
    console.warn('The catalogue cannot be loaded:', error.message);
    return {};
  },
);
