// Who is a guest.

/** Of the UUIDs that stand for people and guests, the kind of guests' alone (RFC 9562, section 5.8). */
const VERSION_OF_GUESTS = '8';
const VERSION_AT = 14;

/**
 * Whether a user's id is that of a guest: nobody of the account, who came by a link or from a back end under a name of
 * their choice.
 *
 * @param {string} userId
 */
export const isGuest = (userId) => userId[VERSION_AT] === VERSION_OF_GUESTS;
