//! Histories in Redis: each is a small hash that says where it is, which is kept for long, and one with the entries, which
//! goes by itself when the last of them is too old.

use super::{RedisBackend, names, partition::Partition, scripts};
use crate::{
    error::BusError,
    history::{HistoryLimits, Place, REMEMBERED, Recalled, fresh_epoch},
};
use bytes::Bytes;
use redis::{RedisError, Script, aio::MultiplexedConnection};
use std::sync::LazyLock;

/// What both scripts begin with. Fields of the head: `e` the epoch, `o` the last number, `f` the first that is kept, `b`
/// the bytes of those that are kept, `r` the process of Redis that wrote it. Those of the entries: each number its entry,
/// with the time in front.
///
/// What another process of Redis wrote may lack what that one had last: it was started again, or was a replica. So it is
/// begun anew, under another epoch. Nothing else begins it anew: that somebody claims to have seen more than there is may
/// be made up.
const BEGIN: &str = "
    local head, kept, run, fresh = KEYS[1], KEYS[2], ARGV[1], ARGV[2]
    local count, bytes, age = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
    local clock = redis.call('TIME')
    local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
    local epoch, last, first, size
    local function text(number) return string.format('%.0f', number) end
    local known = redis.call('HMGET', head, 'e', 'o', 'f', 'b', 'r')
    if known[1] and known[5] == run then
        epoch, last, first, size = known[1], tonumber(known[2]), tonumber(known[3]), tonumber(known[4])
        if redis.call('EXISTS', kept) == 0 then first, size = last + 1, 0 end
    else
        redis.call('DEL', head, kept)
        epoch, last, first, size = fresh, 0, 1, 0
    end
    local function trim()
        while first <= last do
            local oldest = redis.call('HGET', kept, text(first))
            local at, entry = string.match(oldest or '0:', '^(%d+):(.*)$')
            if last - first < count and size <= bytes and tonumber(at) + age >= now then return end
            redis.call('HDEL', kept, text(first))
            size, first = size - #entry, first + 1
        end
    end
    local function remember(time)
        redis.call('HSET', head, 'e', epoch, 'o', text(last), 'f', text(first), 'b', text(size), 'r', run)
        redis.call('PEXPIRE', head, time)
    end
";

pub(super) static APPEND: LazyLock<Script> = LazyLock::new(|| {
    Script::new(&format!(
        "{BEGIN}
         last, size = last + 1, size + #ARGV[6]
         redis.call('HSET', kept, text(last), text(now) .. ':' .. ARGV[6])
         trim()
         redis.call('PEXPIRE', kept, ARGV[5])
         remember(ARGV[7])
         return {{epoch, text(last)}}"
    ))
});

pub(super) static RECALL: LazyLock<Script> = LazyLock::new(|| {
    Script::new(&format!(
        "{BEGIN}
         local after = tonumber(ARGV[7])
         local before = first
         trim()
         if last == 0 then
             remember(ARGV[8])
         elseif first ~= before then
             redis.call('HSET', head, 'f', text(first), 'b', text(size))
         end
         if ARGV[6] == epoch and after <= last and after + 1 >= first then first = after + 1 end
         local entries = {{}}
         for number = first, last do
             local at, entry = string.match(redis.call('HGET', kept, text(number)), '^(%d+):(.*)$')
             entries[#entries + 1] = entry
         end
         return {{epoch, text(last), entries}}"
    ))
});

/// Which process of Redis answers a connection, and since when it is not a replica; both change with a restart, one of them
/// with each failover. The same for all where nobody may ask: then only what Redis has forgotten altogether is noticed.
///
/// # Errors
/// If it cannot be asked now. It must be before anything is written: those who disagree on it begin each other's
/// histories anew.
pub(super) async fn process(commands: &mut MultiplexedConnection) -> Result<String, RedisError> {
    let run = said(info(commands, "server").await, "run_id:")?;
    let since = said(info(commands, "replication").await, "master_replid:")?;
    Ok(format!("{run}:{since}"))
}

async fn info(commands: &mut MultiplexedConnection, section: &str) -> Result<String, RedisError> {
    redis::cmd("INFO").arg(section).query_async(commands).await
}

/// What follows `name` in what Redis says of itself; the same text wherever it does not say it.
fn said(info: Result<String, RedisError>, name: &str) -> Result<String, RedisError> {
    let info = match info {
        Err(error) if !is_forbidden(&error) => return Err(error),
        info => info.unwrap_or_default(),
    };
    let value = info.lines().find_map(|line| line.strip_prefix(name));
    Ok(value.unwrap_or("unknown").trim().to_owned())
}

/// Whether the command is kept from us for good: by who may do what, or since it was renamed.
fn is_forbidden(error: &RedisError) -> bool {
    error.code() == Some("NOPERM") || error.detail().is_some_and(|detail| detail.contains("unknown command"))
}

impl RedisBackend {
    pub(super) async fn append_in_redis(
        &self,
        name: &str,
        entry: &Bytes,
        limits: HistoryLimits,
    ) -> Result<Place, BusError> {
        let keys = [self.names.history(name), self.names.entries(name)];
        let append = |process: &str| {
            let mut append = scripts::call(&APPEND, &keys);
            append.arg(process).arg(fresh_epoch());
            append.arg(limits.entries).arg(limits.bytes).arg(names::millis(limits.age));
            append.arg(entry.as_ref()).arg(names::millis(REMEMBERED));
            append
        };
        let (epoch, seq): (String, u64) = self.command(Partition::of(name), append).await?;
        Ok(Place { epoch, seq })
    }

    pub(super) async fn recall_from_redis(
        &self,
        name: &str,
        after: Option<&Place>,
        limits: HistoryLimits,
    ) -> Result<Recalled<Bytes>, BusError> {
        let keys = [self.names.history(name), self.names.entries(name)];
        let recall = |process: &str| {
            let mut recall = scripts::call(&RECALL, &keys);
            recall.arg(process).arg(fresh_epoch());
            recall.arg(limits.entries).arg(limits.bytes).arg(names::millis(limits.age));
            recall.arg(after.map_or("", |after| &after.epoch)).arg(after.map_or(0, |after| after.seq));
            recall.arg(names::millis(REMEMBERED));
            recall
        };
        let (epoch, seq, entries): (String, u64, Vec<Vec<u8>>) =
            self.command(Partition::of(name), recall).await?;
        let first = (seq + 1).saturating_sub(u64::try_from(entries.len()).unwrap_or(u64::MAX));
        let entries = (first..).zip(entries.into_iter().map(Bytes::from)).collect();
        Ok(Recalled { head: Place { epoch, seq }, entries })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use redis::{ErrorKind, ServerErrorKind};

    fn refused(kind: ServerErrorKind, detail: &str) -> Result<String, RedisError> {
        Err((ErrorKind::Server(kind), "Redis says", detail.to_owned()).into())
    }

    #[test]
    fn a_redis_that_cannot_be_asked_now_is_asked_again_and_is_not_taken_for_an_unknown_one() {
        let away = std::io::Error::from(std::io::ErrorKind::TimedOut);
        assert!(said(Err(away.into()), "run_id:").is_err());
        for kind in [ServerErrorKind::BusyLoading, ServerErrorKind::ResponseError] {
            assert!(said(refused(kind, "not now"), "run_id:").is_err());
        }
        let renamed = refused(ServerErrorKind::ResponseError, "unknown command 'INFO', with args");
        for forbidden in [refused(ServerErrorKind::NoPerm, "no permissions"), renamed] {
            assert_eq!(said(forbidden, "run_id:").unwrap(), "unknown");
        }
    }

    #[test]
    fn what_redis_says_is_found_by_its_name() {
        let info = || Ok("# Replication\r\nmaster_replid:ab\r\nmaster_replid2:cd\r\n".to_owned());
        assert_eq!(said(info(), "master_replid:").unwrap(), "ab");
        assert_eq!(said(info(), "run_id:").unwrap(), "unknown");
    }
}
