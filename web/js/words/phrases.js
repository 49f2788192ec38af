// Sentences by their keys: the right language, the right plural, and what is put into them.

/** Letters of scripts that are written from right to left (Unicode blocks of Hebrew to Arabic Extended, and their forms). */
const RIGHT_TO_LEFT = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]/;

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

/** A name in another direction than the sentence around it must not reorder that (UAX #9, isolates). */
const isolated = (/** @type {string | number} */ value) => (RIGHT_TO_LEFT.test(String(value)) ? `\u2068${value}\u2069` : String(value));

/**
 * Makes the function that speaks from a catalogue.
 *
 * @template {Record<string, Words.Entry>} Catalogue
 * @param {Catalogue} catalogue
 * @param {string} language
 * @returns {<Key extends keyof Catalogue & string>(key: Key, ...values: Words.Values<Catalogue[Key]>) => string}
 */
export function phrases(catalogue, language) {
  const plural = new Intl.PluralRules(language);
  return (key, ...given) => {
    const entry = catalogue[key];
    const values = /** @type {Record<string, string | number>} */ (given[0] ?? {});
    const text = typeof entry === 'string' ? entry : entry[plural.select(Number(values.count))] ?? entry.other;
    return text.replaceAll(/\{(\w+)\}/g, (_, name) => isolated(values[name]));
  };
}
