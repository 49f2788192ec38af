// A guest's requests: the token of a join link gives one join token after the other, and nobody signs in.
//
// The link's token is in the fragment of the page's address, which goes to no server, log or Referer. What this tab is
// known by as the same guest lives as long as the tab: whoever loads the page anew in a call comes back as themselves.

import { ApiError, createRequests, expiryHere, isAboutToExpire, send } from '../api.js';
import { remembered } from '../remembered.js';

/** Somebody must wait, or the server is away: neither says anything about the link. @param {{ status: number }} error */
const isPassing = ({ status }) => status === 0 || status === 429 || status >= 500;

/**
 * @param {string} link the token of the join link
 * @param {() => Storage} [storage]
 */
export function createGuestApi(link, storage = () => sessionStorage) {
  const known = remembered('switchboard.guest', { link: '', key: '' }, storage);
  let name = '';
  /** @type {{ token: string, expiresAt: number } | null} */
  let access = null;
  /** Why there will be no other token. @type {App.Problem | null} */
  let ended = null;
  /** @type {Promise<Wire.GuestLetIn> | null} */
  let redeeming = null;

  const body = () => ({ token: link, ...(known.get().link === link && { guestKey: known.get().key }) });

  async function redeem() {
    /** @type {Wire.GuestLetIn} */
    const guest = await send('POST', '/v1/auth/redeem-join-link', { body: { ...body(), name } });
    known.set({ link, key: guest.guestKey });
    access = { token: guest.token, expiresAt: expiryHere(guest.expiresAt) };
    return guest;
  }

  /** Asked for by several at once, there is one. */
  const token = () => (redeeming ??= redeem().finally(() => (redeeming = null)));

  async function accessToken({ fresh = false } = {}) {
    if (fresh || !access || isAboutToExpire(access)) {
      await token().catch((error) => {
        if (isPassing(error)) throw error;
        ended = error;
        throw new ApiError('auth.required', error.message, 401);
      });
    }
    if (!access) throw new ApiError('auth.required', 'not let in');
    return access.token;
  }

  return {
    accessToken,
    ...createRequests(accessToken),
    ended: () => ended,
    /** Where the link leads. @returns {Promise<Wire.OpenJoinLink>} */
    look: () => send('POST', '/v1/auth/read-join-link', { body: body() }),
    /** Comes in under a name. @param {string} as */
    enter(as) {
      name = as;
      return token();
    },
  };
}
