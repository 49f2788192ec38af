//! Errors of the store.

/// A failure of the store itself, as opposed to an answer such as "there is none".
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The database is away, or refused a statement.
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
    /// A role that could see other accounts' rows.
    #[error("the database role {role:?} is a superuser or may bypass Row-Level Security; use another")]
    Privileged {
        /// The role of the URL.
        role: String,
    },
    /// A role that could switch Row-Level Security off.
    #[error(
        "the database role {role:?} owns tables, or may act as who does; use another, such as switchboard_app"
    )]
    OwnsTables {
        /// The role of the URL.
        role: String,
    },
    /// Older than what the SQL is written for.
    #[error("Postgres 15 or newer is needed, this is {0}")]
    TooOld(String),
    /// The tables are not those of this version.
    #[error("the database is not up to date: run `switchboard migrate` first")]
    NotMigrated,
    /// A migration failed.
    #[error("the database cannot be migrated")]
    Migrate(#[from] sqlx::migrate::MigrateError),
    /// A key for sealing is not usable.
    #[error("seal key {id} is not 32 bytes in base64")]
    SealKey {
        /// The key's id in the configuration.
        id: u32,
    },
    /// No key at all for sealing.
    #[error("no seal key is configured")]
    NoSealKey,
    /// A sealed secret does not open: its key is gone, or the row was tampered with.
    #[error("a sealed secret cannot be opened with the configured keys")]
    Unsealable,
    /// The transaction's account does not exist.
    #[error("there is no such account")]
    NoAccount,
    /// The rows contradict each other, or changed where nothing else should change them.
    #[error("the rows contradict each other")]
    Contradiction,
    /// A row holds what this version cannot read.
    #[error("column {column} holds a value that is not understood")]
    Unreadable {
        /// The column whose value this version cannot read.
        column: &'static str,
    },
}

impl StoreError {
    /// Whether the database is away, full or starting: the same may work soon.
    pub fn is_away(&self) -> bool {
        let Self::Database(error) = self else {
            return false;
        };
        if matches!(error, sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed) {
            return true;
        }
        // 08: connection, 53: resources, 57P: being shut down or started (SQLSTATE classes); 25P03: this process stood
        // still in a transaction, and Postgres has ended it.
        error
            .as_database_error()
            .and_then(|error| error.code())
            .is_some_and(|code| ["08", "53", "57P", "25P03"].iter().any(|class| code.starts_with(class)))
    }

    /// The SQLSTATE of the failure, if the values to be stored are at fault: the same will fail again.
    ///
    /// Everything else may pass: a lost connection, a conflict, a full disk, an account that is gone, or a
    /// mistake of ours that the next version mends.
    pub fn data_fault(&self) -> Option<String> {
        let Self::Database(error) = self else {
            let is_at_fault = matches!(self, Self::Contradiction | Self::Unreadable { .. });
            return is_at_fault.then(|| "unreadable".to_owned());
        };
        if matches!(error, sqlx::Error::Encode(_)) {
            return Some("encode".to_owned());
        }
        let code = error.as_database_error()?.code()?;
        // 21: cardinality, 22: data, 23: constraints, 54: program limits, such as those of an index's rows.
        let is_at_fault = ["21", "22", "23", "54"].iter().any(|class| code.starts_with(class));
        (is_at_fault && !refers_to_no_account(error)).then(|| code.into_owned())
    }

    /// Whether the transaction's account does not exist: seen when it was looked for, or when a row
    /// was to refer to it.
    pub fn is_no_account(&self) -> bool {
        match self {
            Self::NoAccount => true,
            Self::Database(error) => refers_to_no_account(error),
            Self::Privileged { .. }
            | Self::OwnsTables { .. }
            | Self::TooOld(_)
            | Self::NotMigrated
            | Self::Migrate(_)
            | Self::SealKey { .. }
            | Self::NoSealKey
            | Self::Unsealable
            | Self::Contradiction
            | Self::Unreadable { .. } => false,
        }
    }

    /// Whether a migration could not have a table and changed nothing: it waited for as long as it may
    /// (`lock_timeout`), or in a circle with somebody who waited for what it had.
    pub(crate) fn is_held_up(&self) -> bool {
        use sqlx::migrate::MigrateError::{Execute, ExecuteMigration};
        let (Self::Database(error) | Self::Migrate(Execute(error) | ExecuteMigration(error, _))) = self
        else {
            return false;
        };
        error
            .as_database_error()
            .and_then(|error| error.code())
            .is_some_and(|code| code == "55P03" || code == "40P01")
    }

    /// Whether the transaction lost against another and may simply be tried again.
    pub fn is_conflict(&self) -> bool {
        let Self::Database(error) = self else {
            return false;
        };
        // Serialisation failure and deadlock.
        error
            .as_database_error()
            .and_then(|error| error.code())
            .is_some_and(|code| code == "40001" || code == "40P01")
    }
}

/// Every table's reference to its account is named alike.
fn refers_to_no_account(error: &sqlx::Error) -> bool {
    let constraint = error.as_database_error().and_then(|error| error.constraint());
    constraint.is_some_and(|name| name.ends_with("_account_id_fkey"))
}

/// What only one thing of an account may have, as the end of the constraint's name says:
/// `canned_responses_account_id_shortcode_key`.
fn unique_member(error: &sqlx::Error) -> Option<&'static str> {
    let constraint = error.as_database_error()?.constraint()?.strip_suffix("_key")?;
    ["name", "shortcode"]
        .into_iter()
        .find(|member| constraint.strip_suffix(member).is_some_and(|rest| rest.ends_with("_account_id_")))
}

/// Why something cannot be created, changed or deleted.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// The account has none with this id.
    #[error("there is none with this id")]
    NotFound,
    /// Another one has what only one may have.
    #[error("another one has this {}", .member.unwrap_or("already"))]
    Taken {
        /// The member that both have, such as `shortcode`; `None` if it is not one alone.
        member: Option<&'static str>,
    },
    /// It is still in use, or names something that does not exist.
    #[error("it is still in use, or names something that does not exist")]
    Referenced,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for ChangeError {
    fn from(error: sqlx::Error) -> Self {
        use sqlx::error::ErrorKind;
        match error.as_database_error().map(|error| error.kind()) {
            Some(ErrorKind::UniqueViolation) => Self::Taken { member: unique_member(&error) },
            Some(ErrorKind::ForeignKeyViolation) if !refers_to_no_account(&error) => Self::Referenced,
            Some(_) | None => Self::Store(error.into()),
        }
    }
}

impl From<ChangeError> for StoreError {
    /// For changes that cannot be refused: whatever refuses them is a failure.
    fn from(error: ChangeError) -> Self {
        match error {
            ChangeError::Store(error) => error,
            ChangeError::NotFound | ChangeError::Taken { .. } | ChangeError::Referenced => {
                Self::Contradiction
            }
        }
    }
}
