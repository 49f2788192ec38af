//! Guessing at passwords by several instances.

use crate::rates::Two;
use serde_json::json;
use switchboard_tests::{installation::PASSWORD, rest, server::Server};

/// Wrong tries at once, of one network and e-mail address (docs/LIMITS.md).
const BURST: usize = 10;

/// What may be let through more: one on an instance that has not heard of it, what comes back, what Redis was told late.
const MORE: usize = 5;

/// The status of a try to sign in, by a browser that nobody knows.
async fn try_at(server: &Server, email: &str, password: &str) -> u16 {
    let body = json!({ "email": email, "password": password });
    let request = rest::client().post(format!("{}/v1/auth/sign-in", server.base)).json(&body);
    request.send().await.expect("the server answers").status().as_u16()
}

/// Guesses until that is refused; how often it was not.
async fn guess(server: &Server, email: &str) -> usize {
    let mut count = 0;
    while try_at(server, email, "not the password of anybody").await == 401 {
        count += 1;
        assert!(count <= 3 * BURST, "there is a limit");
    }
    count
}

#[tokio::test]
async fn who_guesses_by_two_instances_has_the_rate_once() {
    let two = Two::with(&[]).await;
    let here = guess(&two.a, "nobody@example.com").await;
    assert!((BURST..=BURST + 1).contains(&here), "{here}");
    let there = guess(&two.b, "nobody@example.com").await;
    assert!((1..=MORE).contains(&there), "{there}");
    assert_eq!(try_at(&two.b, &two.account.email, PASSWORD).await, 200, "others are not concerned");
}

/// Passes for the wrong reason if nothing were shared at all; that it is, the first test says.
#[tokio::test]
async fn a_right_password_forgives_what_was_mistyped_on_all_instances() {
    let two = Two::with(&[]).await;
    for _ in 1..BURST {
        assert_eq!(try_at(&two.a, &two.account.email, "mistyped").await, 401);
    }
    assert_eq!(try_at(&two.a, &two.account.email, PASSWORD).await, 200);
    let there = guess(&two.b, &two.account.email).await;
    assert!((BURST - 1..=BURST + 1).contains(&there), "{there}");
}

/// Passes for the wrong reason if nothing were limited: each instance still has its own limit.
#[tokio::test]
async fn while_redis_is_away_each_instance_counts_for_itself_and_everybody_signs_in() {
    let mut two = Two::with(&[]).await;
    two.redis.kill().expect("it was running");
    for server in [&two.a, &two.b] {
        let passed = guess(server, "nobody@example.com").await;
        assert!((BURST..=BURST + MORE).contains(&passed), "{passed}");
        assert_eq!(try_at(server, &two.account.email, PASSWORD).await, 200);
    }
}
