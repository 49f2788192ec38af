//! Who speaks, by how loud their packets say that they are.
//!
//! Clients measure before they encode (RFC 6464), so nothing has to be decoded. A level alone would flicker with each
//! syllable and take a cough for a speaker: what counts is sound that lasts, and speech outlives its pauses.

use crate::{id::EncodingId, schedule::Schedule};
use slotmap::SecondaryMap;
use std::time::{Duration, Instant};

/// From this loudness on somebody may speak, in dB below the loudest that there is (RFC 6464, section 3).
///
/// A voice at a headset is at 20 to 35, quiet rooms at 60 and more. Lower figures miss who sits far from the
/// microphone, higher ones hear fans.
const LOUD: u8 = 40;

/// Up to here somebody who speaks still does: the ends of words are quieter than their beginnings.
const STILL_LOUD: u8 = 45;

/// How much more sound than quiet there must have been before somebody speaks.
///
/// Shorter takes coughs and keys for speech; longer shows a speaker late.
const BEGIN: Duration = Duration::from_millis(200);

/// How long somebody still speaks in quiet: pauses between sentences are shorter.
const END: Duration = Duration::from_millis(800);

/// The longest sound that one packet stands for, whatever came before it (RFC 7587, section 4.2, has up to 120 ms).
/// Where packets are missing, or silence was not sent, it was quiet.
const PACKET_MAX: Duration = Duration::from_millis(60);

/// What is heard of one voice.
#[derive(Debug)]
struct Voice {
    is_speaking: bool,
    /// By how much sound outweighs quiet, at `heard_at`.
    weight: Duration,
    heard_at: Instant,
}

impl Voice {
    const fn new(now: Instant) -> Self {
        Self { is_speaking: false, weight: Duration::ZERO, heard_at: now }
    }

    /// Time has passed in which it sounded for this long at most; whether that makes a difference.
    fn pass(&mut self, sound: Duration, now: Instant) -> bool {
        let passed = now.saturating_duration_since(self.heard_at);
        self.heard_at = now;
        let sound = sound.min(passed);
        let most = if self.is_speaking { END } else { BEGIN };
        let quiet = passed.saturating_sub(sound);
        self.weight = self.weight.saturating_sub(quiet).saturating_add(sound).min(most);
        let is_over = self.is_speaking && self.weight.is_zero();
        let begins = !self.is_speaking && self.weight >= BEGIN;
        if begins {
            self.weight = END;
        }
        if is_over || begins {
            self.is_speaking = begins;
        }
        is_over || begins
    }

    /// A packet says how loud it is.
    fn hear(&mut self, level: u8, now: Instant) -> bool {
        let limit = if self.is_speaking { STILL_LOUD } else { LOUD };
        self.pass(if level <= limit { PACKET_MAX } else { Duration::ZERO }, now)
    }
}

/// Everybody's voice, and when each of those who speak will have been quiet for long enough.
#[derive(Default)]
pub(crate) struct Speakers {
    voices: SecondaryMap<EncodingId, Voice>,
    ends: Schedule<EncodingId>,
}

impl Speakers {
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.ends.next()
    }

    /// A packet says how loud it is, in dB below the loudest that there is; whether somebody speaks from now on, or
    /// does no more, if that is new. From a voice's first packet on it is known that they do not.
    pub(crate) fn hear(&mut self, id: EncodingId, level: u8, now: Instant) -> Option<bool> {
        let Some(voice) = self.voices.get_mut(id) else {
            self.voices.insert(id, Voice::new(now));
            return Some(false);
        };
        let is_new = voice.hear(level, now);
        if is_new && voice.is_speaking {
            self.ends.set(id, now.checked_add(END)?);
        }
        is_new.then_some(voice.is_speaking)
    }

    /// Whose voice has been quiet for long enough, one after the other. Packets are not waited for: whoever is muted
    /// may send none.
    pub(crate) fn take_ended(&mut self, now: Instant) -> Option<EncodingId> {
        while let Some(id) = self.ends.take_due(now) {
            let Some(voice) = self.voices.get_mut(id) else { continue };
            // Ended by a packet already, it may have begun again, with another end.
            if voice.is_speaking && voice.pass(Duration::ZERO, now) {
                return Some(id);
            }
            if voice.is_speaking
                && let Some(end) = now.checked_add(voice.weight)
            {
                self.ends.set(id, end);
            }
        }
        None
    }

    /// The voice is gone; whether it spoke.
    pub(crate) fn forget(&mut self, id: EncodingId) -> bool {
        self.ends.remove(id);
        self.voices.remove(id).is_some_and(|voice| voice.is_speaking)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::clock::{Clock, ManualClock};
    use slotmap::SlotMap;

    const PACKET: Duration = Duration::from_millis(20);
    const SPEECH: u8 = 30;
    const QUIET: u8 = 127;

    struct Room {
        speakers: Speakers,
        ids: SlotMap<EncodingId, ()>,
        now: Instant,
        /// What was told, and after how many milliseconds.
        told: Vec<(bool, u128)>,
        start: Instant,
    }

    impl Room {
        fn new() -> (Self, EncodingId) {
            let now = ManualClock::default().now();
            let mut ids = SlotMap::with_key();
            let one = ids.insert(());
            let mut speakers = Speakers::default();
            assert_eq!(speakers.hear(one, SPEECH, now), Some(false), "the first packet");
            (Self { speakers, ids, now, told: Vec::new(), start: now }, one)
        }

        fn note(&mut self, is_speaking: bool) {
            self.told.push((is_speaking, self.now.duration_since(self.start).as_millis()));
        }

        /// This loud for so long, in packets.
        fn sound(&mut self, id: EncodingId, level: u8, millis: u64) {
            for _ in 0..millis / 20 {
                self.silence(PACKET);
                if let Some(is_speaking) = self.speakers.hear(id, level, self.now) {
                    self.note(is_speaking);
                }
            }
        }

        /// Nothing comes for so long.
        fn silence(&mut self, time: Duration) {
            let end = self.now + time;
            while let Some(due) = self.speakers.next_deadline().filter(|due| *due < end) {
                self.now = due;
                while self.speakers.take_ended(due).is_some() {
                    self.note(false);
                }
            }
            self.now = end;
        }
    }

    #[test]
    fn sound_that_lasts_is_speech_and_pauses_between_words_are_part_of_it() {
        let (mut room, ada) = Room::new();
        room.sound(ada, QUIET, 1000);
        for _ in 0..20 {
            room.sound(ada, SPEECH, 300);
            room.sound(ada, QUIET, 200);
        }
        room.sound(ada, QUIET, 2000);
        // Two tenths of a second after the first word; 0.8 s after the last.
        assert_eq!(room.told, [(true, 1200), (false, 1000 + 20 * 500 - 200 + 800)]);
    }

    #[test]
    fn a_cough_and_keys_are_no_speech() {
        let (mut room, ada) = Room::new();
        room.sound(ada, SPEECH, 160);
        for _ in 0..100 {
            room.sound(ada, QUIET, 100);
            room.sound(ada, SPEECH, 60);
        }
        assert_eq!(room.told, []);
    }

    #[test]
    fn who_is_muted_and_sends_nothing_speaks_no_more() {
        let (mut room, ada) = Room::new();
        room.sound(ada, SPEECH, 5000);
        room.silence(Duration::from_secs(3));
        assert_eq!(room.told, [(true, 200), (false, 5800)]);
        assert_eq!(room.speakers.next_deadline(), None);
        // What was not sent was quiet, however loud what comes then is.
        room.sound(ada, SPEECH, 120);
        assert_eq!(room.told.len(), 2);
        room.sound(ada, SPEECH, 200);
        assert_eq!(room.told.len(), 3);
    }

    #[test]
    fn quieter_ends_of_words_are_still_speech_but_begin_none() {
        let (mut room, ada) = Room::new();
        room.sound(ada, 43, 3000);
        assert_eq!(room.told, []);
        room.sound(ada, SPEECH, 300);
        room.sound(ada, 43, 3000);
        assert_eq!(room.told, [(true, 3200)]);
    }

    #[test]
    fn whoever_flickers_as_fast_as_they_can_is_told_of_once_a_second_at_most() {
        for on in (20..2000).step_by(20) {
            for off in (20..2000).step_by(60) {
                let (mut room, mallory) = Room::new();
                for _ in 0..30_000 / (on + off) {
                    room.sound(mallory, 0, on);
                    room.sound(mallory, QUIET, off);
                }
                let seconds = room.now.duration_since(room.start).as_secs();
                assert!(room.told.len() as u64 <= 2 * seconds, "{on} {off}: {}", room.told.len());
            }
        }
    }

    #[test]
    fn who_is_gone_is_forgotten() {
        let (mut room, ada) = Room::new();
        let ben = room.ids.insert(());
        room.sound(ada, SPEECH, 500);
        assert!(room.speakers.forget(ada) && !room.speakers.forget(ada) && !room.speakers.forget(ben));
        room.silence(Duration::from_secs(2));
        assert_eq!(room.told.len(), 1);
        assert!(room.speakers.voices.is_empty());
    }
}
