//! Counters of what happens for each frame. They are looked up once: a look costs as much as handing on a frame.

use metrics::Counter;
use std::sync::LazyLock;

pub(crate) static FRAMES_RECEIVED: LazyLock<Counter> =
    LazyLock::new(|| metrics::counter!("hub_frames_received_total"));

pub(crate) static FRAMES_SENT: LazyLock<Counter> =
    LazyLock::new(|| metrics::counter!("hub_frames_sent_total"));

/// Of what is said in rooms, once for each who hears it.
pub(crate) static DELIVERIES: LazyLock<Counter> = LazyLock::new(|| metrics::counter!("hub_deliveries_total"));
