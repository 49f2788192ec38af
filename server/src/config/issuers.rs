//! Outside issuers whose tokens are accepted, each within bounds of its own.

use super::ConfigError;
use common::{
    id::AccountId,
    secret::Secret,
    token::{Accounts, OUTSIDE_LIFETIME, OUTSIDE_LIFETIME_MAX, OutsideRules, Role},
};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeSet, time::Duration};

/// An issuer of tokens other than Switchboard itself.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct OutsideIssuer {
    /// The `iss` claim of its tokens.
    ///
    /// Example: `"https://auth.example"`
    pub name: String,
    /// The `aud` claim, which every token must have: else a token that the issuer made for another service
    /// would be good here.
    ///
    /// Example: `"authenticated"`
    #[serde(default)]
    pub audience: Option<String>,
    /// Its HS256 secret, at least 32 bytes; or `jwks_url`.
    #[serde(default, skip_serializing)]
    pub hs256_secret: Option<Secret>,
    /// The address of its keys (JWKS, RFC 7517); or `hs256_secret`.
    ///
    /// Example: `"https://auth.example/.well-known/jwks.json"`
    #[serde(default)]
    pub jwks_url: Option<url::Url>,
    /// The account of all of its users, if it serves one only.
    ///
    /// Example: `"01900000-0000-7000-8000-000000000000"`
    #[serde(default)]
    pub account: Option<AccountId>,
    /// Otherwise the accounts that its tokens may name by `account_claim`.
    #[serde(default)]
    pub accounts: BTreeSet<AccountId>,
    /// Otherwise, and only for an issuer that is trusted with every account there is: any.
    #[serde(default)]
    pub any_account: bool,
    /// The claim with the account's id, as a path: `app_metadata.account`.
    #[serde(default = "account_claim")]
    pub account_claim: String,
    /// The claim with the role's name, as a path.
    #[serde(default = "role_claim")]
    pub role_claim: String,
    /// The role where that claim is missing or none of ours.
    #[serde(default = "least_role")]
    pub role: Role,
    /// The greatest role that its tokens can have, whatever they claim.
    #[serde(default = "least_role")]
    pub greatest_role: Role,
    /// The claim with the name to show, as a path.
    #[serde(default = "name_claim")]
    pub name_claim: String,
    /// The longest time that a token of it may be good for, in seconds; one for longer is refused.
    ///
    /// Longer keeps a stolen token useful, and who was dismissed at the issuer in.
    #[serde(default = "lifetime_max_s")]
    pub lifetime_max_s: u64,
    /// Whether `sub` is the user's id here; else each `sub` has an id of its own, which nobody else has.
    ///
    /// For installations whose issuer named users by their ids before there was a choice. Ids that are given
    /// out here (UUIDv5, v7 and v8) are refused.
    #[serde(default)]
    pub subjects_are_ids: bool,
}

fn account_claim() -> String {
    "account".to_owned()
}

fn role_claim() -> String {
    "role".to_owned()
}

const fn least_role() -> Role {
    Role::AgentUser
}

fn name_claim() -> String {
    "name".to_owned()
}

const fn lifetime_max_s() -> u64 {
    OUTSIDE_LIFETIME.as_secs()
}

impl OutsideIssuer {
    /// Whether it has all that bounds it, and nothing that contradicts the rest.
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let is_short = self.hs256_secret.as_ref().is_some_and(|secret| secret.expose().len() < 32);
        let choices = [self.account.is_some(), !self.accounts.is_empty(), self.any_account];
        let rules = [
            (
                self.hs256_secret.is_some() != self.jwks_url.is_some(),
                "it needs either hs256_secret or jwks_url",
            ),
            (!is_short, "hs256_secret must have at least 32 bytes (RFC 7518, section 3.2)"),
            (
                self.audience.as_ref().is_some_and(|audience| !audience.is_empty()),
                "it needs an audience: the `aud` claim that its tokens for Switchboard have, and others have not",
            ),
            (
                choices.into_iter().filter(|chosen| *chosen).count() == 1,
                "it needs one of account, accounts, and any_account = true: whose tokens are they?",
            ),
            (self.role <= self.greatest_role, "role is greater than greatest_role"),
            (
                (1..=OUTSIDE_LIFETIME_MAX.as_secs()).contains(&self.lifetime_max_s),
                "lifetime_max_s must be 1 to 86400",
            ),
        ];
        match rules.into_iter().find(|(holds, _)| !holds) {
            None => Ok(()),
            Some((_, rule)) => Err(ConfigError::Issuer { issuer: self.name.clone(), rule }),
        }
    }

    /// How its tokens are read.
    pub fn rules(&self) -> OutsideRules {
        let accounts = match self.account {
            Some(account) => Accounts::One(account),
            None if self.any_account => Accounts::Any,
            None => Accounts::Listed(self.accounts.clone()),
        };
        OutsideRules {
            accounts,
            account_claim: self.account_claim.clone(),
            role_claim: self.role_claim.clone(),
            role: self.role,
            greatest_role: self.greatest_role,
            name_claim: self.name_claim.clone(),
            lifetime_max: Duration::from_secs(self.lifetime_max_s),
            subjects_are_ids: self.subjects_are_ids,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Auth, Config};

    const ACCOUNT: &str = "01900000-0000-7000-8000-000000000000";

    /// What `switchboard config check` says to a configuration with these issuers.
    fn check(issuers: &str) -> Result<(), String> {
        let auth: Auth = toml::from_str(issuers).map_err(|error| error.to_string())?;
        Config { auth, ..Config::default() }.check().map_err(|error| error.to_string())
    }

    fn hosted(without: &str, with: &str) -> String {
        let all = format!(
            "[[issuers]]\nname = \"https://project.example/auth/v1\"\naudience = \"authenticated\"\n\
             jwks_url = \"https://project.example/keys\"\naccount = \"{ACCOUNT}\"\n"
        );
        let kept: Vec<_> =
            all.lines().filter(|line| without.is_empty() || !line.starts_with(without)).collect();
        format!("{}\n{with}\n", kept.join("\n"))
    }

    #[test]
    fn an_issuer_that_is_bounded_is_accepted_and_gives_the_least_role() {
        assert_eq!(check(&hosted("", "")), Ok(()));
        let auth: Auth = toml::from_str(&hosted("", "")).unwrap();
        let rules = auth.issuers[0].rules();
        assert_eq!((rules.role, rules.greatest_role), (super::Role::AgentUser, super::Role::AgentUser));
        assert_eq!((rules.lifetime_max, rules.subjects_are_ids), (super::OUTSIDE_LIFETIME, false));
    }

    #[test]
    fn the_example_of_an_issuer_is_one_that_is_accepted() {
        let lines = super::super::EXAMPLE.lines().skip_while(|line| *line != "# [[auth.issuers]]");
        let settings: Vec<_> = lines
            .take_while(|line| !line.is_empty())
            .filter(|line| line.contains(" = ") || line.contains("[["))
            .map(|line| line.trim_start_matches("# ").replace("auth.", ""))
            .collect();
        assert_eq!(settings.len(), 14, "not all settings are shown: {settings:?}");
        assert_eq!(check(&settings.join("\n")), Ok(()));
    }

    #[test]
    fn what_an_issuer_lacks_is_named_with_it() {
        let of_two = format!("accounts = [\"{ACCOUNT}\"]");
        for (issuers, word) in [
            (hosted("audience", ""), "audience"),
            (hosted("audience", "audience = \"\""), "audience"),
            (hosted("account", ""), "account"),
            (hosted("", &of_two), "account"),
            (hosted("", "any_account = true"), "account"),
            (hosted("jwks_url", ""), "jwks_url"),
            (hosted("jwks_url", "hs256_secret = \"short\""), "32 bytes"),
            (hosted("", "role = \"ADMIN\""), "greatest_role"),
            (hosted("", "lifetime_max_s = 315360000"), "lifetime_max_s"),
            (hosted("", "lifetime_max_s = 0"), "lifetime_max_s"),
        ] {
            let refused = check(&issuers).unwrap_err();
            assert!(refused.contains(word) && refused.contains("project.example"), "{issuers}: {refused}");
        }
        assert_eq!(check(&hosted("account", &of_two)), Ok(()));
        assert_eq!(check(&hosted("account", "any_account = true")), Ok(()));
    }

    #[test]
    fn only_one_issuer_may_name_users_by_their_ids() {
        let one = hosted("", "subjects_are_ids = true");
        assert_eq!(check(&one), Ok(()));
        let two = format!("{one}{}", one.replace("project.example/auth", "other.example/auth"));
        assert!(check(&two).unwrap_err().contains("subjects_are_ids"));
    }
}
