// Who else is in a session, and what there is to see and hear of them by whichever way it comes.

import { UNSAID } from './said.js';
import { KINDS, SOURCES, isShared } from './tracks.js';

/** @typedef {import('../../protocol.js').MediaParticipant} MediaParticipant */
/** @typedef {import('../../protocol.js').MediaRoute} MediaRoute */
/** @typedef {import('./said.js').MediaParticipantState} MediaParticipantState */
/** @typedef {import('./tracks.js').Kind} Kind */
/** @typedef {import('./tracks.js').TrackSource} TrackSource */

/**
 * What somebody else sends.
 *
 * @typedef {object} OtherTrack
 * @property {string | null} trackId the track's own for as long as it is published; null: of a client that tells of none
 * @property {TrackSource} source
 * @property {Kind} kind
 * @property {boolean} muted nothing is sent on it for now, as the other side says
 * @property {MediaStreamTrack | null} track what to play; null: it has not come yet
 * @property {MediaRoute} route by which way it comes
 * @property {RTCPeerConnection | null} [pc] on which it comes
 */

/**
 * Somebody else in the session, and what there is to see and hear of them: at most one track of each source.
 *
 * @typedef {Omit<MediaParticipant, 'state' | 'tracks'> & { state: MediaParticipantState, tracks: OtherTrack[], route: MediaRoute }} Other
 */

/**
 * All ways at once, as they are while one takes over from the other. `leaving`: through the media node of before.
 *
 * @typedef {{ peer: import('./peer.js').PeerLink | null, server: import('./server.js').ServerLink | null,
 *   leaving?: import('./server.js').ServerLink | null, route: MediaRoute }} Ways
 */

/** @param {MediaParticipant} participant @param {Ways} ways @returns {Other} */
export function withTracks(participant, ways) {
  const tracks = tracksOf(participant, ways);
  const route = tracks.find((track) => track.route === 'peerToPeer')?.route ?? tracks[0]?.route ?? ways.route;
  return { ...participant, state: { ...UNSAID, ...participant.state }, tracks, route };
}

/**
 * The direct track stays until the other one carries sound or picture: no gap.
 *
 * @param {MediaParticipant} participant
 * @param {Ways} ways
 * @returns {OtherTrack[]}
 */
function tracksOf({ connectionId, tracks = [] }, { peer, server, leaving, route }) {
  const direct = peer?.other === connectionId ? peer : null;
  const by = (/** @type {import('./server.js').ServerLink | null | undefined} */ link) =>
    [...(link?.received.values() ?? [])].filter((one) => one.connectionId === connectionId);
  const [served, left] = [by(server), by(leaving)];
  return SOURCES.flatMap((source) => {
    const told = tracks.find((one) => one.source === source);
    const newer = served.find((one) => one.source === source);
    const older = left.find((one) => one.source === source);
    const isOlder = Boolean(told && older && (!newer || (newer.track.muted && !older.track.muted)));
    const offered = isOlder ? older : newer;
    const straight = direct?.received[source] ?? null;
    // A client that tells of no tracks has a voice and a face; of a screen only the word of its owner counts.
    if (!told && !offered && (isShared(source) || !straight || straight.muted)) return [];
    const through = offered && !(straight && offered.track.muted) ? offered.track : null;
    const isServed = through || (!direct && route === 'server');
    /** @type {OtherTrack} */
    const track = {
      trackId: told?.trackId ?? offered?.trackId ?? null,
      source,
      kind: KINDS[source],
      muted: told?.muted ?? false,
      track: through ?? straight,
      route: isServed ? 'server' : 'peerToPeer',
      pc: through ? (isOlder ? leaving : server)?.subscribe : direct?.pc,
    };
    return [track];
  });
}
