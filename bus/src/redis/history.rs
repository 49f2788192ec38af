//! Histories in Redis: each is one hash, so that it is kept or forgotten as a whole.

use super::{RedisBackend, names};
use crate::{
    error::BusError,
    history::{HistoryLimits, Place, REMEMBERED, REMEMBERED_EMPTY, Recalled, fresh_epoch},
};
use bytes::Bytes;
use redis::{Script, aio::MultiplexedConnection};
use std::sync::LazyLock;

/// What both scripts begin with. Fields of the hash: `e` the epoch, `o` the last number, `f` the first that is kept, `b`
/// the bytes of those that are kept, `r` the process of Redis that wrote it, and each number its entry, with the time
/// in front.
///
/// What another process of Redis wrote may lack what that one had last: it was started again, or was a replica. So it is
/// begun anew, under another epoch. So is one that has fewer numbers than somebody has seen.
const BEGIN: &str = "
    local key, run, fresh = KEYS[1], ARGV[1], ARGV[2]
    local count, bytes, age = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
    local clock = redis.call('TIME')
    local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
    local epoch, last, first, size
    local function text(number) return string.format('%.0f', number) end
    local function begin()
        redis.call('DEL', key)
        epoch, last, first, size = fresh, 0, 1, 0
    end
    local kept = redis.call('HMGET', key, 'e', 'o', 'f', 'b', 'r')
    if kept[1] and kept[5] == run then
        epoch, last, first, size = kept[1], tonumber(kept[2]), tonumber(kept[3]), tonumber(kept[4])
    else
        begin()
    end
    local function trim()
        while first <= last do
            local oldest = redis.call('HGET', key, text(first))
            local at, entry = string.match(oldest or '0:', '^(%d+):(.*)$')
            if last - first < count and size <= bytes and tonumber(at) + age >= now then return end
            redis.call('HDEL', key, text(first))
            size, first = size - #entry, first + 1
        end
    end
    local function keep(time)
        redis.call('HSET', key, 'e', epoch, 'o', text(last), 'f', text(first), 'b', text(size), 'r', run)
        redis.call('PEXPIRE', key, time)
    end
";

static APPEND: LazyLock<Script> = LazyLock::new(|| {
    Script::new(&format!(
        "{BEGIN}
         last, size = last + 1, size + #ARGV[6]
         redis.call('HSET', key, text(last), text(now) .. ':' .. ARGV[6])
         trim()
         keep(ARGV[7])
         return {{epoch, text(last)}}"
    ))
});

static RECALL: LazyLock<Script> = LazyLock::new(|| {
    Script::new(&format!(
        "{BEGIN}
         local after = tonumber(ARGV[7])
         if ARGV[6] == epoch and after > last then begin() end
         local before = first
         trim()
         if last == 0 then
             keep(ARGV[8])
         elseif first ~= before then
             redis.call('HSET', key, 'f', text(first), 'b', text(size))
         end
         if ARGV[6] == epoch and after + 1 >= first then first = after + 1 end
         local entries = {{}}
         for number = first, last do
             local at, entry = string.match(redis.call('HGET', key, text(number)), '^(%d+):(.*)$')
             entries[#entries + 1] = entry
         end
         return {{epoch, text(last), entries}}"
    ))
});

/// Which process of Redis answers a connection; it changes with a restart and a failover. The same for all where it is not
/// said: then only what Redis has forgotten altogether is noticed.
pub(super) async fn process(commands: &mut MultiplexedConnection) -> String {
    let info: Result<String, _> = redis::cmd("INFO").arg("server").query_async(commands).await;
    let info = info.unwrap_or_default();
    let id = info.lines().find_map(|line| line.strip_prefix("run_id:"));
    id.unwrap_or("unknown").trim().to_owned()
}

impl RedisBackend {
    pub(super) async fn append_in_redis(
        &self,
        name: &str,
        entry: &Bytes,
        limits: HistoryLimits,
    ) -> Result<Place, BusError> {
        let (mut connection, process) = self.connected()?;
        let mut append = APPEND.prepare_invoke();
        append.key(self.names.history(name)).arg(&*process).arg(fresh_epoch());
        append.arg(limits.entries).arg(limits.bytes).arg(names::millis(limits.age));
        append.arg(entry.as_ref()).arg(names::millis(REMEMBERED));
        let (epoch, seq): (String, u64) = append.invoke_async(&mut connection).await?;
        Ok(Place { epoch, seq })
    }

    pub(super) async fn recall_from_redis(
        &self,
        name: &str,
        after: Option<&Place>,
        limits: HistoryLimits,
    ) -> Result<Recalled<Bytes>, BusError> {
        let (mut connection, process) = self.connected()?;
        let mut recall = RECALL.prepare_invoke();
        recall.key(self.names.history(name)).arg(&*process).arg(fresh_epoch());
        recall.arg(limits.entries).arg(limits.bytes).arg(names::millis(limits.age));
        recall.arg(after.map_or("", |after| &after.epoch)).arg(after.map_or(0, |after| after.seq));
        recall.arg(names::millis(REMEMBERED_EMPTY));
        let (epoch, seq, entries): (String, u64, Vec<Vec<u8>>) = recall.invoke_async(&mut connection).await?;
        let first = (seq + 1).saturating_sub(u64::try_from(entries.len()).unwrap_or(u64::MAX));
        let entries = (first..).zip(entries.into_iter().map(Bytes::from)).collect();
        Ok(Recalled { head: Place { epoch, seq }, entries })
    }
}
