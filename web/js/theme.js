// Sets the theme before the first paint: the system's, unless the user chose the other one.
(() => {
  const KEY = 'switchboard.theme';
  const root = document.documentElement;
  const dark = matchMedia('(prefers-color-scheme: dark)');
  const systems = () => (dark.matches ? 'dark' : 'light');
  const chosen = () => localStorage.getItem(KEY);
  const show = () => {
    root.dataset.theme = chosen() ?? systems();
    root.dispatchEvent(new Event('themechange'));
  };
  dark.addEventListener('change', show);
  // Back at the system's theme nothing is kept, so that it is followed again.
  root.addEventListener('themetoggle', () => {
    const next = root.dataset.theme === 'dark' ? 'light' : 'dark';
    if (next === systems()) localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, next);
    show();
  });
  show();
})();
