//! A Postgres that is started again when it ends by itself: killed for want of memory, or crashed.

use super::{Postgres, PostgresOptions, StartError};
use std::{
    sync::mpsc::{self, RecvTimeoutError},
    thread::{self, JoinHandle},
    time::Duration,
};

/// How often it is looked whether it still runs.
const LOOK: Duration = Duration::from_millis(250);

/// How long to wait after a start that failed, times how many have failed in a row.
const PAUSE: Duration = Duration::from_secs(1);

/// Starts that may fail in a row. What stands in the way of six, for longer than recovery takes, stays.
const FAILURES_MAX: u32 = 6;

/// What became of it.
#[derive(Debug)]
pub enum Event {
    /// It has ended, and not because we asked.
    Ended,
    /// It has been started again and answers.
    Restarted,
    /// It could not be started; that will be tried again.
    NotYet(StartError),
    /// It will not be tried again.
    GivenUp,
}

/// A Postgres with somebody who looks after it. Dropping it stops both.
#[derive(Debug)]
pub struct Kept {
    url: Box<str>,
    stop: Option<mpsc::Sender<()>>,
    keeper: Option<JoinHandle<()>>,
}

impl Kept {
    /// Starts it as [`Postgres::start`] does, and tells `tell` what becomes of it.
    ///
    /// The thread that looks after it is the one that starts it: it ends with this process even if that is
    /// killed.
    ///
    /// # Errors
    /// If the first start fails.
    pub fn start(
        options: PostgresOptions,
        tell: impl Fn(Event) + Send + 'static,
    ) -> Result<Self, StartError> {
        let (started, first) = mpsc::channel();
        let (stop, stopped) = mpsc::channel();
        let keeper = thread::Builder::new().name("postgres".to_owned()).spawn(move || {
            match Postgres::start(&options) {
                Ok(postgres) => {
                    // Who asked is waiting.
                    let _waits = started.send(Ok(postgres.url("{role}", "{database}")));
                    keep(postgres, &options, &stopped, &tell);
                }
                Err(error) => {
                    let _waits = started.send(Err(error));
                }
            }
        });
        let ended = || super::failed("its keeper has ended".to_owned(), std::io::ErrorKind::Other.into());
        let keeper = keeper.map_err(|source| super::failed("it gets no keeper".to_owned(), source))?;
        let url = first.recv().map_err(|_| ended())??.into_boxed_str();
        Ok(Self { url, stop: Some(stop), keeper: Some(keeper) })
    }

    /// A URL for `role` and `database`; the same after a restart.
    pub fn url(&self, role: &str, database: &str) -> String {
        self.url.replace("{role}", role).replace("{database}", database)
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(keeper) = self.keeper.take() {
            // It may have given up.
            let _ended = keeper.join();
        }
    }
}

fn keep(
    mut postgres: Postgres,
    options: &PostgresOptions,
    stopped: &mpsc::Receiver<()>,
    tell: &impl Fn(Event),
) {
    loop {
        if !matches!(stopped.recv_timeout(LOOK), Err(RecvTimeoutError::Timeout)) {
            return;
        }
        if postgres.is_running() {
            continue;
        }
        tell(Event::Ended);
        // Its socket and the rest of it are tidied away first.
        drop(postgres);
        postgres = match start_again(options, stopped, tell) {
            Some(postgres) => postgres,
            None => return,
        };
        tell(Event::Restarted);
    }
}

fn start_again(
    options: &PostgresOptions,
    stopped: &mpsc::Receiver<()>,
    tell: &impl Fn(Event),
) -> Option<Postgres> {
    for failures in 1..=FAILURES_MAX {
        match Postgres::start(options) {
            Ok(postgres) => return Some(postgres),
            Err(error) => tell(Event::NotYet(error)),
        }
        if !matches!(stopped.recv_timeout(PAUSE * failures), Err(RecvTimeoutError::Timeout)) {
            return None;
        }
    }
    tell(Event::GivenUp);
    None
}
