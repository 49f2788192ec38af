// What the health of a line is told from: the browser's own counters (W3C webrtc-stats), put together for one moment.

/** @typedef {import('./health.js').LineSample} LineSample */
/** @typedef {import('./others.js').Other} Other */

/**
 * @param {{ connected: boolean, others: () => Other[] }} session
 * @param {{ carrying: RTCPeerConnection[], leaving: RTCPeerConnection[] }} ways by which its media travels, and by which it
 *   still may for a moment: whatever comes by those counts, but nobody misses them
 * @returns {Promise<Omit<LineSample, 'own'>>}
 */
export async function sampled(session, { carrying, leaving }) {
  const reports = await Promise.all([...carrying, ...leaving].map((pc) => (pc.connectionState === 'closed' ? null : pc.getStats())));
  const entries = reports.flatMap((report) => (report ? [...report.values()] : []));
  const energies = new Map(entries.filter(({ type, kind }) => type === 'inbound-rtp' && kind === 'audio').map((entry) => [entry.trackIdentifier, entry]));
  return {
    isConnected: session.connected,
    isLost: carrying.some(({ connectionState }) => connectionState === 'disconnected' || connectionState === 'failed'),
    arrived: entries.reduce((sum, entry) => sum + arrivals(entry), 0),
    others: session.others().map(({ connectionId, name, state, tracks }) => {
      const microphone = tracks.find(({ source }) => source === 'microphone');
      const counts = energies.get(microphone?.track?.id);
      // Where a browser does not count how loud it is, nobody is taken for silent.
      const isUncounted = counts !== undefined && counts.totalAudioEnergy === undefined;
      // The server passes pictures on or not, as it sees fit, but every voice.
      const sends = tracks.some(({ source, muted, route }) => !muted && (source === 'microphone' || (source === 'camera' && route === 'peerToPeer')));
      return {
        connectionId, name,
        isMuted: state.muted || state.onHold || !microphone || microphone.muted || isUncounted,
        isExpected: sends && !state.onHold,
        energy: counts?.totalAudioEnergy ?? 0,
        seconds: counts?.totalSamplesDuration ?? 0,
      };
    }),
  };
}

/** What came by a path since it is there: media, its reports, and answers to checks. @param {Record<string, any>} entry */
function arrivals(entry) {
  if (entry.type === 'transport') return entry.packetsReceived ?? 0;
  if (entry.type !== 'candidate-pair') return 0;
  // Where a transport does not count, its paths do: Firefox.
  return (entry.responsesReceived ?? 0) + (entry.packetsReceived ?? 0);
}
