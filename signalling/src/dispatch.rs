//! One match over the protocol's methods.

use crate::{
    calls, changes, client::Client, hub::Hub, inbox, mailbox, media, presence, room_list, rooms, standing,
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
        R::CallRing(_) | R::CallAccept(_) | R::CallReject(_) | R::CallCancel(_) => true,
        R::CallHangUp(_) | R::CallInvite(_) | R::CallTransfer(_) | R::CallResume(_) => true,
        R::CallWithdraw(_) | R::CallTransferToRoom(_) | R::CallAnswerTransfer(_) => true,
        R::MediaJoin(_) | R::MediaUpdate(_) | R::MediaLeave(_) => true,
        R::MediaSignal(_) | R::MediaPublish(_) | R::MediaAnswer(_) | R::MediaRestartIce(_) => true,
        R::MediaSubscribe(_) | R::MediaMute(_) | R::MediaRemove(_) | R::MediaLock(_) => true,
        R::ConnectionOpen(_) | R::ConnectionRefresh(_) | R::PresenceSubscribe(_) => false,
        R::RoomJoin(_) | R::RoomLeave(_) | R::RoomSend(_) | R::RoomTyping(_) | R::RoomHistory(_) => false,
        R::RoomEdit(_) | R::RoomDelete(_) | R::RoomReact(_) | R::RoomRead(_) | R::RoomMembers(_) => false,
        R::RoomUnfollowMembers(_) | R::RoomPublish(_) | R::PresenceSet(_) => false,
        R::RoomsSubscribe(_) | R::RoomsUnsubscribe(_) => false,
        R::InboxSubscribe(_) | R::InboxUnsubscribe(_) | R::FeedSubscribe(_) | R::FeedUnsubscribe(_) => false,
        R::MailboxSubscribe(_) | R::MailboxUnsubscribe(_) | R::MailboxAcknowledge(_) => false,
    }
}

/// Whether the request waits with others to be stored, and is answered then.
const fn is_stored_together(request: &Request) -> bool {
    use Request as R;
    matches!(request, R::RoomSend(_) | R::RoomEdit(_) | R::RoomDelete(_) | R::RoomReact(_))
}

/// Carries out a request and answers it.
pub(crate) async fn answer(hub: &Hub, client: &Arc<Client>, id: Option<RequestId>, request: Request) {
    use Request as R;
    // What depends on the room or the table is looked at where it is entered or followed.
    if let Err(failure) = client.access().admit(request.needs()) {
        return client.answer::<()>(id.as_ref(), &Err(failure));
    }
    if !is_slow(&request) && !is_stored_together(&request) {
        // Whoever has said something, and then leaves or reads, finds that it was said.
        client.posted().await;
    }
    let id = id.as_ref();
    match request {
        R::ConnectionOpen(_) => client.answer::<()>(id, &Err(already_open())),
        R::ConnectionRefresh(refresh) => client.answer(id, &refreshed(hub, client, &refresh.token).await),
        R::RoomJoin(join) => rooms::join(hub, client, id, &join).await,
        R::RoomLeave(leave) => client.answer(id, &rooms::leave(hub, client, leave.room_id).await),
        R::RoomSend(send) => rooms::send(hub, client, id.cloned(), send).await,
        R::RoomPublish(publish) => client.answer(id, &rooms::publish(hub, client, publish).await),
        R::RoomEdit(edit) => rooms::edit(hub, client, id.cloned(), edit).await,
        R::RoomDelete(delete) => rooms::delete(hub, client, id.cloned(), delete).await,
        R::RoomReact(react) => rooms::react(hub, client, id.cloned(), react).await,
        R::RoomRead(read) => rooms::read(hub, client, id.cloned(), &read).await,
        R::RoomTyping(typing) => client.answer(id, &rooms::typing(hub, client, &typing)),
        R::RoomHistory(history) => client.answer(id, &rooms::history(hub, client, &history).await),
        R::RoomMembers(read) => rooms::members(hub, client, id, &read),
        R::RoomUnfollowMembers(which) => {
            client.answer(id, &rooms::unfollow_members(hub, client, which.room_id));
        }
        R::RoomsSubscribe(_) => room_list::subscribe(hub, client, id).await,
        R::RoomsUnsubscribe(_) => client.answer(id, &Ok(room_list::unsubscribe(hub, client))),
        R::PresenceSubscribe(subscribe) => presence::subscribe(hub, client, id, subscribe.after).await,
        R::PresenceSet(set) => client.answer(id, &presence::set(hub, client, set)),
        R::CallRing(ring) => client.answer(id, &calls::ring(hub, client, &ring).await),
        R::CallAccept(accept) => client.answer(id, &calls::accept(hub, client, accept.call_id).await),
        R::CallReject(reject) => client.answer(id, &calls::reject(hub, client, reject.call_id).await),
        R::CallCancel(cancel) => client.answer(id, &calls::cancel(hub, client, cancel.call_id).await),
        R::CallHangUp(hang_up) => client.answer(id, &calls::hang_up(hub, client, hang_up.call_id).await),
        R::CallInvite(invite) => client.answer(id, &calls::invite(hub, client, &invite).await),
        R::CallTransfer(transfer) => client.answer(id, &calls::transfer(hub, client, &transfer).await),
        R::CallWithdraw(withdraw) => client.answer(id, &calls::withdraw(hub, client, &withdraw).await),
        R::CallTransferToRoom(transfer) => {
            client.answer(id, &calls::transfer_to_room(hub, client, &transfer).await);
        }
        R::CallAnswerTransfer(answer) => {
            client.answer(id, &calls::answer_transfer(hub, client, &answer).await);
        }
        R::CallResume(resume) => client.answer(id, &calls::resume(hub, client, &resume).await),
        R::MediaJoin(join) => client.answer(id, &media::join(hub, client, join).await),
        R::MediaUpdate(update) => client.answer(id, &media::update(hub, client, update).await),
        R::MediaLeave(leave) => client.answer(id, &media::leave(hub, client, leave.room_id).await),
        R::MediaSignal(signal) => client.answer(id, &media::signal(hub, client, signal).await),
        R::MediaPublish(publish) => client.answer(id, &media::publish(hub, client, publish).await),
        R::MediaAnswer(answer) => client.answer(id, &media::answer(hub, client, answer).await),
        R::MediaSubscribe(subscribe) => client.answer(id, &media::subscribe(hub, client, subscribe).await),
        R::MediaMute(mute) => client.answer(id, &media::mute(hub, client, mute).await),
        R::MediaRemove(remove) => client.answer(id, &media::remove(hub, client, remove).await),
        R::MediaLock(lock) => client.answer(id, &media::lock(hub, client, lock).await),
        R::MediaRestartIce(restart) => {
            client.answer(id, &media::restart_ice(hub, client, restart.room_id).await);
        }
        R::InboxSubscribe(subscribe) => inbox::subscribe(hub, client, id, subscribe.after).await,
        R::MailboxSubscribe(subscribe) => mailbox::subscribe(hub, client, id, subscribe.after).await,
        R::MailboxUnsubscribe(_) => client.answer(id, &Ok(mailbox::unsubscribe(hub, client))),
        R::MailboxAcknowledge(request) => {
            client.answer(id, &mailbox::acknowledge(hub, client, &request).await);
        }
        R::FeedSubscribe(subscribe) => changes::subscribe(hub, client, id, subscribe).await,
        R::FeedUnsubscribe(which) => client.answer(id, &Ok(changes::unsubscribe(hub, client, &which.feed))),
        R::InboxUnsubscribe(_) => client.answer(id, &Ok(inbox::unsubscribe(hub, client))),
    }
}

fn already_open() -> Failure {
    Failure::of(ErrorCode::CONFLICT, Fault::Caller, "the connection is open; use connection.refresh")
}

/// Whatever the new token does not allow any more has ended once this is answered.
async fn refreshed(
    hub: &Hub,
    client: &Arc<Client>,
    token: &common::secret::Secret,
) -> Result<Refreshed, Failure> {
    let bearer = standing::verify(hub, token)?;
    let before = client.access();
    client.renew(&bearer)?;
    standing::look_again(hub, client);
    rooms::recheck(hub, client);
    media::recheck(hub, client, &before).await;
    changes::recheck(hub, client);
    inbox::recheck(hub, client);
    room_list::recheck(hub, client);
    Ok(Refreshed { expires_at: bearer.expires_at() })
}
