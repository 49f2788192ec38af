//! What the hub sees to before and after a media node is asked.

use super::*;
use crate::{
    config::Config,
    connection::MESSAGE_BYTES_MAX,
    rooms,
    testing::{ID, World},
};
use common::{
    clock::ManualClock,
    protocol::room::{self, RemovalReason},
};

/// Of as many lines as the media server takes: escaped, each has two bytes more.
#[test]
fn the_longest_description_fits_into_a_frame() {
    let sdp = "a=twelve bytes\r\n".repeat(SDP_BYTES_MAX / 16);
    assert_eq!(sdp.len(), SDP_BYTES_MAX);
    let answer = Answer { room_id: RoomId::generate(&ManualClock::default()), revision: u64::MAX, sdp };
    let request = serde_json::json!({
        "jsonrpc": "2.0", "id": u64::MAX, "method": "media.answer", "params": answer,
    });
    assert!(request.to_string().len() <= MESSAGE_BYTES_MAX);
}

#[tokio::test]
async fn who_is_taken_out_of_the_room_while_they_join_its_session_has_no_seat() {
    let world = World::new(Config::default()).await;
    let (id, mut ada) = (world.room().await, world.connect().await);
    let enter = room::Join { room_id: Some(id), ..room::Join::default() };
    rooms::join(&world.hub, &ada.client, Some(&ID), &enter).await;
    assert!(ada.frame().await["result"].is_object());
    assert!(take_seat(&world.hub, &ada.client, id).is_ok());
    assert_eq!(rooms::remove(&world.hub, id, RemovalReason::Removed, |_| true), 1);
    assert!(ada.client.held().media.is_empty());
    // They were in the room when `media.join` looked, and are not any more.
    let refused = take_seat(&world.hub, &ada.client, id).unwrap_err();
    assert_eq!(refused.data.code, ErrorCode::NOT_IN_ROOM);
    assert!(ada.client.held().media.is_empty());
}
