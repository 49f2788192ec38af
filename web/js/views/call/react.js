// The button that opens the reactions, and they.

import { el, iconButton } from '../../dom.js';
import { REACTIONS } from '../../model/reactions.js';
import { phrase } from '../../words.js';

/** @param {(emoji: string) => void} react */
export function reactMenu(react) {
  const choices = el('div', { class: 'call-reactions', role: 'group', 'aria-label': phrase('call.react'), hidden: true, 'data-testid': 'call-reactions' },
    REACTIONS.map((emoji) => el('button', {
      type: 'button', class: 'icon-button', 'data-testid': 'call-reaction', 'aria-label': phrase('room.reactWith', { emoji }), on: { click: () => react(emoji) },
    }, emoji)));
  const button = iconButton('smile', phrase('call.react'), {
    class: 'control', title: phrase('call.withKey', { label: phrase('call.react'), key: 'E' }), 'data-testid': 'call-react', 'aria-expanded': 'false', on: { click: () => open(button.getAttribute('aria-expanded') === 'false') },
  });
  const open = (/** @type {boolean} */ on) => {
    choices.hidden = !on;
    button.setAttribute('aria-expanded', String(on));
    if (on) /** @type {HTMLElement | null} */ (choices.firstElementChild)?.focus();
    else if (choices.contains(document.activeElement)) button.focus();
  };
  const element = el('div', { class: 'call-react', on: { keydown: (event) => {
    if (event.key !== 'Escape' || choices.hidden) return;
    event.stopPropagation();
    button.focus();
    open(false);
  } } }, button, choices);
  // Whoever goes on elsewhere has no need of them.
  element.addEventListener('focusout', ({ relatedTarget }) => {
    if (relatedTarget instanceof Node && !element.contains(relatedTarget)) open(false);
  });
  document.addEventListener('pointerdown', ({ target }) => {
    if (target instanceof Node && !element.contains(target)) open(false);
  });
  return { element, close: () => open(false) };
}
