//! Tokens of other issuers: what is read from them, and what they may not go beyond.

use super::{Caller, Role, TokenError};
use crate::{
    id::{AccountId, UserId},
    identity::{chosen_outside, outside_user},
};
use serde_json::Value;
use std::{collections::BTreeSet, time::Duration};
use time::OffsetDateTime;
use uuid::Uuid;

/// How long an outside token is good for at most, unless set otherwise: what hosted services issue.
///
/// Longer keeps a stolen token useful, and who was dismissed at the issuer in; nothing but its expiry ends one.
pub const OUTSIDE_LIFETIME: Duration = Duration::from_secs(60 * 60);

/// The longest that can be set.
pub const OUTSIDE_LIFETIME_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// How far the issuer's clock may be ahead of ours (RFC 7519, section 4.1.5).
const LEEWAY: Duration = Duration::from_secs(60);

/// The longest name taken from an outside token, in characters.
const NAME_CHARS_MAX: usize = 200;

/// Which accounts an issuer's tokens may be of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Accounts {
    /// All are of this one, whatever they say.
    One(AccountId),
    /// Those that a claim names, if it is among these.
    Listed(BTreeSet<AccountId>),
    /// Whichever a claim names: the issuer is trusted with every account of the installation.
    Any,
}

/// How an outside issuer's tokens are read, and what they may not go beyond.
///
/// A claim is named by its path: `app_metadata.account_id` is the member
/// `account_id` of the object claim `app_metadata`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutsideRules {
    /// Whose tokens they may be.
    pub accounts: Accounts,
    /// The claim that holds the account's id, unless there is one account only.
    pub account_claim: String,
    /// The claim that holds a [`Role`]'s name.
    pub role_claim: String,
    /// The role where the claim is missing or is none of ours.
    pub role: Role,
    /// The greatest role there is for these tokens: one that claims a greater has this one.
    pub greatest_role: Role,
    /// The claim that holds the name to show.
    pub name_claim: String,
    /// The longest time from when a token is issued to when it expires; one for longer is refused.
    pub lifetime_max: Duration,
    /// Whether `sub` is the user's id itself, as before there were users of an issuer's own.
    pub subjects_are_ids: bool,
}

/// The id that the subject is, if the issuer may choose it.
fn as_id(subject: &str) -> Option<UserId> {
    chosen_outside(Uuid::try_parse(subject).ok()?)
}

/// A time claim: `None` if it is missing, an error if it is no time (RFC 7519, section 2, NumericDate).
fn time_of(claims: &Value, name: &str) -> Result<Option<OffsetDateTime>, TokenError> {
    let Some(value) = claims.get(name) else { return Ok(None) };
    #[expect(
        clippy::cast_possible_truncation,
        reason = "parts of a second are cut off, and the rest saturates"
    )]
    let seconds = value.as_i64().or_else(|| value.as_f64().map(|seconds| seconds as i64));
    let time = seconds.and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok());
    time.map(Some).ok_or(TokenError::Invalid(None))
}

impl OutsideRules {
    fn account(&self, claimed: Option<&str>) -> Result<AccountId, TokenError> {
        let claimed = || claimed.and_then(|text| text.parse().ok()).ok_or(TokenError::Invalid(None));
        match &self.accounts {
            Accounts::One(account) => Ok(*account),
            Accounts::Any => claimed(),
            Accounts::Listed(accounts) => {
                let account = claimed()?;
                if accounts.contains(&account) {
                    Ok(account)
                } else {
                    Err(TokenError::ForeignAccount(account))
                }
            }
        }
    }

    /// From when to when the token is good.
    fn times(
        &self,
        claims: &Value,
        now: OffsetDateTime,
    ) -> Result<(OffsetDateTime, OffsetDateTime), TokenError> {
        let expires_at = time_of(claims, "exp")?.ok_or(TokenError::Invalid(None))?;
        let issued_at = time_of(claims, "iat")?;
        let earliest = [issued_at, time_of(claims, "nbf")?].into_iter().flatten().max();
        if earliest.is_some_and(|earliest| earliest > now + LEEWAY) {
            return Err(TokenError::NotYetValid);
        }
        // Without a word on when it was issued: now, by a clock that may be ahead of ours.
        let latest = issued_at.unwrap_or(now + LEEWAY) + self.lifetime_max;
        if expires_at > latest {
            return Err(TokenError::LivesTooLong { max: self.lifetime_max });
        }
        Ok((issued_at.unwrap_or(now), expires_at))
    }

    /// The caller with these claims, whose signature, issuer and audience have been checked.
    pub(super) fn caller(
        &self,
        issuer: &str,
        claims: &Value,
        now: OffsetDateTime,
    ) -> Result<Caller, TokenError> {
        let at = |path: &str| path.split('.').try_fold(claims, |value, member| value.get(member));
        let text = |path: &str| at(path).and_then(Value::as_str);
        let (issued_at, expires_at) = self.times(claims, now)?;
        let account = self.account(text(&self.account_claim))?;
        let subject = text("sub").filter(|subject| !subject.is_empty()).ok_or(TokenError::Invalid(None))?;
        let user = if self.subjects_are_ids {
            as_id(subject).ok_or(TokenError::Invalid(None))?
        } else {
            outside_user(issuer, account, subject)
        };
        let role = text(&self.role_claim).and_then(Role::parse).unwrap_or(self.role).min(self.greatest_role);
        Ok(Caller {
            account,
            user,
            role,
            permissions: role.permissions(),
            lasting: role.permissions(),
            name: text(&self.name_claim).map(|name| name.chars().take(NAME_CHARS_MAX).collect()),
            sign_in: None,
            issued_at,
            expires_at,
        })
    }
}

#[cfg(test)]
mod tests;
