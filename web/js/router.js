// Where the user is: kept in the address's fragment, so that back, forward and bookmarks work.

import { createStore } from './store.js';

const VIEWS = ['rooms', 'inbox', 'settings'];

/** @param {string} text */
function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    // An address that somebody else has made may be anything.
    return null;
  }
}

/** @returns {{ view: string, id: string | null }} */
function parse() {
  const [, view, id] = location.hash.split('/');
  return { view: VIEWS.includes(view) ? view : 'rooms', id: id ? decoded(id) : null };
}

export const route = createStore(parse());

addEventListener('hashchange', () => route.set(parse()));

/**
 * The address of a view, or of one thing in it.
 *
 * @param {string} view
 * @param {string | null} [id]
 */
export const address = (view, id) => `#/${view}${id ? `/${encodeURIComponent(id)}` : ''}`;

/** @param {string} view @param {string} [id] */
export function go(view, id) {
  location.hash = address(view, id);
}
