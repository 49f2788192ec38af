// What the console says, in the language of whoever reads it.

import { language, locale, translated } from './language.js';
import { en } from './words/en.js';
import { isolated, phrases } from './words/phrases.js';

export { language } from './language.js';

// What a language lacks is said in English.
const catalogue = { ...en, .../** @type {Partial<Words.Catalogue>} */ (await translated) };

/** The sentence of a key; `count` among the values decides its plural. */
export const phrase = phrases(catalogue, language, locale);

const LIST = new Intl.ListFormat(language, { type: 'conjunction' });

/** What the catalogue has for a key that comes from the server, if it has any. */
const known = (/** @type {string} */ key) => (key in catalogue ? phrase(/** @type {'error.internal'} */ (key)) : null);

/**
 * A sentence for an error of `api` or `socket`.
 *
 * @param {App.Problem | null} [error]
 */
export const explain = (error) => known(`error.${error?.code}`) ?? (error?.message ? isolated(error.message, language) : phrase('error.unknown'));

/** A sentence for the reason of `call.ended`. @param {string} reason */
export const ending = (reason) => known(`ending.${reason}`) ?? phrase('ending.hungUp');

/** What `getUserMedia` may fail with, as there are words for it. */
const REASONS = /** @type {const} */ ({ notAllowed: 'device.notAllowed', notFound: 'device.notFound', inUse: 'device.inUse' });

const MISSING = /** @type {const} */ ({ microphone: 'call.noMicrophone', camera: 'call.noCamera', screen: 'call.noScreen', screenAudio: 'call.noScreen' });

/** A sentence for a device that could not be had. @param {import('../client/src/media/local.js').DeviceProblem} problem */
export function unavailable({ source, reason, message }) {
  if (source === null) return phrase('call.needsHttps');
  const key = REASONS[/** @type {keyof typeof REASONS} */ (reason)];
  return phrase(MISSING[source], { reason: key ? phrase(key) : message });
}

/** A word for a delivery status. @param {string} status */
export const delivery = (status) => known(`delivery.${status}`) ?? status;

/** A channel's kind as its maker calls it. @param {string} kind */
export const channel = (kind) => known(`channel.${kind}`) ?? kind;

/** "Ada", "Ada and Bob", "Ada, Bob, and 2 others". @param {string[]} list */
export function names(list) {
  const each = list.map((name) => isolated(name, language));
  return LIST.format(each.length > 3 ? [...each.slice(0, 2), phrase('names.others', { count: each.length - 2 })] : each);
}
