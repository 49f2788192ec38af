// What somebody sees who opened a join link: where it leads, or why it leads nowhere.

import { LOGO, el, say } from '../dom.js';
import { explain, phrase } from '../words.js';
import { languageSelect } from './languages.js';
import { themeToggle } from './theme-toggle.js';

/** @param {...Dom.Child} content */
const card = (...content) => el('main', { class: 'sign-in' },
  el('div', { class: 'sign-in-corner' }, languageSelect(() => location.reload()), themeToggle()), content);

/** @param {{ roomName: string, name: string, enter: (name: string) => Promise<unknown> }} guest `name`: what they called themselves last */
export function guestEntry({ roomName, name, enter }) {
  const problem = el('p', { class: 'form-problem', role: 'alert', id: 'guest-problem' });
  const input = el('input', {
    id: 'guest-name', name: 'name', type: 'text', dir: 'auto', autocomplete: 'name', required: true, autofocus: true, maxlength: '80', value: name,
    'data-testid': 'guest-name', 'aria-describedby': 'guest-problem',
  });
  const submit = el('button', { type: 'submit', class: 'button primary wide', 'data-testid': 'guest-continue' }, phrase('guest.continue'));
  const attempt = async (/** @type {Event} */ event) => {
    event.preventDefault();
    const typed = input.value.trim();
    if (!typed) return input.focus();
    submit.disabled = true;
    say(problem, '');
    await enter(typed).catch((error) => say(problem, explain(error)));
    submit.disabled = false;
  };
  return card(el('form', { class: 'card', 'aria-labelledby': 'guest-title', on: { submit: attempt } },
    el('img', { src: LOGO, alt: '', width: '40', height: '40' }),
    el('h1', { id: 'guest-title', 'data-testid': 'guest-room' }, phrase('guest.title', { room: roomName })),
    el('p', { class: 'muted' }, phrase('guest.hint')),
    el('label', { for: 'guest-name' }, phrase('guest.name')), input, problem, submit));
}

/** Why there is no way in. @param {App.Problem} error @param {() => unknown} again */
export function linkProblem(error, again) {
  const words = { 401: 'guest.over', 403: 'guest.removed', 404: 'guest.over', 409: 'guest.closed' };
  const known = words[/** @type {keyof typeof words} */ (error.status)];
  const text = known ? phrase(/** @type {'guest.over'} */ (known)) : explain(error);
  return card(el('section', { class: 'card guest-problem', role: 'alert', 'data-testid': 'guest-problem' },
    el('img', { src: LOGO, alt: '', width: '40', height: '40' }),
    el('h1', {}, phrase('guest.noWay')), el('p', {}, text),
    !known && el('button', { type: 'button', class: 'button', on: { click: again } }, phrase('tryAgain'))));
}
