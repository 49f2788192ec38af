//! What a link keeps up: leases, entries, and that this node lives.

use super::{
    super::{
        Part, RedisBackend,
        keep::Removals,
        names,
        partition::{Partition, Partitions},
        redirect::Redirect,
        scripts,
    },
    Keeper, NODE_TIME, Up,
};
use ::redis::{Cmd, RedisError, Value, cmd, from_redis_value, pipe};
use std::sync::Arc;
use tracing::warn;

/// Commands in one round trip.
const COMMANDS_BATCH: usize = 512;

impl Keeper {
    pub(super) async fn write_entries(
        &mut self,
        up: &mut Up,
        partitions: Partitions,
    ) -> Result<(), RedisError> {
        let backend = Arc::clone(&self.backend);
        for partition in partitions.iter() {
            let keep = &backend.of(partition).keep;
            // Or an entry that is replaced meanwhile would be overwritten with what it was.
            let _alone = keep.alone().await;
            let write = |(set, key, entry): (String, String, _)| {
                let mut write = cmd("HSET");
                write.arg(backend.names.presence(&set)).arg(key).arg(names::entry(backend.node, &entry));
                (partition, write)
            };
            let written = self.all(up, keep.own_entries().into_iter().map(write).collect()).await;
            if !matches!(&written, Ok(answers) if answers.iter().all(Option::is_some)) {
                keep.note_unwritten();
            }
            written?;
        }
        Ok(())
    }

    /// Says that this node lives, and keeps its leases. In which partitions Redis believed it dead.
    pub(super) async fn renew(
        &mut self,
        up: &mut Up,
        partitions: Partitions,
    ) -> Result<Partitions, RedisError> {
        let backend = Arc::clone(&self.backend);
        let node = backend.node.to_string();
        let mut asked: Vec<Option<(Partition, String)>> = Vec::new();
        let mut commands = Vec::new();
        for partition in partitions.iter() {
            let mut beat = scripts::call(&scripts::BEAT, &[backend.names.nodes(partition)]);
            beat.arg(&node).arg(names::millis(NODE_TIME));
            asked.push(None);
            commands.push((partition, beat));
            for name in backend.of(partition).keep.leases() {
                commands.push((partition, backend.acquisition(&name)));
                asked.push(Some((partition, name)));
            }
        }
        let beaten: Vec<Partition> = commands.iter().map(|(partition, _)| *partition).collect();
        let answers = self.all(up, commands).await?;
        let mut lapsed = Partitions::NONE;
        for ((answer, asked), partition) in answers.into_iter().zip(asked).zip(beaten) {
            match (answer, asked) {
                (Some(answer), None) if from_redis_value::<u64>(answer.clone())? == 0 => {
                    lapsed.insert(partition)
                }
                (Some(answer), Some((partition, name))) => {
                    if let Some(holder) = from_redis_value::<Option<String>>(answer)? {
                        warn!(lease = name, holder, "Lost a lease to another node");
                        backend.of(partition).keep.lose_lease(&name);
                    }
                }
                // What is on its way to another server is renewed the next time.
                (Some(_) | None, None) | (None, Some(_)) => {}
            }
        }
        Ok(lapsed)
    }

    pub(super) async fn tidy_up(&mut self, up: &mut Up, partitions: Partitions) -> Result<(), RedisError> {
        let backend = Arc::clone(&self.backend);
        for partition in partitions.iter() {
            let Part { keep, .. } = backend.of(partition);
            if keep.has_no_removals() {
                continue;
            }
            let _alone = keep.alone().await;
            let removals = keep.take_removals();
            let outcome = self.all(up, take_out(&backend, partition, &removals)).await;
            if !matches!(&outcome, Ok(answers) if answers.iter().all(Option::is_some)) {
                keep.restore_removals(removals);
            }
            outcome?;
        }
        Ok(())
    }

    /// Has the server carry out all of these, in few round trips. `None` stands for what is on its way to another server
    /// and could not be followed there.
    async fn all(
        &mut self,
        up: &mut Up,
        commands: Vec<(Partition, Cmd)>,
    ) -> Result<Vec<Option<Value>>, RedisError> {
        let mut all = Vec::with_capacity(commands.len());
        let mut gone = Partitions::NONE;
        for batch in commands.chunks(COMMANDS_BATCH) {
            let mut pipeline = pipe();
            pipeline.ignore_errors();
            for (_, command) in batch {
                pipeline.add_command(command.clone());
            }
            let answers: Vec<Value> = pipeline.query_async(&mut up.server.commands).await?;
            for (answer, (partition, command)) in answers.into_iter().zip(batch) {
                let Value::ServerError(error) = answer else {
                    all.push(Some(answer));
                    continue;
                };
                let error = RedisError::from(error);
                match Redirect::of(&error) {
                    None => return Err(error),
                    Some(_) if gone.contains(*partition) => all.push(None),
                    Some(_) => {
                        let followed = self.backend.follow(*partition, |_| vec![command.clone()]);
                        let answer = self
                            .backend
                            .in_time(*partition, followed)
                            .await
                            .ok()
                            .and_then(|answers| answers.into_iter().next());
                        if answer.is_none() {
                            gone.insert(*partition);
                        }
                        all.push(answer);
                    }
                }
            }
        }
        Ok(all)
    }
}

fn take_out(backend: &RedisBackend, partition: Partition, removals: &Removals) -> Vec<(Partition, Cmd)> {
    let node = backend.node.to_string();
    let leases = removals.leases.iter().map(|name| {
        let mut release = scripts::call(&scripts::RELEASE, &[backend.names.lease(name)]);
        release.arg(&node);
        (partition, release)
    });
    let entries = removals.entries.iter().map(|(set, key)| {
        let mut remove = scripts::call(&scripts::REMOVE_ENTRY, &[backend.names.presence(set)]);
        remove.arg(key).arg(&node);
        (partition, remove)
    });
    leases.chain(entries).collect()
}
