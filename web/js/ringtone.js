// The sound of ringing, made on the spot: two soft tones, a pause.

const PERIOD_S = 3;
const TONES = { incoming: [660, 880], outgoing: [440, 440] };

/** One soft tone, for a mention. Silent where the browser allows no sound yet. */
export function chime() {
  if (!globalThis.AudioContext) return;
  const audio = new AudioContext();
  const tone = audio.createOscillator();
  const volume = audio.createGain();
  tone.frequency.value = 990;
  volume.gain.setValueAtTime(0.06, audio.currentTime);
  volume.gain.exponentialRampToValueAtTime(0.0001, audio.currentTime + 0.5);
  tone.connect(volume).connect(audio.destination);
  tone.onended = () => audio.close();
  tone.start();
  tone.stop(audio.currentTime + 0.5);
}

/**
 * Rings until the returned function is called. Silent where the browser allows no sound yet.
 *
 * @param {'incoming' | 'outgoing'} kind
 */
export function ring(kind) {
  if (!window.AudioContext) return () => {};
  const audio = new AudioContext();
  const strike = () => TONES[kind].forEach((pitch, index) => {
    const tone = audio.createOscillator();
    const volume = audio.createGain();
    const start = audio.currentTime + index * 0.28;
    tone.frequency.value = pitch;
    volume.gain.setValueAtTime(0, start);
    volume.gain.linearRampToValueAtTime(kind === 'incoming' ? 0.12 : 0.04, start + 0.03);
    volume.gain.exponentialRampToValueAtTime(0.0001, start + 0.6);
    tone.connect(volume).connect(audio.destination);
    tone.start(start);
    tone.stop(start + 0.65);
  });
  strike();
  const timer = setInterval(strike, PERIOD_S * 1000);
  return () => {
    clearInterval(timer);
    audio.close();
  };
}
