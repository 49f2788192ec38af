// What this user says of themselves: there, away, or not to be disturbed.

import { el } from '../dom.js';
import { phrase } from '../words.js';

const CHOICES = /** @type {const} */ (['online', 'away', 'busy']);

/** @param {Pick<App.Parts, 'presence'>} parts */
export function statusMenu({ presence }) {
  /** @type {HTMLSelectElement} */
  const menu = el('select', {
    class: 'rail-status', 'aria-label': phrase('status.yours'), title: phrase('status.yours'), 'data-testid': 'status',
    on: { change: () => presence.choose(/** @type {Wire.PresenceSaid} */ (menu.value)) },
  }, CHOICES.map((status) => el('option', { value: status }, phrase(`status.${status}`))));
  presence.state.subscribe(({ own }) => {
    menu.value = own;
    menu.dataset.status = own;
  });
  return menu;
}
