//! What other instances say to this one, and that this one is there.

use crate::{
    calls, changes,
    client::{Access, Client},
    events,
    hub::Hub,
    media, outage, rates, rooms, standing,
};
use bus::{Asked, BusError, Delivery, Requests, Subscription};
use common::subject::{
    events::EventsService,
    hub::{
        CallService, ConnectionSelector, HubOrder, HubRequest, HubService, NodeNews, NodeTopic,
        ResumeService, RingService,
    },
    link::LinkUp,
    media::{HubNodes, SeatService},
};
use shutdown::Shutdown;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Requests of other instances that are worked on at once. More wait in the service's bounded queue.
const REQUESTS_MAX: usize = 64;

/// Runs the hub until shutdown.
///
/// # Errors
/// If the bus refuses.
pub async fn run(hub: Hub, shutdown: Shutdown) -> Result<(), BusError> {
    let node = hub.bus().node();
    let news = hub.bus().subscribe(&NodeTopic(node)).await?;
    let requests = hub.bus().serve(&CallService(node)).await?;
    let resumes = hub.bus().serve(&ResumeService(node)).await?;
    let rings = hub.bus().serve(&RingService(node)).await?;
    let orders = hub.bus().serve(&HubService(node)).await?;
    let forwarded = hub.bus().serve(&EventsService(node)).await?;
    let others = hub.bus().subscribe(&LinkUp).await?;
    let seats = hub.bus().serve(&SeatService(node)).await?;
    let _alive = hub.bus().present(&HubNodes, &node.to_string(), &node).await?;
    hub.start(shutdown.clone());
    let (teller, server, obeyer, follower) = (hub.clone(), hub.clone(), hub.clone(), hub.clone());
    let (watcher, sitter) = (hub.clone(), hub.clone());
    hub.spawn(async move { listen(teller, news).await });
    hub.spawn(async move { serve(server, requests).await });
    hub.spawn(resume(hub.clone(), resumes));
    hub.spawn(events::serve::serve(hub.clone(), forwarded));
    hub.spawn(ring_too(hub.clone(), rings));
    hub.spawn(calls::takeover::watch(hub.clone()));
    hub.spawn(async move { handle_command(obeyer, orders).await });
    hub.spawn(async move { look(sitter, seats).await });
    hub.spawn(async move { changes::listen(follower).await });
    hub.spawn(standing::watch(hub.clone()));
    hub.spawn(rates::share(hub.clone()));
    hub.spawn(rooms::watch(hub.clone()));
    hub.spawn(media::watch(hub.clone()));
    hub.spawn(async move { outage::watch(watcher, others).await });
    shutdown.token.cancelled().await;
    hub.drain();
    hub.finish(calls::takeover::hand_over(hub.clone()));
    Ok(())
}

/// A lost event of a call is made good by its deadlines.
async fn listen(hub: Hub, mut news: Subscription<NodeNews>) {
    while let Some(delivery) = news.next().await {
        match delivery {
            Delivery::Message(news) => calls::deliver(&hub, news),
            Delivery::Lost => {}
        }
    }
}

async fn serve(hub: Hub, mut requests: Requests<CallService>) {
    let slots = Arc::new(Semaphore::new(REQUESTS_MAX));
    while let Some(Asked { request, reply }) = requests.next().await {
        let Ok(slot) = Arc::clone(&slots).acquire_owned().await else { return };
        let worker = hub.clone();
        hub.spawn(async move {
            reply.send(&calls::order(&worker, request).await);
            drop(slot);
        });
    }
}

async fn resume(hub: Hub, mut resumes: Requests<ResumeService>) {
    let slots = Arc::new(Semaphore::new(REQUESTS_MAX));
    while let Some(Asked { request, reply }) = resumes.next().await {
        let Ok(slot) = Arc::clone(&slots).acquire_owned().await else { return };
        let worker = hub.clone();
        hub.spawn(async move {
            reply.send(&calls::resume_here(&worker, request).await);
            drop(slot);
        });
    }
}

async fn ring_too(hub: Hub, mut rings: Requests<RingService>) {
    let slots = Arc::new(Semaphore::new(REQUESTS_MAX));
    while let Some(Asked { request, reply }) = rings.next().await {
        let Ok(slot) = Arc::clone(&slots).acquire_owned().await else { return };
        let worker = hub.clone();
        // A call's task may be busy storing something: others do not wait for it.
        hub.spawn(async move {
            reply.send(&calls::ring_too(&worker, request).await);
            drop(slot);
        });
    }
}

async fn look(hub: Hub, mut seats: Requests<SeatService>) {
    while let Some(Asked { request, reply }) = seats.next().await {
        reply.send(&media::left(&hub, request));
    }
}

/// What administrators and back ends order: one at a time, and each is done when it is answered.
async fn handle_command(hub: Hub, mut orders: Requests<HubService>) {
    while let Some(Asked { request, reply }) = orders.next().await {
        let HubRequest { account, whom, order } = request;
        let is_meant = move |client: &Client| client.account == account && is_among(client, whom);
        reply.send(&match order {
            HubOrder::Remove { room, reason } => rooms::remove(&hub, room, reason, is_meant),
            HubOrder::Review { room } => rooms::review(&hub, account, room).await,
            HubOrder::Disconnect => disconnect(&hub, is_meant),
        });
    }
}

fn is_among(client: &Client, whom: ConnectionSelector) -> bool {
    match whom {
        ConnectionSelector::Everybody => true,
        ConnectionSelector::User(user) => client.user == user,
        ConnectionSelector::Connection(connection) => client.id == connection,
        ConnectionSelector::SignIn(sign_in) => match client.access() {
            Access::Person { sign_in: own, .. } => own == Some(sign_in),
            Access::Guest { .. } => false,
        },
    }
}

fn disconnect(hub: &Hub, is_meant: impl Fn(&Client) -> bool) -> u32 {
    let mut count = 0;
    for client in hub.0.clients.iter().filter(|client| is_meant(client)) {
        client.end();
        count += 1;
    }
    count
}
