// Where tracks come from, and of which kind they are.

/** @typedef {import('../../protocol.js').TrackSource} TrackSource */
/** @typedef {import('../../protocol.js').TrackKind} Kind */

/** The kind of each source, in the order of media sections: those first that are understood without a name. */
export const KINDS = /** @type {const} */ ({ microphone: 'audio', camera: 'video', screen: 'video', screenAudio: 'audio' });

export const SOURCES = /** @type {TrackSource[]} */ (Object.keys(KINDS));

/** What a media section of this kind carries if nobody says. @param {string} kind @returns {TrackSource} */
export const usual = (kind) => (kind === 'audio' ? 'microphone' : 'camera');

/** Whether it is a screen's, which comes and goes as one track after the other; a device stays one that is muted. @param {TrackSource} source */
export const isShared = (source) => source === 'screen' || source === 'screenAudio';

/** @typedef {Record<TrackSource, MediaStreamTrack | null>} Tracks */

/** @returns {Tracks} */
export const noTracks = () => ({ microphone: null, camera: null, screen: null, screenAudio: null });
