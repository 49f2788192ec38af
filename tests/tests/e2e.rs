//! The product as its users meet it: the real binary, real browsers, real services.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "test code: whatever is not as expected is a failure"
)]
#![allow(
    clippy::disallowed_methods,
    reason = "black boxes play the outside: they dial, wait and measure in the time of the real world"
)]

#[path = "e2e/accessibility.rs"]
mod accessibility;
#[path = "e2e/admission.rs"]
mod admission;
#[path = "e2e/attachments.rs"]
mod attachments;
#[path = "e2e/automation.rs"]
mod automation;
#[path = "e2e/backlog.rs"]
mod backlog;
#[path = "e2e/browser.rs"]
mod browser;
#[path = "e2e/call_stage.rs"]
mod call_stage;
#[path = "e2e/calls.rs"]
mod calls;
#[path = "e2e/chat.rs"]
mod chat;
#[path = "e2e/cluster.rs"]
mod cluster;
#[path = "e2e/connection.rs"]
mod connection;
#[path = "e2e/crowd.rs"]
mod crowd;
#[path = "e2e/data.rs"]
mod data;
#[path = "e2e/edge.rs"]
mod edge;
#[path = "e2e/egress.rs"]
mod egress;
#[path = "e2e/embedding.rs"]
mod embedding;
#[path = "e2e/ends.rs"]
mod ends;
#[path = "e2e/events.rs"]
mod events;
#[path = "e2e/feed.rs"]
mod feed;
#[path = "e2e/files.rs"]
mod files;
#[path = "e2e/first.rs"]
mod first;
#[path = "e2e/floods.rs"]
mod floods;
#[path = "e2e/fuzz.rs"]
mod fuzz;
#[path = "e2e/garbage.rs"]
mod garbage;
#[path = "e2e/groups.rs"]
mod groups;
#[path = "e2e/guesses.rs"]
mod guesses;
#[path = "e2e/guests.rs"]
mod guests;
#[path = "e2e/ice_tcp.rs"]
mod ice_tcp;
#[path = "e2e/in_call.rs"]
mod in_call;
#[path = "e2e/join_links.rs"]
mod join_links;
#[path = "e2e/lobby.rs"]
mod lobby;
#[path = "e2e/long_room.rs"]
mod long_room;
#[path = "e2e/media_nodes.rs"]
mod media_nodes;
#[path = "e2e/moved.rs"]
mod moved;
#[path = "e2e/named.rs"]
mod named;
#[path = "e2e/narrow.rs"]
mod narrow;
#[path = "e2e/native.rs"]
mod native;
#[path = "e2e/negotiation.rs"]
mod negotiation;
#[path = "e2e/notifications.rs"]
mod notifications;
#[path = "e2e/pages.rs"]
mod pages;
#[path = "e2e/parties.rs"]
mod parties;
#[path = "e2e/paths.rs"]
mod paths;
#[path = "e2e/presence.rs"]
mod presence;
#[path = "e2e/preview.rs"]
mod preview;
#[path = "e2e/rates.rs"]
mod rates;
#[path = "e2e/recording.rs"]
mod recording;
#[path = "e2e/replies.rs"]
mod replies;
#[path = "e2e/restart.rs"]
mod restart;
#[path = "e2e/resume.rs"]
mod resume;
#[path = "e2e/room_events.rs"]
mod room_events;
#[path = "e2e/room_list.rs"]
mod room_list;
#[path = "e2e/screens.rs"]
mod screens;
#[path = "e2e/six.rs"]
mod six;
#[path = "e2e/slots.rs"]
mod slots;
#[path = "e2e/snooze.rs"]
mod snooze;
#[path = "e2e/stacks.rs"]
mod stacks;
#[path = "e2e/states.rs"]
mod states;
#[path = "e2e/statistics.rs"]
mod statistics;
#[path = "e2e/tabs.rs"]
mod tabs;
#[path = "e2e/takeover.rs"]
mod takeover;
#[path = "e2e/tls.rs"]
mod tls;
#[path = "e2e/told.rs"]
mod told;
#[path = "e2e/track_ids.rs"]
mod track_ids;
#[path = "e2e/tracks.rs"]
mod tracks;
#[path = "e2e/transfers.rs"]
mod transfers;
#[path = "e2e/trust.rs"]
mod trust;
#[path = "e2e/webhooks.rs"]
mod webhooks;
#[path = "e2e/websocket.rs"]
mod websocket;
#[path = "e2e/whep.rs"]
mod whep;
#[path = "e2e/whip.rs"]
mod whip;
