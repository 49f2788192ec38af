//! What other instances say to this one, and that this one is there.

use crate::{calls, hub::Hub};
use bus::{Asked, BusError, Delivery, Requests, Shutdown, Subscription};
use common::subject::{
    hub::{CallService, NodeNews, NodeTopic},
    media::HubNodes,
};
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
    let _alive = hub.bus().present(&HubNodes, &node.to_string(), &node).await?;
    hub.start(shutdown.clone());
    let (teller, server) = (hub.clone(), hub.clone());
    hub.spawn(async move { listen(teller, news).await });
    hub.spawn(async move { serve(server, requests).await });
    shutdown.token.cancelled().await;
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
    let places = Arc::new(Semaphore::new(REQUESTS_MAX));
    while let Some(Asked { request, reply }) = requests.next().await {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let worker = hub.clone();
        hub.spawn(async move {
            reply.send(&calls::order(&worker, request).await);
            drop(place);
        });
    }
}
