// What arrives on a track, from the browser's own counters (W3C webrtc-stats).

/**
 * Counts of one received track.
 *
 * @param {RTCPeerConnection | null | undefined} pc
 * @param {MediaStreamTrack | null} track
 */
export async function received(pc, track) {
  const counts = { packets: 0, bytes: 0, framesDecoded: 0, samples: 0, energy: 0 };
  if (!pc || !track || pc.connectionState === 'closed') return counts;
  const receiver = pc.getReceivers().find((known) => known.track === track);
  if (!receiver) return counts;
  for (const entry of (await receiver.getStats()).values()) {
    if (entry.type !== 'inbound-rtp') continue;
    counts.packets += entry.packetsReceived ?? 0;
    counts.bytes += entry.bytesReceived ?? 0;
    counts.framesDecoded += entry.framesDecoded ?? 0;
    counts.samples += entry.totalSamplesReceived ?? 0;
    counts.energy += entry.totalAudioEnergy ?? 0;
  }
  return counts;
}
