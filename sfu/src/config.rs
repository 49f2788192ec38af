//! The media server's settings.

use crate::tcp::UNPROVED_MAX;
use serde::{Deserialize, Serialize};
use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::PathBuf,
};

/// The media server's settings.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The address and UDP port for media; `[::]:7882` listens on IPv6 and IPv4. Port 0 takes any free port.
    pub listen: SocketAddr,
    /// The addresses that clients are told to send to, where they differ from the machine's own: behind NAT the
    /// public one. Empty: every address of the machine's interfaces, loopback included so that a browser on the same
    /// machine works.
    ///
    /// An address that clients cannot reach leaves calls through the server at "Connecting…".
    ///
    /// Example: `["203.0.113.7"]`
    pub announce: Vec<IpAddr>,
    /// How many threads forward media. Each has a UDP port of its own, counted up from `listen`'s,
    /// and takes whole sessions.
    pub shards: u16,
    /// The most participants in one session.
    pub participants_max: usize,
    /// Of these, the most of one user.
    ///
    /// Higher lets one person be there with more devices; lower keeps a guest with many
    /// connections from taking the others' places.
    pub participants_per_user_max: usize,
    /// How long this media server may take after SIGTERM, in seconds, to hand its calls to others and to forward for those
    /// who are still on their way there; never longer than `http.drain_s` allows. Without other media servers it ends at
    /// once.
    pub drain_s: u64,
    /// Media by TCP.
    pub tcp: TcpConfig,
    /// How calls are recorded.
    pub recording: RecordingConfig,
}

/// Media by TCP, section `[sfu.tcp]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct TcpConfig {
    /// Whether clients whose network lets no UDP through may send and receive media on TCP connections (ICE-TCP). They
    /// are told of this way beside UDP, which they prefer wherever it works.
    pub enabled: bool,
    /// The TCP port, of all shards together, at the addresses of `listen` and `announce`. Absent: that of `listen`, whose
    /// UDP port is another one than the TCP port of the same number. Networks that are closed to everything else often
    /// let 443 through, on a machine or an address where nothing else listens to it.
    ///
    /// Example: `443`
    pub port: Option<u16>,
    /// The most connections on which somebody is known to be. Clients that use UDP have some, too, while they look for
    /// the best way: about two for each address that they are told. Each takes a descriptor, and up to 128 KiB where its
    /// peer reads slowly, beside what the system keeps of it.
    pub connections_max: usize,
    /// Of those, of one client network: an IPv4 address, or a /64 of IPv6.
    ///
    /// Higher lets a larger office share one address; lower leaves more to others.
    pub connections_per_network_max: usize,
}

impl TcpConfig {
    /// The descriptors that connections take at most: those on which somebody is known to be, and those whose first
    /// check is waited for.
    pub const fn descriptors_max(&self) -> usize {
        if self.enabled { self.connections_max.saturating_add(UNPROVED_MAX) } else { 0 }
    }
}

impl Default for TcpConfig {
    fn default() -> Self {
        Self { enabled: true, port: None, connections_max: 2000, connections_per_network_max: 1000 }
    }
}

/// How calls are recorded, section `[sfu.recording]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct RecordingConfig {
    /// The folder of recordings until they have ended and are stored as other files are (`[files]`). Absent:
    /// `recordings` in `database.data_dir`. It should outlast the process: what a killed one left there is stored by
    /// the next that starts with it. Several media servers may share it.
    ///
    /// Example: `"/var/lib/switchboard/recordings"`
    pub directory: Option<PathBuf>,
    /// Calls that are recorded at the same time by this media server. One account has half of them at most.
    ///
    /// More lets more people record; fewer keeps the disk from being the bottleneck: a picture in full takes about
    /// 300 KB a second.
    pub recordings_max: usize,
    /// The longest recording, in seconds. After that it ends, and can be begun anew.
    pub duration_max_s: u64,
    /// The largest file of a track, in bytes. A track ends there, the others go on.
    pub track_bytes_max: u64,
    /// What stays free on the disk, in bytes: with less, recordings end and none begins.
    pub free_bytes_min: u64,
}

impl Default for RecordingConfig {
    fn default() -> Self {
        Self {
            directory: None,
            recordings_max: 20,
            duration_max_s: 4 * 60 * 60,
            track_bytes_max: 4 * 1024 * 1024 * 1024,
            free_bytes_min: 1024 * 1024 * 1024,
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::UNSPECIFIED, 7882)),
            announce: Vec::new(),
            shards: 1,
            participants_max: 100,
            participants_per_user_max: 5,
            drain_s: 18,
            tcp: TcpConfig::default(),
            recording: RecordingConfig::default(),
        }
    }
}
