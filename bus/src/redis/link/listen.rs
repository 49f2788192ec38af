//! What a link listens to.

use super::{
    super::{
        cluster::Hint,
        partition::{Partition, Partitions},
        redirect::Redirect,
        subscriber::{SUBSCRIBE_BATCH, Subscribed},
    },
    Keeper, Up, limited,
};
use crate::exchange::Exchange;
use ::redis::RedisError;
use std::collections::HashSet;

impl Keeper {
    /// The server has nothing of these any more: whoever owns them now is told by who is asked.
    pub(super) async fn cut_off(&mut self, up: &mut Up, partitions: Partitions) -> Result<(), RedisError> {
        if partitions.is_empty() {
            return Ok(());
        }
        for partition in partitions.iter() {
            self.shard.set_taken(partition, false);
        }
        self.backend.judge_link();
        self.backend.hint(Hint::Look);
        let taken = self.shard.taken();
        self.subscribed = self.wanted(taken).intersection(&self.subscribed).cloned().collect();
        // Says where they are, unless the server has them after all.
        let untaken = self.shard.untaken();
        let wanted = self.wanted(untaken).into_iter().collect();
        self.subscribe(up, wanted).await.map(drop)
    }

    /// Subscribes, and says in which partitions the server does not own what was asked for.
    pub(super) async fn subscribe(
        &mut self,
        up: &mut Up,
        channels: Vec<String>,
    ) -> Result<Partitions, RedisError> {
        let mut elsewhere = Partitions::NONE;
        for batch in channels.chunks(SUBSCRIBE_BATCH) {
            let outcomes = limited(up.subscriber.subscribe(batch)).await?;
            for (channel, outcome) in batch.iter().zip(outcomes) {
                let partition = self.backend.partition_of(channel);
                match (outcome, partition) {
                    (Subscribed::Here, _) => {
                        self.subscribed.insert(channel.clone());
                    }
                    (Subscribed::Elsewhere(redirect), Some(partition)) => {
                        elsewhere.insert(partition);
                        if let Redirect::Moved(address) = redirect {
                            self.backend.hint(Hint::Moved(partition, address));
                        }
                    }
                    (Subscribed::Elsewhere(_), None) => {}
                }
            }
        }
        Ok(elsewhere)
    }

    /// Makes the subscribed channels those that are wanted. As a whole and not by single changes: those come
    /// from many tasks in any order, and a late "gone" would end what has come again.
    pub(super) async fn match_subscriptions(&mut self, up: &mut Up) -> Result<(), RedisError> {
        let wanted = self.wanted(self.shard.taken());
        let missing: Vec<String> = wanted.difference(&self.subscribed).cloned().collect();
        let elsewhere = self.subscribe(up, missing).await?;
        let surplus: Vec<String> = self.subscribed.difference(&wanted).cloned().collect();
        for batch in surplus.chunks(SUBSCRIBE_BATCH) {
            limited(up.subscriber.unsubscribe(batch)).await?;
        }
        self.subscribed.retain(|channel| wanted.contains(channel));
        self.cut_off(up, elsewhere).await
    }

    pub(super) fn wanted(&self, partitions: Partitions) -> HashSet<String> {
        let (names, exchange): (_, &Exchange) = (&self.backend.names, &self.backend.exchange);
        let is_wanted = |subject: &String| partitions.contains(Partition::of(subject));
        let topics = exchange.subscribed_subjects().into_iter().filter(is_wanted);
        let services = exchange.served_subjects().into_iter().filter(is_wanted);
        let replies = partitions.iter().map(|partition| names.replies(partition, self.backend.node));
        let topics = topics.map(|subject| names.topic(&subject));
        topics.chain(services.map(|subject| names.service(&subject))).chain(replies).collect()
    }
}
