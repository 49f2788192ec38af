//! What a connection costs that does nothing.

use super::*;
use crate::{
    client::Queue,
    config::Config,
    rooms::live::LiveRoom,
    testing::{World, wires},
};
use common::address::ClientAddress;
use std::net::{IpAddr, Ipv4Addr};

/// Bytes of the state of a connection and of a room, each where it is kept. Whoever needs more has a reason, and
/// says here what it costs: rare branches are boxed. A room knows who types, and who has left a moment ago.
#[tokio::test]
async fn a_connection_at_rest_and_a_room_are_small() {
    let world = World::new(Config::default()).await;
    let (near, _far) = wires().await;
    let network = ClientAddress(IpAddr::V4(Ipv4Addr::LOCALHOST)).network();
    let Ok(slot) = Slot::take(&world.hub.0.slots, network) else { panic!("there is a slot") };
    let socket = Socket { wire: Arc::new(near), reader: Reader::new(&[]), _held: None };
    let task = size_of_val(&run(&world.hub, socket, slot));
    let parts = [
        ("the connection's task", task, 1792),
        ("the client", size_of::<Client>(), 448),
        ("its queue", size_of::<Queue>(), 256),
        ("a live room", size_of::<LiveRoom>(), 544),
    ];
    for (what, size, most) in parts {
        assert!(size <= most, "{what} has {size} bytes, {most} at most");
    }
}
