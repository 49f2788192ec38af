// One's own account: who is signed in, and another password.

import { el, say } from '../../dom.js';
import { explain, phrase } from '../../words.js';
import { detailHeader } from '../rooms.js';

/** @param {App.Parts} parts @returns {App.View} */
export function ownAccount({ api, user }) {
  const problem = el('p', { class: 'form-problem', role: 'alert' });
  const done = el('p', { class: 'field-hint', role: 'status', 'data-testid': 'own-password-done' });
  const current = secret('current', phrase('own.current'), 'current-password');
  const fresh = secret('new', phrase('own.new'), 'new-password', phrase('own.rule'));
  const again = secret('again', phrase('own.again'), 'new-password');
  const submit = el('button', { type: 'submit', class: 'button primary', 'data-testid': 'own-password-save' }, phrase('own.change'));

  const change = async (/** @type {Event} */ event) => {
    event.preventDefault();
    say(problem, '');
    say(done, '');
    if (fresh.input.value !== again.input.value) {
      say(problem, phrase('own.differ'));
      again.input.focus();
      return;
    }
    submit.disabled = true;
    try {
      await api.post('/v1/me/password', { current: current.input.value, new: fresh.input.value });
      for (const { input } of [current, fresh, again]) input.value = '';
      say(done, phrase('own.done'));
    } catch (error) {
      const isWrong = error.code === 'auth.invalidCredentials';
      say(problem, isWrong ? phrase('own.wrong') : error.code === 'request.invalid' ? error.message : explain(error));
      (isWrong ? current : fresh).input.focus();
    } finally {
      submit.disabled = false;
    }
  };

  return {
    element: el('div', { class: 'settings' },
      detailHeader('settings', el('div', { class: 'detail-title' }, el('h1', {}, phrase('own.label')), el('p', { class: 'muted' }, phrase('own.who', { name: user.name, email: user.email ?? '' })))),
      el('div', { class: 'settings-body' },
        el('form', { class: 'own-password', 'aria-label': phrase('own.change'), on: { submit: change } },
          // Lets password managers know whose password it is.
          el('input', { type: 'email', autocomplete: 'username', value: user.email, hidden: true, readonly: true }),
          current.element, fresh.element, again.element, problem, done,
          el('div', { class: 'dialog-actions' }, submit)))),
  };
}

/** @param {string} name @param {string} label @param {string} autocomplete @param {string} [hint] */
function secret(name, label, autocomplete, hint) {
  const id = `own-password-${name}`;
  const input = el('input', { id, type: 'password', required: true, autocomplete, 'data-testid': id, 'aria-describedby': hint && `${id}-hint` });
  return { input, element: el('div', { class: 'field' }, el('label', { for: id }, label), input, hint && el('p', { class: 'field-hint', id: `${id}-hint` }, hint)) };
}
