// One's own account: who is signed in, and another password.

import { el, say } from '../../dom.js';
import { explain } from '../../words.js';
import { detailHeader } from '../rooms.js';

/** The rule that the server has, for whoever types a new password. */
export const PASSWORD_RULE = 'At least 15 characters; several words are easier to keep than signs.';

export function ownAccount({ api, user }) {
  const problem = el('p', { class: 'form-problem', role: 'alert' });
  const done = el('p', { class: 'field-hint', role: 'status', 'data-testid': 'own-password-done' });
  const current = secret('current', 'Current password', 'current-password');
  const fresh = secret('new', 'New password', 'new-password', PASSWORD_RULE);
  const again = secret('again', 'New password again', 'new-password');
  const submit = el('button', { type: 'submit', class: 'button primary', 'data-testid': 'own-password-save' }, 'Change password');

  const change = async (event) => {
    event.preventDefault();
    say(problem, '');
    say(done, '');
    if (fresh.input.value !== again.input.value) {
      say(problem, 'The two new passwords differ.');
      again.input.focus();
      return;
    }
    submit.disabled = true;
    try {
      await api.post('/v1/me/password', { current: current.input.value, new: fresh.input.value });
      for (const { input } of [current, fresh, again]) input.value = '';
      say(done, 'Your password is changed. Everywhere else you are signed out.');
    } catch (error) {
      const isWrong = error.code === 'auth.invalidCredentials';
      say(problem, isWrong ? 'The current password is another.' : error.code === 'request.invalid' ? error.message : explain(error));
      (isWrong ? current : fresh).input.focus();
    } finally {
      submit.disabled = false;
    }
  };

  return {
    element: el('div', { class: 'settings' },
      detailHeader('settings', el('div', { class: 'detail-title' }, el('h2', {}, 'Your account'), el('p', { class: 'muted' }, `${user.name}, ${user.email}`))),
      el('div', { class: 'settings-body' },
        el('form', { class: 'own-password', 'aria-label': 'Change password', on: { submit: change } },
          // Lets password managers know whose password it is.
          el('input', { type: 'email', autocomplete: 'username', value: user.email, hidden: true, readonly: true }),
          current.element, fresh.element, again.element, problem, done,
          el('div', { class: 'dialog-actions' }, submit)))),
  };
}

function secret(name, label, autocomplete, hint) {
  const id = `own-password-${name}`;
  const input = el('input', { id, type: 'password', required: true, autocomplete, 'data-testid': id, 'aria-describedby': hint && `${id}-hint` });
  return { input, element: el('div', { class: 'field' }, el('label', { for: id }, label), input, hint && el('p', { class: 'field-hint', id: `${id}-hint` }, hint)) };
}
