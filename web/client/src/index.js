// What a page may import.

export { Call, Calls } from './calls.js';
export { Client, connect } from './client.js';
export { Encryption } from './media/encryption.js';
export { SwitchboardError, isPassing } from './errors.js';
export { Feed } from './feed.js';
export { isGuest } from './guest.js';
export { Inbox } from './inbox.js';
export { LineHealth } from './media/health.js';
export { LocalMedia } from './media/local.js';
export { Mailbox } from './mailbox.js';
export { MediaSession } from './media/session.js';
export { SpeechMeter } from './media/speech.js';
export { NamedRoom } from './named-room.js';
export { Presence } from './presence.js';
export { Room } from './room.js';
export { RoomList } from './room-list.js';
export { Timeline } from './timeline.js';

/** @typedef {import('./outbox.js').Draft} Draft */
/** @typedef {import('./outbox.js').Keep} Keep */
/** @typedef {import('./outbox.js').Pending} Pending */
