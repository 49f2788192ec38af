// What is told of a room.

/** @typedef {import('../protocol.js').Events} Events */
/** @typedef {import('../protocol.js').RoomMessage} RoomMessage */
/** @typedef {import('./room.js').Room} Room */

/**
 * Events of the protocol that are about one room.
 *
 * @typedef {{ [Name in keyof Events]: Events[Name] extends { roomId: string } ? Name : never }[keyof Events]} RoomEventName
 */

/**
 * Every event of the protocol that is about this room, in order with the rest, but for `room.message` and
 * `room.messageChanged`; and:
 * - `reload`: show `messages` instead of all that was known: the latest ones at first, and again whenever more was
 *   missed than can be replayed. `complete` says that there are none before them; else `history` has them.
 * - `message`: the next message, in order, each once, whether it came by itself or was missed and made up for.
 * - `changed`: a message as it is now, edited, deleted or reacted to; in order with the messages.
 * - `joined`: the room was entered, or entered again after a loss.
 * - `members`: `members`, `memberCount` or what is known of them has changed.
 * - `pending`, `typing`, `media`: what is called so has changed.
 * - `failed`: the room cannot be entered; `join()` tries again.
 *
 * @typedef {Omit<Pick<Events, RoomEventName>, 'room.message' | 'room.messageChanged'> & {
 *   reload: { messages: RoomMessage[], complete: boolean, isFirst: boolean },
 *   message: RoomMessage, changed: RoomMessage, joined: import('../protocol.js').RoomJoined, members: Room, pending: Room, typing: Room,
 *   media: import('../protocol.js').MediaState | null, failed: import('./errors.js').SwitchboardError,
 * }} RoomEvents
 */

export {};
