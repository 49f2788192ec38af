// How good somebody's connection is: bars to see, a word to hear.

import { el, say } from '../../dom.js';
import { phrase } from '../../words.js';

const WORDS = /** @type {const} */ ({ good: 'call.qualityGood', fair: 'call.qualityFair', poor: 'call.qualityPoor' });

export function levelMark() {
  const word = el('span', { class: 'sr' });
  const element = el('span', { class: 'tile-mark quality', 'data-testid': 'tile-quality', hidden: true }, el('i'), el('i'), el('i'), word);
  return {
    element,
    /** @param {import('../../../client/src/media/quality.js').QualityLevel | null} level null: nobody knows yet */
    set(level) {
      element.hidden = !level;
      if (!level || element.dataset.level === level) return;
      element.dataset.level = level;
      element.title = phrase(WORDS[level]);
      say(word, phrase(WORDS[level]));
    },
  };
}
