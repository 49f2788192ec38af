// The first page.

import { el, say } from '../dom.js';
import { explain } from '../words.js';
import { themeToggle } from './theme-toggle.js';

export function signIn(api) {
  const problem = el('p', { class: 'form-problem', role: 'alert', id: 'sign-in-problem' });
  const email = el('input', {
    id: 'email', name: 'email', type: 'email', autocomplete: 'username', required: true, autofocus: true,
    'data-testid': 'sign-in-email', 'aria-describedby': 'sign-in-problem',
  });
  const password = el('input', {
    id: 'password', name: 'password', type: 'password', autocomplete: 'current-password', required: true,
    'data-testid': 'sign-in-password', 'aria-describedby': 'sign-in-problem',
  });
  const submit = el('button', { type: 'submit', class: 'button primary wide', 'data-testid': 'sign-in-submit' }, 'Sign in');

  const attempt = async (event) => {
    event.preventDefault();
    submit.disabled = true;
    say(problem, '');
    try {
      await api.signIn(email.value.trim(), password.value);
    } catch (error) {
      say(problem, error.code === 'offline' ? 'The server cannot be reached.' : explain(error));
      submit.disabled = false;
      (error.code === 'auth.invalidCredentials' ? password : email).focus();
      password.select();
    }
  };

  say(problem, api.identity.get().notice ?? '');
  return el('main', { class: 'sign-in' },
    el('div', { class: 'sign-in-corner' }, themeToggle()),
    el('form', { class: 'card', 'aria-labelledby': 'sign-in-title', on: { submit: attempt } },
      el('img', { src: 'favicon.svg', alt: '', width: '40', height: '40' }),
      el('h1', { id: 'sign-in-title' }, 'Sign in to Switchboard'),
      el('p', { class: 'muted' }, 'Calls, chat and customers’ messages in one place.'),
      el('label', { for: 'email' }, 'E-mail'), email,
      el('label', { for: 'password' }, 'Password'), password,
      problem,
      submit,
    ),
  );
}
