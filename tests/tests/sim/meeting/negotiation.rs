//! Who comes and goes, offers and answers: by the die, as often as it likes.

use super::{Meeting, TRACKS_MAX, id, server};
use crate::device::{Device, Link};
use common::clock::Clock;
use rand::RngExt;
use sfu_core::{SessionId, engine::simulation::Side, sdp::parse::Remote};
use switchboard_tests::description::{answer, material, names, tracks};

impl Meeting {
    pub(super) fn join(&mut self, n: usize) {
        self.report.joined += 1;
        self.devices[n].is_in = true;
        self.engine.join(SessionId::new(1), id(n), true, self.clock.now(), &mut self.output);
    }

    pub(super) fn leave(&mut self, n: usize) {
        self.report.left += 1;
        let last_mid = self.devices[n].last_mid;
        self.devices[n] = Device { last_mid, ..Device::default() };
        self.engine.leave(id(n), self.clock.now(), &mut self.output);
    }

    pub(super) fn publish(&mut self, n: usize) {
        self.report.published += 1;
        let offer = tracks(self.devices[n].tracks());
        let (now, offer) = (self.clock.now(), Remote::parse(&offer).unwrap());
        let device = &mut self.devices[n];
        let answer = self.engine.publish(id(n), &offer, now, &mut self.output);
        if device.sources.len() > TRACKS_MAX {
            assert!(answer.is_err(), "{} tracks of one participant", device.sources.len());
            device.sources.pop_last();
            self.report.refused_offers += 1;
            return;
        }
        let answer = answer.unwrap();
        if self.devices[n].publish.is_none() {
            self.devices[n].publish = Some(self.connect(n, Side::Publish, &answer));
        }
    }

    pub(super) fn answer(&mut self, n: usize) {
        let Some(offer) = self.devices[n].offer.take() else { return };
        let share = if self.random.random_bool(0.5) { 1.0 } else { 0.5 };
        let mut refused = 0;
        let text = answer(&offer, |_| {
            let accepts = self.random.random_bool(share);
            refused += u32::from(!accepts);
            accepts
        });
        self.report.refused_sections += refused;
        let (now, remote) = (self.clock.now(), Remote::parse(&text).unwrap());
        if self.engine.answer(id(n), offer.revision, &remote, now, &mut self.output).is_ok() {
            self.report.answered += 1;
            if self.devices[n].subscribe.is_none() {
                self.devices[n].subscribe = Some(self.connect(n, Side::Subscribe, &offer.sdp));
            }
            self.devices[n].answered = Some(offer);
        }
    }

    /// Answers an offer once more, which may have been followed by another: nothing comes of it.
    pub(super) fn answer_again(&mut self, n: usize) {
        let Some(offer) = &self.devices[n].answered else { return };
        let remote = Remote::parse(&answer(offer, |_| true)).unwrap();
        let (before, now) = (self.engine.stats(), self.clock.now());
        let answered = self.engine.answer(id(n), offer.revision, &remote, now, &mut self.output);
        assert!(answered.is_err(), "revision {} was answered before", offer.revision);
        assert_eq!(self.engine.stats(), before, "it changes nothing");
        self.report.stale_answers += 1;
    }

    fn connect(&mut self, n: usize, side: Side, sdp: &str) -> Link {
        let (line, now) = (self.lines, self.clock.now());
        self.lines += 1;
        let link = Link::new(line, names(sdp).unwrap());
        let (keys, way) = (material(line), (server(), link.address(0)));
        assert!(self.engine.connect_directly(id(n), side, &keys, way, now, &mut self.output));
        self.watch.line(line, &keys, way.1.port(), now);
        link
    }
}
