//! Many people of an account, who never type a password.

use crate::installation::{AUTH_SECRET, Installation};
use common::{
    clock::{Clock, SystemClock},
    id::{AccountId, SignInId, UserId},
    token::{ACCESS_TOKEN_TIME, Role, Subject, sign},
};
use jsonwebtoken::EncodingKey;
use std::time::Duration;
use uuid::Uuid;

/// How much sooner than one that is signed now a token ends: the server's clock is asked a little later.
const SPARE: Duration = Duration::from_secs(60);

/// Somebody who is signed in.
pub struct Person {
    /// Their id.
    pub user: UserId,
    /// Their access token.
    pub token: String,
}

/// So many users, written into the database with their sign-ins: no password has to be hashed, and no limit of new
/// ones is in the way.
pub async fn people(installation: &Installation, account: AccountId, count: usize) -> Vec<Person> {
    let one = |_| (UserId::from_uuid(Uuid::new_v4()), SignInId::generate(&SystemClock));
    let users: Vec<(UserId, SignInId)> = (0..count).map(one).collect();
    let rows: Vec<String> = users
        .iter()
        .map(|(user, _)| format!("('{account}', '{user}', 'Somebody', 'AGENT_USER', now())"))
        .collect();
    let sign_ins: Vec<String> = users
        .iter()
        .map(|(user, sign_in)| format!("('{account}', '{sign_in}', '{user}', now(), now())"))
        .collect();
    let insert = format!(
        "INSERT INTO users (account_id, id, name, role, created_at) VALUES {};
         INSERT INTO sign_ins (account_id, id, user_id, created_at, last_used_at) VALUES {}",
        rows.join(","),
        sign_ins.join(",")
    );
    installation.database.as_owner(&insert).await;
    let key = EncodingKey::from_secret(AUTH_SECRET.as_bytes());
    let person = |(user, sign_in)| {
        let subject =
            Subject { account, user, role: Role::AgentUser, permissions: None, elevated: None, sign_in };
        let token = sign(&key, &subject, SystemClock.utc() + ACCESS_TOKEN_TIME - SPARE).expect("a token");
        Person { user, token }
    };
    users.into_iter().map(person).collect()
}
