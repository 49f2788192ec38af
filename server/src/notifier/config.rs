//! The settings of notifications.

use serde::{Deserialize, Serialize};
use url::Url;

/// How people are notified of whom no device is connected, section `[notifications]`.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Whether notifications say what messages say, as far as it fits. False: only who wrote, and where.
    ///
    /// Push services cannot read it, but it is shown on locked screens, and webhooks are told of it.
    pub show_text: bool,
    /// Where operators of push services reach you, `mailto:` or `https:` (RFC 8292). Some services demand it.
    ///
    /// Example: `"mailto:operator@example.com"`
    #[serde(skip_serializing)]
    pub contact: Option<Url>,
    /// The origin of a push service of your own: it may be in your own network, and without TLS. All others must be
    /// public and `https`.
    ///
    /// Example: `"http://push.internal:8080"`
    #[serde(skip_serializing)]
    pub own_push_service: Option<Url>,
}
