// Choosing the language: a list on the first page and in the settings.

import { el } from '../dom.js';
import { LANGUAGES, choose, chosen } from '../language.js';
import { phrase } from '../words.js';
import { detailHeader } from './rooms.js';

/** @param {() => void} changed @param {Dom.Props} [props] */
export function languageSelect(changed, props = {}) {
  const option = (/** @type {string} */ value, /** @type {string} */ text) =>
    el('option', { value, selected: value === (chosen() ?? ''), lang: value || undefined }, text);
  /** @type {HTMLSelectElement} */
  const select = el('select', {
    class: 'select', 'aria-label': phrase('language.label'), 'data-testid': 'language', ...props,
    on: { change: () => { choose(select.value || null); changed(); } },
  }, option('', phrase('language.automatic')), Object.entries(LANGUAGES).map(([value, name]) => option(value, name)));
  return select;
}

/** @param {App.Parts} parts @returns {App.View} */
export function languageSettings({ calls, notices }) {
  const changed = () => {
    // A page that is loaded anew would leave the call.
    if (calls.state.get().active) notices.tell(phrase('language.later'));
    else location.reload();
  };
  return {
    element: el('div', { class: 'settings' },
      detailHeader('settings', el('div', { class: 'detail-title' }, el('h1', {}, phrase('language.label')), el('p', { class: 'muted' }, phrase('language.hint')))),
      el('div', { class: 'settings-body' },
        el('div', { class: 'field language' }, languageSelect(changed, { 'aria-describedby': 'language-note' }),
          el('p', { class: 'field-hint', id: 'language-note' }, phrase('language.note'))))),
  };
}
