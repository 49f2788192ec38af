//! Logs and metrics.

use crate::config::Log;
use metrics_exporter_prometheus::{BuildError, PrometheusBuilder, PrometheusHandle};
use std::{error::Error, fmt, io};
use tracing_subscriber::{EnvFilter, fmt::format::FmtSpan};

/// Starts logging to standard error, so that standard output stays for people.
pub fn start_logging(config: &Log) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(&config.filter));
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_span_events(FmtSpan::NONE)
        .with_target(false);
    // A second start, as tests do, keeps the first subscriber.
    let _already_started =
        if config.json { lines.json().flatten_event(true).try_init() } else { lines.try_init() };
}

/// Starts collecting metrics; the handle renders them for `/metrics`.
///
/// # Errors
/// If a recorder is installed already.
pub fn start_metrics() -> Result<PrometheusHandle, BuildError> {
    // Latencies in seconds, from a tenth of a millisecond to ten seconds.
    const BUCKETS: [f64; 11] = [0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 10.0];
    PrometheusBuilder::new().set_buckets(&BUCKETS)?.install_recorder()
}

/// An error with everything that caused it, in one line.
pub struct Chain<'a>(pub &'a (dyn Error + 'static));

impl fmt::Display for Chain<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", self.0)?;
        let mut source = self.0.source();
        while let Some(error) = source {
            write!(out, ": {error}")?;
            source = error.source();
        }
        Ok(())
    }
}
