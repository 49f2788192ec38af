//! Why a connection ends.

use common::protocol::close as close_codes;

/// Why a connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// The server ends it and says why.
    Close { code: u16, reason: &'static str },
    /// The client has closed it, with this code if with any, and is to be answered.
    Closed { code: Option<u16> },
    /// The client is gone.
    Gone,
    /// The client takes nothing any more, not even a goodbye.
    Stuck,
}

pub(super) const fn close(code: u16, reason: &'static str) -> End {
    End::Close { code, reason }
}

impl End {
    /// Whether requests that have not begun are dropped: who is removed does nothing more.
    pub(super) const fn is_hostile(self) -> bool {
        match self {
            Self::Close { code, .. } => {
                matches!(code, close_codes::ENDED | close_codes::ABUSE | close_codes::TOKEN_EXPIRED)
            }
            Self::Closed { .. } | Self::Gone | Self::Stuck => false,
        }
    }

    /// Whether what is queued for the client is still for it. Who was too slow reads it after resuming.
    pub(super) const fn keeps_queue(self) -> bool {
        matches!(self, Self::Close { code: close_codes::ENDED | close_codes::GOING_AWAY, .. })
    }
}
