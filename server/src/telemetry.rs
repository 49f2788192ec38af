//! Logs and metrics.

use crate::config::Log;
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use shutdown::Shutdown;
use std::{
    ffi::OsStr,
    io::{self, IsTerminal as _},
    time::Duration,
};
use tracing::{Level, warn};
use tracing_subscriber::{
    filter::{LevelFilter, Targets},
    prelude::*,
};

/// The variable that takes precedence over `log.filter`, as in most programs of Rust.
const FILTER_VARIABLE: &str = "RUST_LOG";

/// How often what was measured is put into buckets.
///
/// More often costs a look at each distribution; less often keeps more of what is measured.
const UPKEEP_INTERVAL: Duration = Duration::from_secs(5);

/// Starts logging to standard error, so that standard output stays for people.
pub fn start_logging(config: &Log) {
    let filter = std::env::var(FILTER_VARIABLE).unwrap_or_else(|_| config.filter.clone());
    let understood = filter.parse();
    let is_understood = understood.is_ok();
    let wanted = without_datagrams(understood.unwrap_or_else(|_| Targets::new().with_default(Level::INFO)));
    let lines = tracing_subscriber::fmt()
        .with_max_level(LevelFilter::TRACE)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal() && wants_colour(std::env::var_os("NO_COLOR").as_deref()))
        .with_target(false);
    // A second start, as tests do, keeps the first subscriber.
    let _already_started = if config.json {
        lines.json().flatten_event(true).finish().with(wanted).try_init()
    } else {
        lines.finish().with(wanted).try_init()
    };
    if !is_understood {
        warn!("The log filter `{filter}` is not understood; what is of level info and above is logged");
    }
}

/// Whether a terminal may be written to in colour: `NO_COLOR` with any content says no (no-color.org).
fn wants_colour(no_color: Option<&OsStr>) -> bool {
    no_color.is_none_or(OsStr::is_empty)
}

/// The filter without what DTLS and SCTP write, whatever the operator wants of other crates.
///
/// They warn of what they find in a datagram, many lines for one that anybody
/// may send, and on the thread that forwards media. Who names a module of them
/// (`dimpl::dtls12=debug`) still gets its lines.
fn without_datagrams(wanted: Targets) -> Targets {
    wanted.with_target("dimpl", LevelFilter::OFF).with_target("sctp_proto", LevelFilter::OFF)
}

/// Starts collecting metrics; the handle renders them for `/metrics`.
///
/// # Errors
/// If a recorder is installed already.
pub fn start_metrics() -> Result<PrometheusHandle, BuildError> {
    // Latencies in seconds, from a tenth of a millisecond to ten seconds.
    const BUCKETS: [f64; 11] = [0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 10.0];
    // Of calls: where it begins to be heard and seen. Seconds, and shares of what was sent.
    const ROUND_TRIP: [f64; 9] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1.0];
    const JITTER: [f64; 9] = [0.001, 0.0025, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.5];
    const FRACTION_LOST: [f64; 8] = [0.0, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5];
    let named = |name: &str| Matcher::Full(name.to_owned());
    PrometheusBuilder::new()
        .set_buckets(&BUCKETS)?
        .set_buckets_for_metric(named("sfu_rtp_round_trip_seconds"), &ROUND_TRIP)?
        .set_buckets_for_metric(named("sfu_rtp_jitter_seconds"), &JITTER)?
        .set_buckets_for_metric(named("sfu_rtp_fraction_lost"), &FRACTION_LOST)?
        .install_recorder()
}

/// Puts what was measured into buckets now and then, until the process ends: it is kept one by one until then, or until
/// somebody reads `/metrics`, which nobody may do.
pub async fn keep_up(metrics: PrometheusHandle, shutdown: Shutdown) {
    let mut beat = tokio::time::interval(UPKEEP_INTERVAL);
    while shutdown.token.run_until_cancelled(beat.tick()).await.is_some() {
        metrics.run_upkeep();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};
    use tracing::subscriber::with_default;

    /// Lines that a filter lets through of one warning each of DTLS, SCTP and ourselves.
    fn lines(filter: &str) -> Vec<String> {
        let written = Arc::new(Mutex::new(Vec::new()));
        let writer = Arc::clone(&written);
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(LevelFilter::TRACE)
            .with_writer(move || Shared(Arc::clone(&writer)))
            .without_time()
            .with_ansi(false)
            .finish()
            .with(without_datagrams(filter.parse().unwrap()));
        with_default(subscriber, || {
            warn!(target: "dimpl::dtls12::engine", "a record");
            warn!(target: "sctp_proto::association", "a chunk");
            warn!(target: "sfu::shard", "ours");
        });
        let text = String::from_utf8(written.lock().unwrap().clone()).unwrap();
        text.lines().map(|line| line.rsplit(' ').next().unwrap_or_default().to_owned()).collect()
    }

    struct Shared(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn what_datagrams_say_is_not_logged_unless_a_module_is_named() {
        for filter in ["info", "trace", "warn,dimpl=trace,sctp_proto=warn"] {
            assert_eq!(lines(filter), ["ours"], "{filter}");
        }
        assert_eq!(lines("info,dimpl::dtls12=warn"), ["record", "ours"]);
    }

    #[test]
    fn colour_is_refused_by_any_content_of_no_color() {
        assert!(wants_colour(None));
        assert!(wants_colour(Some("".as_ref())));
        assert!(!wants_colour(Some("1".as_ref())));
    }
}
