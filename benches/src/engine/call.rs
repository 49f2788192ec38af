//! Calls as they are: everybody speaks and shows a picture, reports go both ways, checks are answered.

use super::stage::{Batch, Cost, Sessions, Stage};
use std::{error::Error, time::Duration};

/// How long a round is: speech of 50 packets a second, a picture of 30 frames of three packets.
pub(super) const ROUND: Duration = Duration::from_millis(100);

/// The parts of a round. In each everybody says one packet.
const STEP: Duration = Duration::from_millis(20);
const STEPS: u32 = 5;

/// The parts that bring a frame, which is three in a round.
const FRAME_STEPS: [u32; 3] = [0, 2, 3];
const FRAME_PACKETS: usize = 3;

/// Between two of them.
const FRAME_TIME: Duration = Duration::from_micros(33_333);

/// Rounds until every packet buffer has been filled once: 512 packets of a picture at 90 a second.
const WARM_UP_ROUNDS: u32 = 60;

/// Rounds between two reports of everybody.
const REPORT_ROUNDS: u64 = 10;

/// Calls that have gone on for a while.
pub(super) struct Call {
    stage: Stage,
    rounds: u64,
}

impl Call {
    pub(super) fn new(sessions: &Sessions) -> Result<Self, Box<dyn Error>> {
        let mut call = Self { stage: Stage::new(sessions)?, rounds: 0 };
        for _ in 0..WARM_UP_ROUNDS {
            call.round();
        }
        Ok(call)
    }

    /// The next 100 ms. What each sends comes by itself, spread over the time.
    pub(super) fn round(&mut self) -> Cost {
        self.rounds += 1;
        let reported_at = self.rounds.is_multiple_of(REPORT_ROUNDS).then_some(self.rounds << 32);
        let mut batches = self.stage.asides(reported_at);
        for step in 0..STEPS {
            self.step(step, &mut batches);
        }
        self.stage.play(&mut batches)
    }

    /// Everybody's packets of one step, one after the other.
    fn step(&mut self, step: u32, batches: &mut Vec<Batch>) {
        let mut people = std::mem::take(&mut self.stage.people);
        let apart = STEP / u32::try_from(people.len()).unwrap_or(u32::MAX).max(1);
        let mut after = STEP * step;
        for person in &mut people {
            after += apart;
            let speech: Vec<Vec<u8>> = person.speech().into_iter().collect();
            let picture = if FRAME_STEPS.contains(&step) {
                person.picture(FRAME_PACKETS, FRAME_TIME)
            } else {
                Vec::new()
            };
            for datagrams in [speech, picture] {
                if !datagrams.is_empty() {
                    batches.push(self.stage.batch(after, person.publish, datagrams));
                }
            }
        }
        self.stage.people = people;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{BOTH, pairs};

    /// Passes for the wrong reason if nothing is counted, or nothing forwarded: reports do allocate.
    #[test]
    fn no_packet_of_a_call_asks_for_memory() {
        for sessions in [pairs(5), vec![vec![BOTH; 10]]] {
            let mut call = Call::new(&sessions).unwrap();
            let costs: Vec<Cost> = (0..50).map(|_| call.round()).collect();
            let forwarded: u64 = costs.iter().map(|cost| cost.forwarded).sum();
            let allocations: u64 = costs.iter().map(|cost| cost.allocations).sum();
            assert!(forwarded >= 50 * 14 * 10, "{forwarded} packets");
            assert!(costs.iter().any(|cost| cost.other_allocations > 0), "reports are written");
            assert_eq!(allocations, 0, "{forwarded} packets");
        }
    }
}
