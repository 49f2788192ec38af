//! The scripts that are carried out within Redis, each on keys of one partition.
//!
//! Those of histories and of rates stand beside what uses them.

use super::{history, spend};
use redis::{Cmd, RedisError, Script, ToRedisArgs, aio::MultiplexedConnection, cmd};
use std::sync::LazyLock;

/// Takes a lease that is free or ours, or whose holder is dead; otherwise returns its holder.
///
/// A holder is dead before its lease ends by the same signs as for [`LIVING_ENTRIES`]: it has not beaten for a while, and
/// does not listen for answers either.
pub(crate) static ACQUIRE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local holder = redis.call('GET', KEYS[1])
         if holder and holder ~= ARGV[1] then
             if #holder ~= 36 then return holder end
             local at = redis.call('HGET', KEYS[2], holder)
             local clock = redis.call('TIME')
             local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
             if at and now - tonumber(at) < tonumber(ARGV[4]) then return holder end
             if redis.call('PUBSUB', 'SHARDNUMSUB', ARGV[3] .. holder)[2] > 0 then return holder end
         end
         redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
         return false",
    )
});

/// Gives a lease that is ours to another node, which has only to acquire it. Whether it was ours.
pub(crate) static HAND_OVER: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
         redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
         return 1",
    )
});

/// Gives a lease back, if it is still ours.
pub(crate) static RELEASE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0",
    )
});

/// Takes an entry out of a set, if it is still this node's.
pub(crate) static REMOVE_ENTRY: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local entry = redis.call('HGET', KEYS[1], ARGV[1])
         if entry and string.sub(entry, 1, 36) == ARGV[2] then return redis.call('HDEL', KEYS[1], ARGV[1]) end
         return 0",
    )
});

/// Says that a node lives, and whether it was believed to. Who was not tidies up after those that do not come back.
pub(crate) static BEAT: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local clock = redis.call('TIME')
         local now, time = clock[1] * 1000 + math.floor(clock[2] / 1000), tonumber(ARGV[2])
         local before = redis.call('HGET', KEYS[1], ARGV[1])
         redis.call('HSET', KEYS[1], ARGV[1], string.format('%.0f', now))
         redis.call('PEXPIRE', KEYS[1], time)
         if before and now - tonumber(before) < time then return 1 end
         local nodes = redis.call('HGETALL', KEYS[1])
         for i = 1, #nodes, 2 do
             if now - tonumber(nodes[i + 1]) >= time then redis.call('HDEL', KEYS[1], nodes[i]) end
         end
         return 0",
    )
});

/// All entries of a set whose node lives; the others are swept. A node is 36 characters of text.
///
/// A node that has not beaten for a while and does not listen for answers either is dead before its time: whoever
/// is connected to Redis listens. If it lives after all, it finds itself forgotten and writes everything again.
///
/// Both keys are named, so that Redis refuses while their slot is on its way to another server and one of them is there
/// already.
pub(crate) static LIVING_ENTRIES: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local clock = redis.call('TIME')
         local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
         local function lives(node)
             local at = redis.call('HGET', KEYS[2], node)
             if not at then return false end
             local silent = now - tonumber(at)
             if silent < tonumber(ARGV[3]) then return true end
             local listens = redis.call('PUBSUB', 'SHARDNUMSUB', ARGV[1] .. node)[2] > 0
             if silent < tonumber(ARGV[2]) and listens then return true end
             redis.call('HDEL', KEYS[2], node)
             return false
         end
         local rows, alive, result = redis.call('HGETALL', KEYS[1]), {}, {}
         for i = 1, #rows, 2 do
             local node = string.sub(rows[i + 1], 1, 36)
             if alive[node] == nil then alive[node] = lives(node) end
             if alive[node] then
                 result[#result + 1] = { rows[i], rows[i + 1] }
             else
                 redis.call('HDEL', KEYS[1], rows[i])
             end
         end
         return result",
    )
});

/// A call of a script that Redis has been [told](load_all).
pub(crate) fn call(script: &Script, keys: &[impl ToRedisArgs]) -> Cmd {
    let mut call = cmd("EVALSHA");
    call.arg(script.get_hash()).arg(keys.len()).arg(keys);
    call
}

/// Tells a server all scripts. It keeps them until it ends, or an operator has it forget them.
pub(crate) async fn load_all(commands: &mut MultiplexedConnection) -> Result<(), RedisError> {
    let all: [&LazyLock<Script>; 9] = [
        &ACQUIRE,
        &HAND_OVER,
        &RELEASE,
        &REMOVE_ENTRY,
        &BEAT,
        &LIVING_ENTRIES,
        &history::APPEND,
        &history::RECALL,
        &spend::SPEND,
    ];
    for script in all {
        script.load_async(commands).await?;
    }
    Ok(())
}
