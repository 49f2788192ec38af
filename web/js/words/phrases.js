// Sentences by their keys: the right language, the right plural, and what is put into them.

/** Letters of scripts that are written from right to left (Unicode blocks of Hebrew to Arabic Extended, and their forms). */
const RIGHT_TO_LEFT = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]/;

/** Languages that are written so. */
const RIGHT_TO_LEFT_LANGUAGES = ['ar', 'fa', 'he', 'ur'];

/** @param {string} language */
export const directionOf = (language) => (RIGHT_TO_LEFT_LANGUAGES.includes(language) ? 'rtl' : 'ltr');

/**
 * The first of the languages that somebody reads which there is a catalogue for; English if there is none.
 *
 * @param {readonly string[]} wanted in the order of preference (BCP 47)
 * @param {readonly string[]} spoken
 */
export function languageFor(wanted, spoken) {
  const primary = wanted.map((tag) => tag.split('-')[0].toLowerCase());
  return primary.find((tag) => spoken.includes(tag)) ?? 'en';
}

/** Marks that turn the direction of all that follows, and have no business in a name (Unicode: embeddings and overrides). */
const TURNING = /[\u202a-\u202e]/g;

/**
 * A name in another direction than the sentence around it must not reorder that (UAX #9, isolates). Between Arabic
 * words that holds for digits and signs as well, which have no direction of their own.
 *
 * @param {string} value
 * @param {string} language
 */
export function isolated(value, language) {
  const straight = value.replaceAll(TURNING, '');
  return straight !== '' && (directionOf(language) === 'rtl' || RIGHT_TO_LEFT.test(straight)) ? `\u2068${straight}\u2069` : straight;
}

/**
 * Makes the function that speaks from a catalogue. Numbers are written as they are in `locale`.
 *
 * @template {Record<string, Words.Entry>} Catalogue
 * @param {Catalogue} catalogue
 * @param {string} language
 * @param {string} [locale]
 * @returns {<Key extends keyof Catalogue & string>(key: Key, ...values: Words.Values<Catalogue[Key]>) => string}
 */
export function phrases(catalogue, language, locale = language) {
  const plural = new Intl.PluralRules(language);
  const number = new Intl.NumberFormat(locale);
  const written = (/** @type {string | number} */ value) => (typeof value === 'number' ? number.format(value) : isolated(value, language));
  return (key, ...given) => {
    const entry = catalogue[key];
    const values = /** @type {Record<string, string | number>} */ (given[0] ?? {});
    const text = typeof entry === 'string' ? entry : entry[plural.select(Number(values.count))] ?? entry.other;
    return text.replaceAll(/\{(\w+)\}/g, (_, name) => written(values[name]));
  };
}
