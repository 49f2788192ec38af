// What tells guests from people of the account, whose names they may bear.

import { isGuest } from '../../client/src/index.js';
import { el } from '../dom.js';
import { phrase } from '../words.js';

/** Stands beside the name; nothing of a person of the account. @param {string} userId */
export const guestMark = (userId) => isGuest(userId) && el('span', { class: 'guest-mark', 'data-testid': 'guest-mark' }, phrase('guest.mark'));
