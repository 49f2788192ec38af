//! The reference of `/v1/events`, for the document of the whole REST layer.

use utoipa::openapi::{
    ComponentsBuilder, OpenApi, SecurityRequirement,
    security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
};

/// The security scheme of requests about a connection.
const CONNECTION: &str = "connection";

/// The name of a connection.
pub(super) const ID: &str = "0193a5c07b1e7cc49d6c2f1f0c8b6f105f0e4a7c1b2d4e6f8a9b0c1d2e3f4a5b";

/// What a stream may say.
pub(super) const STREAM: &str = "event: flowing\ndata: {}\n\n\
    id: 7\ndata: {\"jsonrpc\":\"2.0\",\"id\":3,\"result\":{}}\n\n\
    event: close\ndata: {\"code\":4001,\"reason\":\"the client is gone\"}\n\n";

#[derive(utoipa::OpenApi)]
#[openapi(
    paths(super::open_connection, super::follow_events, super::post_frames, super::close_connection),
    tags((
        name = "events",
        description = "The wire protocol for clients whose network lets no WebSocket through: `asyncapi.json` says \
            what its frames are. A connection stays with the instance that opened it; requests may go to any.",
    )),
)]
struct Described;

/// The description of every request.
pub(crate) fn reference() -> OpenApi {
    let mut document = <Described as utoipa::OpenApi>::openapi();
    for item in document.paths.paths.values_mut() {
        // Whoever has no connection yet opens one, and says later who they are.
        let opens = item.get.is_none();
        for operation in [&mut item.get, &mut item.post, &mut item.delete].into_iter().flatten() {
            let secret = || vec![SecurityRequirement::new(CONNECTION, [""; 0])];
            operation.security = Some(if opens { Vec::new() } else { secret() });
        }
    }
    let secret = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some(
        "The `secret` of a connection from `openConnection`, sent as `Authorization: Bearer …`; no access token.",
    ));
    let components = document.components.take().unwrap_or_default();
    let scheme = SecurityScheme::Http(secret.build());
    document.components =
        Some(ComponentsBuilder::from(components).security_scheme(CONNECTION, scheme).build());
    document
}
