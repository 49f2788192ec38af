// What error codes and outcomes mean to the person in front of the screen.

const CODES = {
  offline: 'You are offline. Trying to reconnect.',
  timeout: 'The server took too long to answer.',
  'auth.invalidCredentials': 'E-mail and password do not belong together, or there were too many wrong tries.',
  'auth.refreshReused': 'You were signed out for safety. Please sign in again.',
  'auth.forbidden': 'Your role does not allow this.',
  'limit.rate': 'That was too fast. Wait a moment and try again.',
  'limit.size': 'That is too long.',
  'limit.count': 'As many of these exist as are allowed.',
  'resource.notFound': 'This does not exist, or not any more.',
  'resource.conflict': 'Somebody else was faster. Look again.',
  'room.closed': 'The room is closed.',
  'room.removed.removed': 'You were taken out of this room.',
  'room.removed.closed': 'The room was closed.',
  'room.removed.deleted': 'The room was deleted.',
  'call.over': 'The call is over already.',
  'call.busy': 'one of you is in another call.',
  'call.unreachable': 'Not reachable: no device is connected.',
  'call.alreadyTaken': 'Another device took the call.',
  'media.unavailable': 'No media server is available. Try again in a moment.',
  'channel.refused': 'The channel refused this.',
  unavailable: 'A part of the server is away. Try again in a moment.',
  internal: 'Something went wrong on the server.',
};

const ENDINGS = {
  hungUp: 'Call ended.',
  rejected: 'Call declined.',
  cancelled: 'The caller gave up.',
  missed: 'Nobody answered.',
  busy: 'Busy: in another call.',
  answeredElsewhere: 'Answered on another device.',
  lost: 'The other side lost its connection.',
};

const DELIVERY = {
  sending: 'Sending',
  queued: 'Queued',
  sent: 'Sent',
  delivered: 'Delivered',
  read: 'Read',
  failed: 'Failed',
};

/** A sentence for an error of `api` or `socket`. */
export const explain = (error) => CODES[error?.code] ?? error?.message ?? 'Something went wrong.';

/** A sentence for the reason of `call.ended`. */
export const ending = (reason) => ENDINGS[reason] ?? 'Call ended.';

/** A word for a delivery status. */
export const delivery = (status) => DELIVERY[status] ?? status;
