//! Pictures of one track in WebM (RFC 9559), written so that what lies in the file can be played at any moment.
//!
//! Segment and clusters have no end before there is one: while the file is written the segment's length is unknown,
//! and a cluster is handed out when it is whole. With the end come an index, the duration and the length, in places
//! that were kept for them.

use super::{
    ebml,
    frames::{Frame, VideoCodec},
    track::Patch,
};

/// How long a cluster is at most, in milliseconds. A reader loses at most so much of what is cut off.
const CLUSTER_MS: u64 = 1_000;

/// How far apart the entries of the index are at least, in milliseconds: a sender of key frames alone makes no index
/// as large as its pictures.
const CUE_INTERVAL_MS: u64 = 1_000;

/// How long the last picture is shown where nothing says it, in milliseconds.
const FRAME_MS: u64 = 33;

/// Bytes that are kept for the place of the index.
const SEEK_HEAD_BYTES: usize = 26;

/// Bytes that are kept for the duration.
const DURATION_BYTES: usize = 11;

/// Ids of elements (RFC 9559, section 5).
mod id {
    pub(super) const SEGMENT: u32 = 0x1853_8067;
    pub(super) const SEEK_HEAD: u32 = 0x114D_9B74;
    pub(super) const SEEK: u32 = 0x4DBB;
    pub(super) const SEEK_ID: u32 = 0x53AB;
    pub(super) const SEEK_POSITION: u32 = 0x53AC;
    pub(super) const INFO: u32 = 0x1549_A966;
    pub(super) const TIMESTAMP_SCALE: u32 = 0x2A_D7B1;
    pub(super) const DURATION: u32 = 0x4489;
    pub(super) const MUXING_APP: u32 = 0x4D80;
    pub(super) const WRITING_APP: u32 = 0x5741;
    pub(super) const TRACKS: u32 = 0x1654_AE6B;
    pub(super) const TRACK_ENTRY: u32 = 0xAE;
    pub(super) const TRACK_NUMBER: u32 = 0xD7;
    pub(super) const TRACK_UID: u32 = 0x73C5;
    pub(super) const TRACK_TYPE: u32 = 0x83;
    pub(super) const FLAG_LACING: u32 = 0x9C;
    pub(super) const CODEC_ID: u32 = 0x86;
    pub(super) const VIDEO: u32 = 0xE0;
    pub(super) const PIXEL_WIDTH: u32 = 0xB0;
    pub(super) const PIXEL_HEIGHT: u32 = 0xBA;
    pub(super) const CLUSTER: u32 = 0x1F43_B675;
    pub(super) const TIMESTAMP: u32 = 0xE7;
    pub(super) const SIMPLE_BLOCK: u32 = 0xA3;
    pub(super) const CUES: u32 = 0x1C53_BB6B;
    pub(super) const CUE_POINT: u32 = 0xBB;
    pub(super) const CUE_TIME: u32 = 0xB3;
    pub(super) const CUE_TRACK_POSITIONS: u32 = 0xB7;
    pub(super) const CUE_TRACK: u32 = 0xF7;
    pub(super) const CUE_CLUSTER_POSITION: u32 = 0xF1;
}

/// A place in the index: a cluster that begins with a key frame.
#[derive(Debug, Clone, Copy)]
struct Cue {
    at_ms: u64,
    /// Counted from where the segment's data begins.
    position: u64,
}

/// Frames that are not handed out yet.
#[derive(Debug)]
struct Cluster {
    began_ms: u64,
    begins_with_key_frame: bool,
    blocks: Vec<u8>,
}

/// A track of pictures as it is written.
#[derive(Debug)]
pub(super) struct Movie {
    /// Bytes handed out.
    written: u64,
    /// Where the segment's data begins.
    data_at: u64,
    /// Where the place for the duration is.
    duration_at: u64,
    cluster: Option<Cluster>,
    cues: Vec<Cue>,
    last_ms: u64,
    /// How long the frame before the last was shown.
    step_ms: u64,
}

impl Movie {
    /// A track of which only the headers are written: its first key frame says how large the pictures are.
    pub(super) fn begin(codec: VideoCodec, (width, height): (u16, u16), out: &mut Vec<u8>) -> Self {
        let start = out.len();
        let here = |out: &Vec<u8>| u64::try_from(out.len().saturating_sub(start)).unwrap_or(0);
        header(codec, out);
        ebml::id(out, id::SEGMENT);
        out.extend_from_slice(&ebml::UNKNOWN_LENGTH);
        let data_at = here(out);
        ebml::void(out, SEEK_HEAD_BYTES);
        let mut info = Vec::new();
        ebml::unsigned(&mut info, id::TIMESTAMP_SCALE, 1_000_000);
        for name in [id::MUXING_APP, id::WRITING_APP] {
            ebml::binary(&mut info, name, b"Switchboard");
        }
        // Last, so that its place is where the element ends.
        ebml::void(&mut info, DURATION_BYTES);
        ebml::binary(out, id::INFO, &info);
        let duration_at = here(out).saturating_sub(u64::try_from(DURATION_BYTES).unwrap_or(0));
        ebml::master(out, id::TRACKS, |out| {
            ebml::master(out, id::TRACK_ENTRY, |out| {
                ebml::unsigned(out, id::TRACK_NUMBER, 1);
                ebml::unsigned(out, id::TRACK_UID, 1);
                ebml::unsigned(out, id::TRACK_TYPE, 1);
                ebml::unsigned(out, id::FLAG_LACING, 0);
                ebml::binary(out, id::CODEC_ID, codec.id().as_bytes());
                ebml::master(out, id::VIDEO, |out| {
                    ebml::unsigned(out, id::PIXEL_WIDTH, u64::from(width));
                    ebml::unsigned(out, id::PIXEL_HEIGHT, u64::from(height));
                });
            });
        });
        let written = here(out);
        Self { written, data_at, duration_at, cluster: None, cues: Vec::new(), last_ms: 0, step_ms: FRAME_MS }
    }

    /// How long it is so far, in milliseconds.
    pub(super) const fn duration_ms(&self) -> u64 {
        self.last_ms.saturating_add(self.step_ms)
    }

    /// Adds a frame, which is shown from `at_ms` on; a cluster that is whole goes to `out`.
    pub(super) fn add(&mut self, frame: &Frame<'_>, at_ms: u64, out: &mut Vec<u8>) {
        // Players take a picture that is to be shown before the last one for an error.
        let at_ms = at_ms.max(self.last_ms);
        let step = at_ms.saturating_sub(self.last_ms);
        self.step_ms = if step == 0 { self.step_ms } else { step.min(CLUSTER_MS) };
        self.last_ms = at_ms;
        let is_over =
            |cluster: &Cluster| frame.is_key_frame || at_ms.saturating_sub(cluster.began_ms) >= CLUSTER_MS;
        if self.cluster.as_ref().is_some_and(is_over) {
            self.end_cluster(out);
        }
        let cluster = self.cluster.get_or_insert_with(|| Cluster {
            began_ms: at_ms,
            begins_with_key_frame: frame.is_key_frame,
            blocks: Vec::new(),
        });
        let since = i16::try_from(at_ms.saturating_sub(cluster.began_ms)).unwrap_or(i16::MAX);
        let [high, low] = since.to_be_bytes();
        // Track 1 as a number with its marker, and whether it is a key frame (RFC 9559, section 10.2).
        let begin = [0x81, high, low, if frame.is_key_frame { 0x80 } else { 0 }];
        ebml::master(&mut cluster.blocks, id::SIMPLE_BLOCK, |block| {
            block.extend_from_slice(&begin);
            block.extend_from_slice(frame.bytes);
        });
    }

    /// Hands out what is there, though more of its cluster may come.
    pub(super) fn end_cluster(&mut self, out: &mut Vec<u8>) {
        let Some(Cluster { began_ms, begins_with_key_frame, blocks }) = self.cluster.take() else { return };
        let last = self.cues.last().map(|cue| cue.at_ms.saturating_add(CUE_INTERVAL_MS));
        if begins_with_key_frame && last.is_none_or(|last| last <= began_ms) {
            let position = self.written.saturating_sub(self.data_at);
            self.cues.push(Cue { at_ms: began_ms, position });
        }
        self.hand_out(out, |out| {
            ebml::master(out, id::CLUSTER, |out| {
                ebml::unsigned(out, id::TIMESTAMP, began_ms);
                out.extend_from_slice(&blocks);
            });
        });
    }

    /// Ends it: the index goes to `out`, and what is known only now to the places that were kept for it.
    pub(super) fn end(mut self, out: &mut Vec<u8>) -> Vec<Patch> {
        self.end_cluster(out);
        let cues_at = self.written.saturating_sub(self.data_at);
        let cues = std::mem::take(&mut self.cues);
        self.hand_out(out, |out| {
            ebml::master(out, id::CUES, |out| cues.iter().for_each(|cue| cue.write(out)));
        });
        let mut seek_head = Vec::new();
        ebml::master(&mut seek_head, id::SEEK_HEAD, |out| {
            ebml::master(out, id::SEEK, |out| {
                ebml::binary(out, id::SEEK_ID, &id::CUES.to_be_bytes());
                ebml::binary(out, id::SEEK_POSITION, &cues_at.to_be_bytes());
            });
        });
        let mut duration = Vec::new();
        let seconds = u32::try_from(self.duration_ms()).unwrap_or(u32::MAX);
        ebml::float(&mut duration, id::DURATION, f64::from(seconds));
        let length = ebml::length(self.written.saturating_sub(self.data_at)).to_vec();
        let length_at = self.data_at.saturating_sub(u64::try_from(length.len()).unwrap_or(0));
        vec![
            Patch { at: length_at, bytes: length },
            Patch { at: self.data_at, bytes: seek_head },
            Patch { at: self.duration_at, bytes: duration },
        ]
    }

    fn hand_out(&mut self, out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
        let start = out.len();
        write(out);
        let bytes = u64::try_from(out.len().saturating_sub(start)).unwrap_or(0);
        self.written = self.written.saturating_add(bytes);
    }
}

impl Cue {
    fn write(&self, out: &mut Vec<u8>) {
        ebml::master(out, id::CUE_POINT, |out| {
            ebml::unsigned(out, id::CUE_TIME, self.at_ms);
            ebml::master(out, id::CUE_TRACK_POSITIONS, |out| {
                ebml::unsigned(out, id::CUE_TRACK, 1);
                ebml::unsigned(out, id::CUE_CLUSTER_POSITION, self.position);
            });
        });
    }
}

/// What kind of file it is (RFC 8794, section 11.2).
fn header(codec: VideoCodec, out: &mut Vec<u8>) {
    ebml::master(out, 0x1A45_DFA3, |out| {
        for (name, number) in [(0x4286, 1), (0x42F7, 1), (0x42F2, 4), (0x42F3, 8)] {
            ebml::unsigned(out, name, number);
        }
        ebml::binary(out, 0x4282, codec.document_type().as_bytes());
        for (name, number) in [(0x4287, 4), (0x4285, 2)] {
            ebml::unsigned(out, name, number);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::{super::ebml::tests::read, *};
    use common::clock::{Clock, ManualClock};

    /// 200 frames of 33 ms, of which every fiftieth is a key frame.
    fn movie(out: &mut Vec<u8>) -> Movie {
        let mut movie = Movie::begin(VideoCodec::Vp8, (640, 360), out);
        for n in 0..200_u64 {
            let frame = Frame {
                timestamp: 0,
                came_at: ManualClock::default().now(),
                is_key_frame: n % 50 == 0,
                size: None,
                bytes: &[7; 300],
            };
            movie.add(&frame, n * 33, out);
        }
        movie
    }

    fn patched(mut file: Vec<u8>, patches: Vec<Patch>) -> Vec<u8> {
        for Patch { at, bytes } in patches {
            let at = usize::try_from(at).unwrap();
            file[at..at + bytes.len()].copy_from_slice(&bytes);
        }
        file
    }

    /// When the frames of a segment are shown, and which of them are key frames.
    fn frames(segment: &[u8]) -> Vec<(u64, bool)> {
        let mut frames = Vec::new();
        for (_, _, cluster) in read(segment).into_iter().filter(|(_, name, _)| *name == id::CLUSTER) {
            let mut began = 0;
            for (_, name, body) in read(cluster) {
                match name {
                    id::TIMESTAMP => began = body.iter().fold(0, |n, byte| (n << 8) | u64::from(*byte)),
                    id::SIMPLE_BLOCK if body.len() == 304 => {
                        let since = i16::from_be_bytes([body[1], body[2]]);
                        frames.push((began + u64::try_from(since).unwrap(), body[3] == 0x80));
                    }
                    id::SIMPLE_BLOCK => {}
                    other => panic!("{other:X}"),
                }
            }
        }
        frames
    }

    #[test]
    fn every_frame_is_read_again_and_the_index_leads_to_key_frames() {
        let mut file = Vec::new();
        let movie = movie(&mut file);
        let patches = movie.end(&mut file);
        let file = patched(file, patches);
        let top = read(&file);
        let [(0, 0x1A45_DFA3, _), (_, id::SEGMENT, segment)] = top[..] else { panic!("{top:?}") };
        assert_eq!(top[1].0 + 12 + segment.len(), file.len(), "its length is known");
        let expected: Vec<_> = (0..200).map(|n| (n * 33, n % 50 == 0)).collect();
        assert_eq!(frames(segment), expected);
        let parts = read(segment);
        let cues = parts.last().unwrap();
        assert_eq!(cues.1, id::CUES);
        assert_eq!(parts[0].1, id::SEEK_HEAD);
        assert_eq!(parts[0].2[parts[0].2.len() - 8..], (cues.0 as u64).to_be_bytes());
        assert_eq!(read(cues.2).len(), 4);
        for (_, _, cue) in read(cues.2) {
            let [(_, id::CUE_TIME, at), (_, id::CUE_TRACK_POSITIONS, place)] = read(cue)[..] else {
                panic!()
            };
            let number = |bytes: &[u8]| bytes.iter().fold(0_u64, |n, byte| (n << 8) | u64::from(*byte));
            let position = usize::try_from(number(read(place)[1].2)).unwrap();
            let (_, name, cluster) = read(&segment[position..])[0];
            assert_eq!((name, number(read(cluster)[0].2)), (id::CLUSTER, number(at)));
        }
        let info = parts.iter().find(|(_, name, _)| *name == id::INFO).unwrap().2;
        let (_, _, duration) = read(info).into_iter().find(|(_, name, _)| *name == id::DURATION).unwrap();
        assert_eq!(f64::from_be_bytes(duration.try_into().unwrap()), 6_600.0);
    }

    #[test]
    fn a_file_that_is_cut_off_anywhere_has_all_clusters_before() {
        let mut file = Vec::new();
        let _killed = movie(&mut file);
        for length in (400..file.len()).step_by(997) {
            let top = read(&file[..length]);
            let seen = frames(top[1].2);
            assert!(seen.len() * 304 + 31 * 320 + 1_000 > length, "{} of {length}", seen.len());
            assert!(seen.iter().enumerate().all(|(n, (at, _))| *at == n as u64 * 33));
        }
    }
}
