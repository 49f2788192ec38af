//! One case, played on a connection of its own.

use super::table::{Case, End, Step, What};
use serde_json::Value;
use std::time::Duration;
use switchboard_tests::raw::{self, Raw, Reader};
use tokio::{
    io::AsyncWriteExt,
    net::tcp::OwnedWriteHalf,
    sync::mpsc,
    task::JoinSet,
    time::{sleep, timeout},
};

/// How long a server may take that fails fast, and how long it must stay if it has nothing to fail for.
const MOMENT: Duration = Duration::from_millis(300);

/// How long anything else may take: only failure does.
const PATIENCE: Duration = Duration::from_secs(10);

/// What the server does.
#[derive(Debug)]
enum Heard {
    Said(What),
    Closed(Option<u16>),
    /// TCP has ended behind the close frame; or what came instead that never may.
    Ended(Result<(), String>),
}

/// Whether the server did all that it must; `Ok(false)` if it did so later than it should.
pub(super) async fn play(case: &Case, raw: Raw) -> Result<bool, String> {
    let (reader, writer) = raw.split();
    let (sender, heard) = mpsc::channel(1024);
    let mut reading = JoinSet::new();
    reading.spawn(listen(reader, sender));
    let mut run = Run { writer, heard, said: Vec::new(), closed: None, is_timely: true };
    timeout(PATIENCE, run.all(case))
        .await
        .map_err(|_| format!("nothing more comes; said: {:?}, closed: {:?}", run.said, run.closed))??;
    Ok(run.is_timely)
}

struct Run {
    writer: OwnedWriteHalf,
    heard: mpsc::Receiver<Heard>,
    said: Vec<What>,
    closed: Option<Option<u16>>,
    is_timely: bool,
}

impl Run {
    async fn all(&mut self, case: &Case) -> Result<(), String> {
        let is_whole = self.send(&case.steps).await?;
        let required = case.back.iter().filter(|expected| !expected.is_optional).count();
        let codes = match &case.end {
            End::Bye => {
                while self.closed.is_none() && self.said.len() < required {
                    self.hear().await?;
                }
                self.close().await;
                &vec![Some(1000)]
            }
            End::Closes(codes) | End::Fails(codes) => codes,
        };
        while self.closed.is_none() {
            self.hear().await?;
        }
        let code = self.closed.flatten();
        if !codes.contains(&code) {
            return Err(format!("closed with {code:?}, not one of {codes:?}; said: {:?}", self.said));
        }
        self.compare(case)?;
        match &case.end {
            End::Fails(_) if is_whole => self.close().await,
            // In the middle of a frame nothing can be said.
            End::Fails(_) => drop(self.writer.shutdown().await),
            End::Bye | End::Closes(_) => {}
        }
        match self.heard.recv().await {
            Some(Heard::Ended(end)) => end,
            other => Err(format!("no end, but {other:?}")),
        }
    }

    /// Whether all was sent: who has heard a close sends no more.
    async fn send(&mut self, steps: &[Step]) -> Result<bool, String> {
        for step in steps {
            match step {
                Step::Write(bytes) => {
                    let mut left = bytes.as_slice();
                    while !left.is_empty() {
                        tokio::select! {
                            biased;
                            written = self.writer.write(left) => match written {
                                Ok(written) => left = &left[written..],
                                // It is over; what was said before is still to be heard.
                                Err(_) => return Ok(false),
                            },
                            heard = self.heard.recv() => self.note(heard)?,
                        }
                        if self.closed.is_some() && !left.is_empty() {
                            return Ok(false);
                        }
                    }
                    tokio::task::yield_now().await;
                }
                Step::Quiet => {
                    self.linger().await?;
                    if self.closed.is_some() {
                        return Err(format!("closed with {:?} for nothing", self.closed));
                    }
                }
                Step::Late => {
                    self.linger().await?;
                    if self.closed.is_some() {
                        return Ok(true);
                    }
                    self.is_timely = false;
                }
            }
        }
        Ok(true)
    }

    /// Listens for a moment, or until the server closes.
    async fn linger(&mut self) -> Result<(), String> {
        let moment = sleep(MOMENT);
        tokio::pin!(moment);
        while self.closed.is_none() {
            tokio::select! {
                () = &mut moment => break,
                heard = self.heard.recv() => self.note(heard)?,
            }
        }
        Ok(())
    }

    async fn hear(&mut self) -> Result<(), String> {
        let heard = self.heard.recv().await;
        self.note(heard)
    }

    fn note(&mut self, heard: Option<Heard>) -> Result<(), String> {
        match heard {
            Some(Heard::Said(what)) => self.said.push(what),
            Some(Heard::Closed(code)) => self.closed = Some(code),
            other => return Err(format!("{other:?}; said before: {:?}", self.said)),
        }
        Ok(())
    }

    async fn close(&mut self) {
        let close = raw::frame(raw::FIN | raw::CLOSE, &1000_u16.to_be_bytes());
        // Whoever does not take it has ended already, and that is looked at.
        let _ended = self.writer.write_all(&close).await;
    }

    fn compare(&self, case: &Case) -> Result<(), String> {
        let mut said = self.said.iter().peekable();
        for expected in &case.back {
            if said.next_if(|said| **said == expected.what).is_none() && !expected.is_optional {
                return Err(format!("{:?} is missing; said: {:?}", expected.what, self.said));
            }
        }
        said.next().map_or(Ok(()), |other| Err(format!("says {other:?} too")))
    }
}

async fn listen(mut reader: Reader, sender: mpsc::Sender<Heard>) {
    loop {
        let heard = match reader.frame().await {
            // The server's own.
            Some((raw::PING, _)) => continue,
            Some((raw::PONG, payload)) => Heard::Said(What::Pong(payload)),
            Some((raw::TEXT, payload)) => read(&payload),
            Some((raw::CLOSE, payload)) => {
                let code = payload.first_chunk().map(|code| u16::from_be_bytes(*code));
                if sender.send(Heard::Closed(code)).await.is_err() {
                    return;
                }
                let end = match reader.rest().await {
                    Ok(rest) if rest.is_empty() => Ok(()),
                    Ok(rest) => Err(format!("behind the close comes {rest:?}")),
                    Err(error) => Err(format!("TCP does not end in order: {error}")),
                };
                Heard::Ended(end)
            }
            Some((opcode, _)) => Heard::Ended(Err(format!("a frame with opcode {opcode:#x}"))),
            None => Heard::Ended(Err("the end without a close frame".to_owned())),
        };
        let is_last = !matches!(heard, Heard::Said(_));
        if sender.send(heard).await.is_err() || is_last {
            return;
        }
    }
}

fn read(payload: &[u8]) -> Heard {
    let Ok(answer) = serde_json::from_slice::<Value>(payload) else {
        return Heard::Ended(Err(String::from_utf8_lossy(payload).into_owned()));
    };
    match (&answer["id"], answer["error"].is_object()) {
        (Value::String(id), true) => Heard::Said(What::Answer(id.clone())),
        (Value::Null, true) => Heard::Said(What::Refused),
        _ => Heard::Ended(Err(answer.to_string())),
    }
}
