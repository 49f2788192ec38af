//! Which layers of a track somebody is sent: what they wish, and what became of it.

use serde::{Deserialize, Serialize};

/// What goes first where a network does not carry everything.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum TrackPriority {
    /// After all others.
    Low,
    /// As the server ranks tracks: screens before cameras, who speaks before who does not, large ones before small ones.
    #[default]
    Normal,
    /// Before all others: somebody has pinned it.
    High,
}

/// Why somebody is sent no more of a track than they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum LayerReason {
    /// There is no more: it is the best that its publisher sends.
    Best,
    /// More would not be seen at the size at which it is shown.
    Size,
    /// Nothing is sent: it is shown nowhere.
    Hidden,
    /// Nothing is sent: the subscriber has switched it off.
    Disabled,
    /// The subscriber's network carries no more beside what goes before it.
    Bandwidth,
    /// The publisher sends nothing of what would be chosen, or not yet.
    NotSent,
}
