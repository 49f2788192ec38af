// Who is signed in here, and what they say of themselves: there, away, or not to be disturbed. On a phone one touches the face.

import { avatar, el } from '../dom.js';
import { phrase } from '../words.js';

const CHOICES = /** @type {const} */ (['online', 'away', 'busy']);

/** @param {Pick<App.Parts, 'presence' | 'user'>} parts */
export function statusMenu({ presence, user }) {
  /** @type {HTMLSelectElement} */
  const menu = el('select', {
    class: 'rail-status', 'aria-label': phrase('status.yours'), title: phrase('status.yours'), 'data-testid': 'status',
    on: { change: () => presence.choose(/** @type {Wire.PresenceSaid} */ (menu.value)) },
  }, CHOICES.map((status) => el('option', { value: status }, phrase(`status.${status}`))));
  const element = el('div', { class: 'rail-me' }, avatar(user.name, user.id, 'online'), menu);
  presence.state.subscribe(({ own }) => {
    menu.value = own;
    element.dataset.status = own;
  });
  return element;
}
