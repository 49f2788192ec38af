// The first page.

import { LOGO, el, say } from '../dom.js';
import { explain, phrase } from '../words.js';
import { languageSelect } from './languages.js';
import { themeToggle } from './theme-toggle.js';

/** @param {App.Api} api */
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
  const submit = el('button', { type: 'submit', class: 'button primary wide', 'data-testid': 'sign-in-submit' }, phrase('signIn.submit'));

  const attempt = async (/** @type {Event} */ event) => {
    event.preventDefault();
    submit.disabled = true;
    say(problem, '');
    try {
      await api.signIn(email.value.trim(), password.value);
    } catch (error) {
      say(problem, error.code === 'offline' ? phrase('signIn.unreachable') : explain(error));
      submit.disabled = false;
      (error.code === 'auth.invalidCredentials' ? password : email).focus();
      password.select();
    }
  };

  say(problem, api.identity.get().notice ?? '');
  return el('main', { class: 'sign-in' },
    el('div', { class: 'sign-in-corner' }, languageSelect(() => location.reload()), themeToggle()),
    el('form', { class: 'card', 'aria-labelledby': 'sign-in-title', on: { submit: attempt } },
      el('img', { src: LOGO, alt: '', width: '40', height: '40' }),
      el('h1', { id: 'sign-in-title' }, phrase('signIn.title')),
      el('p', { class: 'muted' }, phrase('app.tagline')),
      el('label', { for: 'email' }, phrase('signIn.email')), email,
      el('label', { for: 'password' }, phrase('signIn.password')), password,
      problem,
      submit,
    ),
  );
}
