// What the reference says, in the language of whoever reads it.

import { language } from '../words.js';
import { phrases } from '../words/phrases.js';
import { referenceEn } from '../words/reference.en.js';

/** The sentence of a key of the reference's own catalogue. */
export const phrase = phrases(referenceEn, language);
