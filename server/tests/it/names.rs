//! Things with a name: labels, canned responses, teams, roles.

use crate::harness::{Answer, Server, Tenant};
use axum::http::{Method, StatusCode};
use serde_json::{Value, json};
use std::time::Duration;

/// A resource, the field that is unique, and what else one of it has.
struct Named {
    path: &'static str,
    unique: &'static str,
    rest: Value,
}

fn all() -> [Named; 4] {
    [
        Named { path: "/v1/labels", unique: "name", rest: json!({ "color": "#112233" }) },
        Named { path: "/v1/canned-responses", unique: "shortcode", rest: json!({ "text": "Hello" }) },
        Named { path: "/v1/teams", unique: "name", rest: json!({}) },
        Named { path: "/v1/roles", unique: "name", rest: json!({ "permissions": ["rooms.read"] }) },
    ]
}

impl Named {
    fn body(&self, name: &str) -> Value {
        let mut body = self.rest.clone();
        body[self.unique] = json!(name);
        body
    }

    async fn make(&self, server: &Server, tenant: &Tenant, name: &str) -> Answer {
        server.clock.advance(Duration::from_millis(1));
        server.post(self.path, &tenant.token, self.body(name)).await
    }

    async fn rename(&self, server: &Server, tenant: &Tenant, id: &Value, name: &str) -> Answer {
        let path = format!("{}/{}", self.path, id.as_str().unwrap());
        server.call(Method::PATCH, &path, &tenant.token, Some(&json!({ self.unique: name }))).await
    }
}

/// The member at fault is named to people and, as a JSON Pointer, to programs.
fn assert_names(answer: &Answer, member: &str) {
    let detail = answer.body["detail"].as_str().unwrap();
    assert!(detail.starts_with("Another ") && detail.ends_with(&format!(" has this {member}")), "{detail}");
    assert_eq!(answer.body["pointer"], json!(format!("/{member}")));
}

#[tokio::test]
async fn a_name_is_had_by_one_in_its_account_and_is_free_again_when_that_is_gone() {
    let server = Server::start().await;
    let (a, b) = (server.tenant("a").await, server.tenant("b").await);
    for it in all() {
        let first = it.make(&server, &a, "first").await;
        assert_eq!(first.status, StatusCode::CREATED, "{}: {}", it.path, first.body);
        let second = it.make(&server, &a, "second").await.body["id"].clone();
        let again = it.make(&server, &a, "first").await;
        assert_eq!((again.status, again.code()), (StatusCode::CONFLICT, "resource.conflict"), "{}", it.path);
        assert_names(&again, it.unique);
        assert_eq!(it.make(&server, &b, "first").await.status, StatusCode::CREATED, "{}", it.path);
        let taken = it.rename(&server, &a, &second, "first").await;
        assert_eq!((taken.status, taken.code()), (StatusCode::CONFLICT, "resource.conflict"), "{}", it.path);
        assert_names(&taken, it.unique);
        // Its own is not another's.
        let own = it.rename(&server, &a, &second, "second").await;
        assert_eq!((own.status, &own.body[it.unique]), (StatusCode::OK, &json!("second")), "{}", it.path);
        let path = format!("{}/{}", it.path, first.body["id"].as_str().unwrap());
        assert_eq!(server.call(Method::DELETE, &path, &a.token, None).await.status, StatusCode::NO_CONTENT);
        assert_eq!(it.rename(&server, &a, &second, "first").await.body[it.unique], json!("first"));
        for (method, body) in [(Method::GET, None), (Method::DELETE, None), (Method::PATCH, Some(json!({})))]
        {
            let gone = server.call(method.clone(), &path, &a.token, body.as_ref()).await;
            assert_eq!(
                (gone.status, gone.code()),
                (StatusCode::NOT_FOUND, "resource.notFound"),
                "{method} {path}"
            );
        }
    }
}

#[tokio::test]
async fn an_empty_change_changes_nothing_and_an_absent_field_stays() {
    let server = Server::start().await;
    let a = server.tenant("a").await;
    for it in all() {
        let made = it.make(&server, &a, "first").await.body;
        let path = format!("{}/{}", it.path, made["id"].as_str().unwrap());
        let same = server.call(Method::PATCH, &path, &a.token, Some(&json!({}))).await;
        assert_eq!((same.status, &same.body), (StatusCode::OK, &made), "{path}");
        let mut renamed = made.clone();
        renamed[it.unique] = json!("other");
        assert_eq!(it.rename(&server, &a, &made["id"], "other").await.body, renamed, "{path}");
        assert_eq!(server.get(&path, &a.token).await.body, renamed, "{path}");
        for (field, value) in it.rest.as_object().unwrap() {
            let null = server.call(Method::PATCH, &path, &a.token, Some(&json!({ field: null }))).await;
            assert!(
                null.status.is_success() && null.body[field] == *value,
                "{path}: null is absent: {}",
                null.body
            );
        }
    }
}

#[tokio::test]
async fn fields_are_held_to_their_rules_when_made_and_when_changed() {
    let server = Server::start().await;
    let a = server.tenant("a").await;
    let long = "x".repeat(201);
    for (at, field, bad) in [
        (0, "name", json!("")),
        (0, "name", json!("two\nlines")),
        (0, "name", json!(long)),
        (0, "color", json!("red")),
        (0, "color", json!("#12345")),
        (1, "shortcode", json!("two words")),
        (1, "shortcode", json!("x".repeat(65))),
        (1, "text", json!(" ")),
        (1, "text", json!("x".repeat(16 * 1024 + 1))),
        (2, "name", json!(" ")),
        (2, "name", json!(7)),
        (3, "name", json!("nul\u{0}")),
        (3, "permissions", json!(["rooms.explode"])),
        (3, "permissions", json!("rooms.read")),
    ] {
        let it = &all()[at];
        let mut body = it.body("good");
        body[field] = bad.clone();
        let made = server.post(it.path, &a.token, body).await;
        assert_eq!(
            (made.status, made.code()),
            (StatusCode::UNPROCESSABLE_ENTITY, "request.invalid"),
            "{field}: {bad}"
        );
        if it.unique == field && bad.is_string() {
            assert_eq!(made.body["pointer"], json!(format!("/{field}")), "{bad}: {}", made.body);
        }
        let good = it.make(&server, &a, "changed").await.body;
        let path = format!("{}/{}", it.path, good["id"].as_str().unwrap());
        let changed = server.call(Method::PATCH, &path, &a.token, Some(&json!({ field: bad }))).await;
        assert_eq!(
            (changed.status, changed.code()),
            (StatusCode::UNPROCESSABLE_ENTITY, "request.invalid"),
            "{path}"
        );
        assert_eq!(server.get(&path, &a.token).await.body, good, "{field}: {bad}");
        server.call(Method::DELETE, &path, &a.token, None).await;
    }
    let trimmed = all()[2].make(&server, &a, "  Billing ").await;
    assert_eq!(trimmed.body["name"], "Billing");
}

/// Who pages sees each thing that was there all the time once, whatever comes and goes meanwhile.
#[tokio::test]
async fn a_list_is_walked_to_its_end_while_things_come_and_go() {
    let server = Server::start().await;
    let a = server.tenant("a").await;
    for it in all() {
        for number in 0..6 {
            assert_eq!(it.make(&server, &a, &format!("n{number}")).await.status, StatusCode::CREATED);
        }
        let (mut names, mut next, mut pages) = (Vec::new(), String::new(), 0);
        loop {
            let page = server.get(&format!("{}?limit=2{next}", it.path), &a.token).await.body;
            let items = page["items"].as_array().unwrap();
            names.extend(items.iter().map(|item| item[it.unique].as_str().unwrap().to_owned()));
            pages += 1;
            if pages == 1 {
                // The last that was shown goes, which is where the next page begins; another comes at the end.
                let path = format!("{}/{}", it.path, items[1]["id"].as_str().unwrap());
                server.call(Method::DELETE, &path, &a.token, None).await;
                assert_eq!(it.make(&server, &a, "late").await.status, StatusCode::CREATED);
            }
            match page["next"].as_str() {
                Some(cursor) => next = format!("&cursor={cursor}"),
                None => break,
            }
        }
        assert_eq!(names, ["n0", "n1", "n2", "n3", "n4", "n5", "late"], "{}", it.path);
    }
}

#[tokio::test]
async fn a_team_has_a_thousand_members_at_most_and_is_read_with_a_tag() {
    let server = Server::start().await;
    let a = server.tenant("a").await;
    let team = all()[2].make(&server, &a, "Billing").await.body["id"].as_str().unwrap().to_owned();
    let path = format!("/v1/teams/{team}/members");
    let set = async |users: &[Value]| {
        server.call(Method::PUT, &path, &a.token, Some(&json!({ "userIds": users }))).await
    };
    let too_many = set(&vec![json!(a.user); 1001]).await;
    assert_eq!((too_many.status, too_many.code()), (StatusCode::UNPROCESSABLE_ENTITY, "request.invalid"));
    assert_eq!(set(&vec![json!(a.user); 1000]).await.body["userIds"], json!([a.user]));
    let unknown = set(&[json!(a.user), json!(a.room)]).await;
    assert_eq!((unknown.status, unknown.code()), (StatusCode::CONFLICT, "resource.conflict"));
    // A team with members may go, and its members stay users.
    let gone = server.call(Method::DELETE, &format!("/v1/teams/{team}"), &a.token, None).await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT, "{}", gone.body);
    assert_eq!(server.get(&path, &a.token).await.status, StatusCode::NOT_FOUND);
    assert_eq!(server.get(&format!("/v1/users/{}", a.user), &a.token).await.status, StatusCode::OK);
}
