//! Why a participant is lost.

/// Why a participant is lost. Says nothing that is secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LossReason {
    /// No authentic connectivity check has come in time.
    #[error("it has never been heard")]
    Unheard,
    /// Checks came, and the handshake was not finished in time.
    #[error("it has not finished the DTLS handshake")]
    Unfinished,
    /// DTLS failed: its alert (RFC 5246, section 7.2), or what was wrong with it.
    #[error("DTLS failed: {0}")]
    Dtls(String),
    /// Its certificate is not the one that the signalling named (RFC 8122, section 6.2).
    #[error("its certificate is not the one of its description")]
    WrongCertificate,
    /// There is no protection profile that both sides know (RFC 5764, section 4.1.2).
    #[error("it has no SRTP profile in common with the server")]
    NoSrtpProfile,
    /// It was connected, and nothing authentic has come since for too long.
    #[error("nothing is heard from it any more")]
    Silent,
    /// It has ended the connection itself.
    #[error("it has closed the connection")]
    Closed,
    /// It answers no offer, and has no connection.
    #[error("it answers no offer")]
    Unanswered,
}
