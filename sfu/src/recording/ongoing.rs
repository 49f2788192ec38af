//! A recording that goes on: its tracks, each with its file, and its manifest.

use super::{
    TRACKS_MAX, TRACKS_PER_PARTICIPANT_MAX,
    directory::{self, NodeDirectory},
    file::TrackFile,
    recorder::RefusedByDisk,
};
use crate::shard::ShardHandle;
use common::{
    error::Chain,
    id::{ConnectionId, RecordingId, UserId},
    recording::{Manifest, ManifestTrack, RecordingEnd, RecordingStatus, SenderClock},
};
use sfu_core::{
    SessionId,
    recording::{Beginning, Codec, Ending, Recorded, RecordedTrack, SenderReport, StreamId, Track},
};
use std::{
    collections::BTreeMap,
    fs, io,
    ops::Range,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};
use time::OffsetDateTime;
use tracing::warn;

/// What a recording is begun with.
#[derive(Debug)]
pub(crate) struct Begin {
    /// Of which nothing has been recorded.
    pub(crate) manifest: Manifest,
    /// When it begins.
    pub(crate) now: Instant,
    /// Where the publishers can be asked for key frames.
    pub(crate) shard: ShardHandle,
}

/// A recording that goes on.
#[derive(Debug)]
pub(super) struct Ongoing {
    directory: PathBuf,
    manifest: Manifest,
    began: Instant,
    shard: ShardHandle,
    open: BTreeMap<StreamId, Open>,
    /// Who sends by which connection.
    people: BTreeMap<ConnectionId, (UserId, String)>,
    /// How many tracks each has, in the manifest.
    shares: BTreeMap<Sender, usize>,
    file_bytes_max: u64,
    /// What the disk has refused a track with: then there is no more to record.
    refused: Option<RecordingEnd>,
    /// Used again and again.
    bytes: Vec<u8>,
}

/// Who sends tracks: somebody with all their connections, or a connection of which nobody knows whose it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Sender {
    User(UserId),
    Connection(ConnectionId),
}

impl Sender {
    fn of(connection: ConnectionId, user: Option<UserId>) -> Self {
        user.map_or(Self::Connection(connection), Self::User)
    }
}

/// A track that comes.
#[derive(Debug)]
struct Open {
    /// None once the disk or a limit has ended it: what still comes of it begins no other. Nor is there one of what
    /// cannot be written.
    track: Option<Track>,
    file: Option<TrackFile>,
    /// Its place in the manifest.
    entry: usize,
}

impl Open {
    /// Adds bytes to the file, which is made for the first of them.
    fn append(
        &mut self,
        (directory, codec): (&Path, Codec),
        entry: &mut ManifestTrack,
        bytes: &[u8],
    ) -> io::Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        if let Some(file) = &mut self.file {
            return file.append(bytes);
        }
        let extension = codec.file_extension();
        let name = format!("{:03}-{}.{extension}", self.entry.saturating_add(1), entry.source);
        let mut file = TrackFile::create(&directory.join(&name))?;
        entry.file = Some(name);
        let outcome = file.append(bytes);
        self.file = Some(file);
        outcome
    }
}

impl Ongoing {
    /// Makes the directory of a recording, and says there that it has begun.
    ///
    /// # Errors
    /// The system's refusal.
    pub(super) fn begin(begin: Begin, node: &NodeDirectory, file_bytes_max: u64) -> io::Result<Self> {
        let Begin { manifest, now, shard } = begin;
        let directory = node.of(manifest.recording_id);
        directory::make(&directory)?;
        if let Err(error) = directory::write_manifest(&directory, &manifest) {
            // Nobody would know what it is.
            let _may_stay = fs::remove_dir_all(&directory);
            return Err(error);
        }
        Ok(Self {
            directory,
            manifest,
            began: now,
            shard,
            open: BTreeMap::new(),
            people: BTreeMap::new(),
            shares: BTreeMap::new(),
            file_bytes_max,
            refused: None,
            bytes: Vec::new(),
        })
    }

    /// Which it is.
    pub(super) const fn recording(&self) -> RecordingId {
        self.manifest.recording_id
    }

    /// Who is there, or was.
    pub(super) fn note_people(&mut self, people: Vec<(ConnectionId, UserId, String)>) {
        for (connection, user, name) in people {
            self.people.insert(connection, (user, name));
        }
    }

    /// Why the disk takes no more, if it does not.
    pub(super) const fn refused(&self) -> Option<RecordingEnd> {
        self.refused
    }

    /// Says that the disk takes no more of it.
    pub(super) const fn refused_with(&self, session: SessionId, reason: RecordingEnd) -> RefusedByDisk {
        RefusedByDisk { session, recording: self.recording(), reason }
    }

    /// So many packets came and were not handed over.
    pub(super) const fn note_dropped(&mut self, packets: u64) {
        self.manifest.packets_dropped = self.manifest.packets_dropped.saturating_add(packets);
    }

    /// Takes packets of one encoding of a track.
    pub(super) fn take(
        &mut self,
        (track, encoding): (&RecordedTrack, usize),
        report: Option<SenderReport>,
        (recorded, packets): (&Recorded, Range<usize>),
        now: Instant,
    ) {
        let Some(first) = recorded.packets(packets.clone()).next() else { return };
        if !self.open.contains_key(&track.stream) && !self.begin_track(track, first.timestamp, now) {
            return;
        }
        let Some(open) = self.open.get_mut(&track.stream) else { return };
        let Some(writer) = &mut open.track else { return };
        let mut wanted = None;
        for packet in recorded.packets(packets) {
            wanted = writer.handle_packet(encoding, &packet, now, &mut self.bytes).or(wanted);
        }
        if let (Some(entry), Some(report)) = (self.manifest.tracks.get_mut(open.entry), report) {
            entry.sender_clock = Some(SenderClock { ntp: report.ntp, timestamp: report.timestamp });
        }
        if let Some(encoding) = wanted {
            self.shard.want_recorded_key_frame(track.stream, encoding);
        }
        self.write(track.stream);
    }

    /// Notes a track that has not been seen before. False if there are too many.
    fn begin_track(&mut self, track: &RecordedTrack, timestamp: u32, now: Instant) -> bool {
        let entry = self.manifest.tracks.len();
        let (user_id, name) = self.people.get(&track.participant).cloned().unzip();
        let share = self.shares.entry(Sender::of(track.participant, user_id)).or_default();
        if entry >= TRACKS_MAX || *share >= TRACKS_PER_PARTICIPANT_MAX {
            return false;
        }
        *share = share.saturating_add(1);
        let offset = now.saturating_duration_since(self.began);
        self.manifest.tracks.push(ManifestTrack {
            track_id: track.track,
            connection_id: track.participant,
            user_id,
            name,
            source: track.source,
            codec: track.codec_name.to_owned(),
            file: None,
            started_at: self.manifest.started_at + offset,
            offset_ms: millis(offset),
            clock_rate: track.clock_rate,
            first_timestamp: timestamp,
            sender_clock: None,
            duration_ms: 0,
            width: None,
            height: None,
            packets: 0,
            packets_lost: 0,
            gaps: 0,
            end_reason: track.codec.is_none().then_some(RecordingEnd::UnknownCodec),
            size_bytes: None,
            sha256: None,
        });
        let serial = u32::try_from(entry).unwrap_or(u32::MAX);
        let writer = track.codec.map(|codec| Track::new(codec, serial));
        self.open.insert(track.stream, Open { track: writer, file: None, entry });
        true
    }

    /// Time has passed: once a second.
    pub(super) fn handle_time(&mut self, now: Instant) {
        for stream in self.open.keys().copied().collect::<Vec<_>>() {
            let Some(writer) = self.open.get_mut(&stream).and_then(|open| open.track.as_mut()) else {
                continue;
            };
            if let Some(encoding) = writer.handle_time(now, &mut self.bytes) {
                self.shard.want_recorded_key_frame(stream, encoding);
            }
            self.write(stream);
        }
    }

    /// Writes what a track has handed out to its file.
    fn write(&mut self, stream: StreamId) {
        let Some(open) = self.open.get_mut(&stream) else { return };
        let Some(entry) = self.manifest.tracks.get_mut(open.entry) else { return };
        let Some(codec) = open.track.as_ref().map(Track::codec) else { return };
        if let Some(beginning) = open.track.as_ref().and_then(Track::beginning) {
            line_up(entry, beginning, (self.manifest.started_at, self.began));
        }
        let was_named = entry.file.is_some();
        let outcome = open.append((&self.directory, codec), entry, &self.bytes);
        let is_named_now = !was_named && entry.file.is_some();
        let length = open.file.as_ref().map_or(0, TrackFile::length);
        self.bytes.clear();
        match outcome {
            Err(error) => {
                self.refused = Some(reason_of(&error));
                self.close(stream, reason_of(&error));
            }
            Ok(()) if length >= self.file_bytes_max => self.close(stream, RecordingEnd::SizeLimit),
            Ok(()) if is_named_now => self.write_manifest(),
            Ok(()) => {}
        }
    }

    /// A track is over.
    pub(super) fn end_track(&mut self, stream: StreamId) {
        self.close(stream, RecordingEnd::TrackEnded);
        self.open.remove(&stream);
    }

    /// All tracks that go on are ended; whether there were any.
    pub(super) fn end_tracks(&mut self, reason: RecordingEnd) -> bool {
        let going_on = self.open.iter().filter(|(_, open)| open.track.is_some());
        let streams: Vec<StreamId> = going_on.map(|(stream, _)| *stream).collect();
        for stream in &streams {
            self.close(*stream, reason);
        }
        !streams.is_empty()
    }

    /// The recording is over: where its files are, and what they are but for their sizes and hashes.
    pub(super) fn end(mut self, reason: RecordingEnd, at: OffsetDateTime) -> (PathBuf, Manifest) {
        self.end_tracks(reason);
        self.manifest.status = RecordingStatus::Ended;
        (self.manifest.ended_at, self.manifest.end_reason) = (Some(at), Some(reason));
        self.write_manifest();
        (self.directory, self.manifest)
    }

    /// Makes what there is of a track a whole file. What still comes of it is not written.
    fn close(&mut self, stream: StreamId, reason: RecordingEnd) {
        let Some(open) = self.open.get_mut(&stream) else { return };
        let Some(entry) = self.manifest.tracks.get_mut(open.entry) else { return };
        let Some(track) = open.track.take() else { return };
        let (codec, mut rest) = (track.codec(), Vec::new());
        let Ending { patches, beginning, stats } = track.end(&mut rest);
        if let Some(beginning) = beginning {
            line_up(entry, beginning, (self.manifest.started_at, self.began));
        }
        let written = open.append((&self.directory, codec), entry, &rest);
        let mended = match (written, open.file.take()) {
            (Ok(()), Some(file)) => file.mend(&patches),
            (outcome, _) => outcome,
        };
        entry.end_reason = Some(match mended {
            Ok(()) => reason,
            Err(error) => {
                let recording = self.manifest.recording_id;
                warn!(recording.id = %recording, error = %Chain(&error), "A track of recording {recording} ends as if cut off");
                reason_of(&error)
            }
        });
        entry.duration_ms = millis(stats.duration);
        (entry.width, entry.height) = stats.size.unzip();
        (entry.packets, entry.packets_lost, entry.gaps) = (stats.packets, stats.lost, stats.gaps);
        self.write_manifest();
    }

    /// What cannot be written now is written the next time, or is read off the files.
    fn write_manifest(&self) {
        if let Err(error) = directory::write_manifest(&self.directory, &self.manifest) {
            let recording = self.manifest.recording_id;
            warn!(recording.id = %recording, error = %Chain(&error), "The manifest of recording {recording} cannot be written");
        }
    }
}

/// Says when what stands at zero in a track's file came, counted from the beginning of its recording.
fn line_up(entry: &mut ManifestTrack, beginning: Beginning, (started_at, began): (OffsetDateTime, Instant)) {
    let offset = beginning.at.saturating_duration_since(began);
    (entry.offset_ms, entry.started_at) = (millis(offset), started_at + offset);
    entry.first_timestamp = beginning.timestamp;
}

/// What a refusal of the disk ends a track with.
fn reason_of(error: &io::Error) -> RecordingEnd {
    let full = [io::ErrorKind::StorageFull, io::ErrorKind::QuotaExceeded];
    if full.contains(&error.kind()) { RecordingEnd::DiskFull } else { RecordingEnd::DiskFailed }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
