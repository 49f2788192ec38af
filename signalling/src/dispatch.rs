//! One match over the protocol's methods.

use crate::{
    calls, changes, connection::verify, hub::Hub, inbox, media, peer::Peer, presence, rooms, standing,
};
use common::{
    error::{ErrorCode, Fault},
    protocol::{Failure, Request, RequestId, connection::Refreshed},
};
use std::sync::Arc;

/// Whether the request waits for other parts or people; such requests have a lane of their own.
pub(crate) const fn is_slow(request: &Request) -> bool {
    use Request as R;
    match request {
        R::CallRing(_) | R::CallAccept(_) | R::CallReject(_) | R::CallCancel(_) | R::CallHangUp(_) => true,
        R::MediaJoin(_) | R::MediaLeave(_) | R::MediaSignal(_) | R::MediaPublish(_) | R::MediaAnswer(_) => {
            true
        }
        R::ConnectionOpen(_) | R::ConnectionRefresh(_) | R::PresenceSubscribe(_) => false,
        R::RoomJoin(_) | R::RoomLeave(_) | R::RoomSend(_) | R::RoomTyping(_) | R::RoomHistory(_) => false,
        R::RoomMembers(_) => false,
        R::InboxSubscribe(_) | R::InboxUnsubscribe(_) | R::FeedSubscribe(_) | R::FeedUnsubscribe(_) => false,
    }
}

/// Carries out a request and answers it.
pub(crate) async fn answer(hub: &Hub, peer: &Arc<Peer>, id: Option<RequestId>, request: Request) {
    use Request as R;
    let id = id.as_ref();
    // What depends on the room or the table is looked at where it is entered or followed.
    if let Err(failure) = peer.access().admit(request.needs()) {
        return peer.answer::<()>(id, &Err(failure));
    }
    match request {
        R::ConnectionOpen(_) => peer.answer::<()>(id, &Err(already_open())),
        R::ConnectionRefresh(refresh) => peer.answer(id, &refreshed(hub, peer, &refresh.token)),
        R::RoomJoin(join) => rooms::join(hub, peer, id, &join).await,
        R::RoomLeave(leave) => peer.answer(id, &rooms::leave(hub, peer, leave.room_id).await),
        R::RoomSend(send) => peer.answer(id, &rooms::send(hub, peer, &send).await),
        R::RoomTyping(typing) => peer.answer(id, &rooms::typing(hub, peer, &typing).await),
        R::RoomHistory(history) => peer.answer(id, &rooms::history(hub, peer, &history).await),
        R::RoomMembers(read) => peer.answer(id, &rooms::members(hub, peer, &read)),
        R::PresenceSubscribe(subscribe) => presence::subscribe(hub, peer, id, subscribe.after).await,
        R::CallRing(ring) => peer.answer(id, &calls::ring(hub, peer, &ring).await),
        R::CallAccept(accept) => peer.answer(id, &calls::accept(hub, peer, accept.call_id).await),
        R::CallReject(reject) => peer.answer(id, &calls::reject(hub, peer, reject.call_id).await),
        R::CallCancel(cancel) => peer.answer(id, &calls::cancel(hub, peer, cancel.call_id).await),
        R::CallHangUp(hang_up) => peer.answer(id, &calls::hang_up(hub, peer, hang_up.call_id).await),
        R::MediaJoin(join) => peer.answer(id, &media::join(hub, peer, join.room_id).await),
        R::MediaLeave(leave) => peer.answer(id, &media::leave(hub, peer, leave.room_id).await),
        R::MediaSignal(signal) => peer.answer(id, &media::signal(hub, peer, signal).await),
        R::MediaPublish(publish) => peer.answer(id, &media::publish(hub, peer, publish).await),
        R::MediaAnswer(answer) => peer.answer(id, &media::answer(hub, peer, answer).await),
        R::InboxSubscribe(subscribe) => inbox::subscribe(hub, peer, id, subscribe.after).await,
        R::FeedSubscribe(subscribe) => changes::subscribe(hub, peer, id, subscribe).await,
        R::FeedUnsubscribe(which) => peer.answer(id, &Ok(changes::unsubscribe(hub, peer, &which.feed))),
        R::InboxUnsubscribe(_) => peer.answer(id, &Ok(inbox::unsubscribe(hub, peer))),
    }
}

fn already_open() -> Failure {
    Failure::of(ErrorCode::CONFLICT, Fault::Caller, "the connection is open; use connection.refresh")
}

fn refreshed(hub: &Hub, peer: &Arc<Peer>, token: &common::secret::Secret) -> Result<Refreshed, Failure> {
    let bearer = verify(hub, token)?;
    peer.renew(&bearer)?;
    standing::look_again(hub, peer);
    changes::recheck(hub, peer);
    inbox::recheck(hub, peer);
    Ok(Refreshed { expires_at: bearer.expires_at() })
}
