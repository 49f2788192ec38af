//! What is measured, with the budgets of the design.

use super::{
    Options, Scenario,
    crowd::Crowd,
    fan_out::{self, Load},
    figures::{Figure, Figures},
    idle::{self, Layout},
    stored::{self, Senders},
    storms,
    target::Target,
    voice::{Class, Protocol},
};
use std::{
    error::Error,
    io::{self, Write},
};

const ROOMS_OF_1: Layout = Layout {
    per_room: 1,
    rate: Figure::at_least("rooms of 1: connections, sign-in and join", "/s", 3000.0),
    first: Figure::free("rooms of 1: the first thousand", "/s"),
    last: Figure::at_least("rooms of 1: the last thousand", "/s", 3000.0),
    memory: Figure::at_most("rooms of 1: memory of an idle connection", "KiB", 6.0),
    cpu: Figure::at_most("rooms of 1: CPU of an idle connection", "µs/s", 1.5),
};

const ROOMS_OF_10: Layout = Layout {
    per_room: 10,
    rate: Figure::at_least("rooms of 10: connections, sign-in and join", "/s", 3000.0),
    first: Figure::free("rooms of 10: the first thousand", "/s"),
    last: Figure::at_least("rooms of 10: the last thousand", "/s", 3000.0),
    memory: Figure::at_most("rooms of 10: memory of an idle connection", "KiB", 6.0),
    cpu: Figure::at_most("rooms of 10: CPU of an idle connection", "µs/s", 1.5),
};

const ONE_ROOM: Layout = Layout {
    per_room: usize::MAX,
    rate: Figure::at_least("all in one room: connections, sign-in and join", "/s", 3000.0),
    first: Figure::free("all in one room: the first thousand", "/s"),
    last: Figure::at_least("all in one room: the last thousand", "/s", 3000.0),
    memory: Figure::at_most("all in one room: memory of an idle connection", "KiB", 6.0),
    cpu: Figure::at_most("all in one room: CPU of an idle connection", "µs/s", 1.5),
};

/// Four messages a second of 200 bytes to all of [`ONE_ROOM`].
const TO_ALL: Load = Load {
    class: Class::Durable,
    rooms: 1,
    rate: 4,
    seconds: 0,
    user: Figure::free("all in one room, 4/s: user CPU of a delivery", "µs"),
    system: Figure::free("all in one room, 4/s: system CPU of a delivery", "µs"),
    p50: Figure::free("all in one room, 4/s: p50", "ms"),
    p99: Figure::at_most("all in one room, 4/s: p99", "ms", 50.0),
};

const ROOM_STORED: Load = Load {
    class: Class::Durable,
    rooms: 1,
    rate: 20,
    seconds: 0,
    user: Figure::at_most("1 × 1,000 stored, 20/s: user CPU of a delivery", "µs", 0.8),
    system: Figure::free("1 × 1,000 stored, 20/s: system CPU of a delivery", "µs"),
    p50: Figure::free("1 × 1,000 stored, 20/s: p50", "ms"),
    p99: Figure::free("1 × 1,000 stored, 20/s: p99", "ms"),
};

const ROOM_EPHEMERAL: Load = Load {
    class: Class::Ephemeral,
    rooms: 1,
    rate: 20,
    seconds: 0,
    user: Figure::at_most("1 × 1,000 ephemeral, 20/s: user CPU of a delivery", "µs", 0.8),
    system: Figure::free("1 × 1,000 ephemeral, 20/s: system CPU of a delivery", "µs"),
    p50: Figure::free("1 × 1,000 ephemeral, 20/s: p50", "ms"),
    p99: Figure::free("1 × 1,000 ephemeral, 20/s: p99", "ms"),
};

const ROOMS_EPHEMERAL: Load = Load {
    class: Class::Ephemeral,
    rooms: 100,
    rate: 5,
    seconds: 0,
    user: Figure::at_most("100 × 10 ephemeral, 5/s each: user CPU of a delivery", "µs", 4.0),
    system: Figure::free("100 × 10 ephemeral, 5/s each: system CPU of a delivery", "µs"),
    p50: Figure::free("100 × 10 ephemeral, 5/s each: p50", "ms"),
    p99: Figure::free("100 × 10 ephemeral, 5/s each: p99", "ms"),
};

const STORED: [Senders; 4] = [
    Senders {
        rooms: 1,
        per_room: 8,
        in_flight: 1,
        rate: Figure::at_least("stored, one room: 8 senders", "/s", 5000.0),
        p99: Figure::free("stored, one room: 8 senders, answer p99", "ms"),
    },
    Senders {
        rooms: 1,
        per_room: 32,
        in_flight: 1,
        rate: Figure::at_least("stored, one room: 32 senders", "/s", 5000.0),
        p99: Figure::free("stored, one room: 32 senders, answer p99", "ms"),
    },
    Senders {
        rooms: 1,
        per_room: 8,
        in_flight: 8,
        rate: Figure::at_least("stored, one room: 8 senders, 8 each in flight", "/s", 5000.0),
        p99: Figure::free("stored, one room: 8 senders, 8 each in flight, answer p99", "ms"),
    },
    Senders {
        rooms: 100,
        per_room: 1,
        in_flight: 1,
        rate: Figure::at_least("stored, 100 rooms: a sender each", "/s", 8000.0),
        p99: Figure::free("stored, 100 rooms: a sender each, answer p99", "ms"),
    },
];

/// Measures what the options name, of one server. A scenario that cannot be carried out says why, and the others
/// go on.
///
/// # Errors
/// If nothing can be printed.
pub(super) async fn run(target: &mut Target, options: &Options, figures: &mut Figures) -> io::Result<()> {
    for scenario in [Scenario::FanOut, Scenario::Idle, Scenario::Stored, Scenario::Storms] {
        if !options.only.is_empty() && !options.only.contains(&scenario) {
            continue;
        }
        let done = match scenario {
            Scenario::FanOut => fan_out(target, options, figures).await,
            Scenario::Idle => idle(target, options, figures).await,
            Scenario::Stored => stored(target, options, figures).await,
            Scenario::Storms => storms(target, options, figures).await,
        };
        if let Err(error) = done {
            writeln!(io::stdout(), "  {:<11} {scenario:?} broke off: {error}", target.name())?;
        }
    }
    Ok(())
}

fn is_ours(target: &Target) -> bool {
    target.voice.protocol == Protocol::Switchboard
}

async fn fan_out(
    target: &mut Target,
    options: &Options,
    figures: &mut Figures,
) -> Result<(), Box<dyn Error>> {
    // The others store nothing.
    if is_ours(target) {
        rooms(target, 1000, ROOM_STORED, options, figures).await?;
    }
    rooms(target, 1000, ROOM_EPHEMERAL, options, figures).await?;
    rooms(target, 10, ROOMS_EPHEMERAL, options, figures).await
}

async fn idle(target: &mut Target, options: &Options, figures: &mut Figures) -> Result<(), Box<dyn Error>> {
    let (count, seconds) = (options.connections, options.idle_seconds);
    for layout in [ROOMS_OF_1, ROOMS_OF_10] {
        drop(idle::measure(target, layout, count, seconds, figures).await?);
    }
    let mut crowd = idle::measure(target, ONE_ROOM, count, seconds, figures).await?;
    let load = Load { seconds: options.seconds, ..TO_ALL };
    fan_out::measure(target, &mut crowd, load, figures).await
}

async fn stored(target: &mut Target, options: &Options, figures: &mut Figures) -> Result<(), Box<dyn Error>> {
    if is_ours(target) {
        target.renew()?;
        for senders in STORED {
            stored::measure(target, senders, options.seconds, figures).await?;
        }
    }
    Ok(())
}

async fn storms(target: &mut Target, options: &Options, figures: &mut Figures) -> Result<(), Box<dyn Error>> {
    storms::join(target, figures).await?;
    storms::resume(target, options.connections.min(2000), figures).await
}

/// A load in a process of its own.
async fn rooms(
    target: &mut Target,
    per_room: usize,
    load: Load,
    options: &Options,
    figures: &mut Figures,
) -> Result<(), Box<dyn Error>> {
    target.renew()?;
    let mut crowd = Crowd::gather(&target.voice, load.class, load.rooms * per_room, per_room).await?;
    fan_out::measure(target, &mut crowd, Load { seconds: options.seconds, ..load }, figures).await
}
