// The button between dark and light; `theme.js` does the work.

import { fill, icon, iconButton } from '../dom.js';
import { phrase } from '../words.js';

export function themeToggle() {
  const root = document.documentElement;
  const button = iconButton('moon', phrase('theme.dark'), {
    'data-testid': 'theme-toggle',
    on: { click: () => root.dispatchEvent(new Event('themetoggle')) },
  });
  const show = () => {
    const isDark = root.dataset.theme === 'dark';
    fill(button, icon(isDark ? 'sun' : 'moon'));
    button.title = phrase(isDark ? 'theme.light' : 'theme.dark');
    button.setAttribute('aria-label', button.title);
  };
  root.addEventListener('themechange', show);
  show();
  return button;
}
