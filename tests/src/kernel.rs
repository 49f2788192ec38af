//! What the kernel knows of a server: its sockets and its work.

use crate::server::Server;

/// A TCP socket of a server.
#[derive(Debug, Clone)]
pub struct Tcp {
    /// The other side's port.
    pub peer: u16,
    /// Bytes that were written and are not acknowledged (the `tx_queue` of proc(5)).
    pub unacknowledged: u64,
    /// Whether the kernel alone still has it: closed by the server, the other side not heard of.
    pub is_orphan: bool,
}

/// The connections that a server's port has with the ports of `peers`, those that wait to be forgotten
/// (TIME_WAIT) left out.
pub fn sockets(server: &Server, peers: &[u16]) -> Vec<Tcp> {
    const TIME_WAIT: u8 = 6;
    let port: u16 = server.address().rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port");
    let table = std::fs::read_to_string("/proc/net/tcp").expect("Linux");
    table
        .lines()
        .skip(1)
        .filter_map(|line| {
            let columns: Vec<&str> = line.split_whitespace().collect();
            let port_of = |address: &str| u16::from_str_radix(address.rsplit(':').next()?, 16).ok();
            let state = u8::from_str_radix(columns.get(3)?, 16).ok()?;
            let peer = port_of(columns.get(2)?)?;
            if port_of(columns.get(1)?)? != port || state == TIME_WAIT || !peers.contains(&peer) {
                return None;
            }
            let unacknowledged = u64::from_str_radix(columns.get(4)?.split(':').next()?, 16).ok()?;
            Some(Tcp { peer, unacknowledged, is_orphan: *columns.get(9)? == "0" })
        })
        .collect()
}

/// The processor time that a server has used, in seconds.
pub fn processor_seconds(server: &Server) -> f64 {
    processor_seconds_of(server.id()).expect("it runs")
}

/// The processor time that a process has used, in seconds (proc(5), `utime` and `stime`); `None` if it has ended.
pub fn processor_seconds_of(process: u32) -> Option<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let after_name = stat.rsplit(')').next().expect("a name in brackets");
    let ticks = |column: usize| -> f64 {
        after_name.split_whitespace().nth(column).and_then(|ticks| ticks.parse().ok()).expect("a number")
    };
    // User mode and kernel mode, in hundredths.
    Some((ticks(11) + ticks(12)) / 100.0)
}

/// Has the kernel forget how much memory a server has had at most (proc(5), `clear_refs`).
pub fn forget_peak(server: &Server) {
    std::fs::write(format!("/proc/{}/clear_refs", server.id()), "5").expect("it is ours");
}

/// How much memory a server has had at most, in KiB (proc(5), `VmHWM`).
pub fn peak_kib(server: &Server) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.id())).expect("it runs");
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("Linux");
    peak.trim().trim_end_matches(" kB").parse().expect("a number")
}

/// Whether all of a server's threads are stopped by a signal (proc(5), the state `T`).
pub fn stands_still(server: &Server) -> bool {
    let tasks = std::fs::read_dir(format!("/proc/{}/task", server.id())).expect("it runs");
    let mut states = tasks.map(|task| {
        let stat = std::fs::read_to_string(task.expect("Linux").path().join("stat"));
        // A thread that has ended meanwhile does nothing either.
        stat.map_or(true, |stat| {
            stat.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with('T'))
        })
    });
    states.all(|is_stopped| is_stopped)
}
