// What arrives on a track and what others say of what we send, from the browser's own counters (W3C webrtc-stats).

/**
 * Counts of one received track.
 *
 * @param {RTCPeerConnection | null | undefined} pc
 * @param {MediaStreamTrack | null} track
 */
export async function received(pc, track) {
  const counts = {
    packets: 0, bytes: 0, framesDecoded: 0, samples: 0, energy: 0, lost: 0,
    jitterMs: /** @type {number | null} */ (null), roundTripMs: /** @type {number | null} */ (null),
  };
  if (!pc || !track || pc.connectionState === 'closed') return counts;
  const receiver = pc.getReceivers().find((known) => known.track === track);
  if (!receiver) return counts;
  const entries = [...(await receiver.getStats()).values()];
  for (const entry of entries) {
    if (entry.type !== 'inbound-rtp') continue;
    counts.packets += entry.packetsReceived ?? 0;
    counts.bytes += entry.bytesReceived ?? 0;
    counts.framesDecoded += entry.framesDecoded ?? 0;
    counts.samples += entry.totalSamplesReceived ?? 0;
    counts.energy += entry.totalAudioEnergy ?? 0;
    counts.lost += entry.packetsLost ?? 0;
    counts.jitterMs = milliseconds(entry.jitter);
  }
  counts.roundTripMs = roundTrip(entries);
  return counts;
}

/**
 * What is said of what we send: the worst of all tracks. Null where nothing has been said yet.
 *
 * @param {RTCPeerConnection | null | undefined} pc
 * @returns {Promise<import('./quality.js').Measured | null>}
 */
export async function reported(pc) {
  if (!pc || pc.connectionState === 'closed') return null;
  const entries = [...(await pc.getStats()).values()];
  const reports = entries.filter(({ type }) => type === 'remote-inbound-rtp');
  if (reports.length === 0) return null;
  const worst = (/** @type {string} */ member) => Math.max(0, ...reports.map((report) => report[member] ?? 0));
  return { lost: worst('fractionLost'), jitterMs: milliseconds(worst('jitter')), roundTripMs: roundTrip(entries) };
}

/** Of the path that is in use (RFC 8445), as its checks measure it. @param {Record<string, any>[]} entries @returns {number | null} */
function roundTrip(entries) {
  const chosen = entries.find(({ type, selectedCandidatePairId }) => type === 'transport' && selectedCandidatePairId)?.selectedCandidatePairId;
  // Firefox marks the pair itself.
  const pair = entries.find(({ type, id, selected }) => type === 'candidate-pair' && (chosen ? id === chosen : selected));
  return milliseconds(pair?.currentRoundTripTime);
}

const milliseconds = (/** @type {number | undefined} */ seconds) => (seconds === undefined ? null : seconds * 1_000);
