// What the console says, in the language of whoever reads it.

import { en } from './words/en.js';
import { languageFor, phrases } from './words/phrases.js';

/** One catalogue for each language. They have the keys of the English one. */
const CATALOGUES = { en };

/** The language that the console speaks here (BCP 47). */
export const language = languageFor(globalThis.navigator?.languages ?? [], Object.keys(CATALOGUES));

const catalogue = CATALOGUES[/** @type {keyof typeof CATALOGUES} */ (language)];

/** The sentence of a key; `count` among the values decides its plural. */
export const phrase = phrases(catalogue, language);

const LIST = new Intl.ListFormat(language, { type: 'conjunction' });

/** What the catalogue has for a key that comes from the server, if it has any. */
const known = (/** @type {string} */ key) => (key in catalogue ? phrase(/** @type {'error.internal'} */ (key)) : null);

/**
 * A sentence for an error of `api` or `socket`.
 *
 * @param {App.Problem | null} [error]
 */
export const explain = (error) => known(`error.${error?.code}`) ?? error?.message ?? phrase('error.unknown');

/** A sentence for the reason of `call.ended`. @param {string} reason */
export const ending = (reason) => known(`ending.${reason}`) ?? phrase('ending.hungUp');

/** What `getUserMedia` may fail with, as there are words for it. */
const REASONS = /** @type {const} */ ({ notAllowed: 'device.notAllowed', notFound: 'device.notFound', inUse: 'device.inUse' });

/** A sentence for a device that could not be had. @param {import('../client/src/media/local.js').DeviceProblem} problem */
export function unavailable({ kind, reason, message }) {
  if (kind === null) return phrase('call.needsHttps');
  const key = REASONS[/** @type {keyof typeof REASONS} */ (reason)];
  return phrase(kind === 'audio' ? 'call.noMicrophone' : 'call.noCamera', { reason: key ? phrase(key) : message });
}

/** A word for a delivery status. @param {string} status */
export const delivery = (status) => known(`delivery.${status}`) ?? status;

/** A channel's kind as its maker calls it. @param {string} kind */
export const channel = (kind) => known(`channel.${kind}`) ?? kind;

/** "Ada", "Ada and Bob", "Ada, Bob, and 2 others". @param {string[]} list */
export function names(list) {
  const shown = list.length > 3 ? [...list.slice(0, 2), phrase('names.others', { count: list.length - 2 })] : list;
  return LIST.format(shown);
}
