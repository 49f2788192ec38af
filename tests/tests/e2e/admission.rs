//! The two ways into a room, asked the same questions: what REST refuses is refused on the socket, in the same words.

use common::protocol::close;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use switchboard_tests::{
    installation::{Account, Installation, PASSWORD},
    rest::Rest,
    server::Server,
    socket::Socket,
};
use uuid::Uuid;

/// What came of reading and of saying something: `ok`, or the code of the refusal.
type Outcome = (&'static str, &'static str);

const MAY: Outcome = ("ok", "ok");
const READS: Outcome = ("ok", "room.closed");
const HIDDEN: Outcome = ("resource.notFound", "resource.notFound");
const FORBIDDEN: Outcome = ("auth.forbidden", "auth.forbidden");

/// The rooms, in the order of the tables below.
const ROOMS: [&str; 5] = ["for all", "private", "closed", "private and closed", "deleted"];

/// What each may: by both ways if they are a person, by REST if a program, by the socket if a guest.
const PEOPLE: [(&str, [Outcome; 5]); 4] = [
    ("a member", [MAY, MAY, READS, READS, HIDDEN]),
    ("an agent", [MAY, HIDDEN, READS, HIDDEN, HIDDEN]),
    // Who manages rooms sees that there is one, and nothing of what is said in it.
    ("a manager", [MAY, HIDDEN, READS, HIDDEN, HIDDEN]),
    ("an auditor", [FORBIDDEN; 5]),
];
const PROGRAMS: [(&str, [Outcome; 5]); 2] = [
    // The account's own back end decides who the members are.
    ("rooms.manage", [MAY, MAY, READS, READS, HIDDEN]),
    ("rooms.read", {
        let reads = ("ok", "auth.forbidden");
        [reads, reads, reads, reads, ("resource.notFound", "auth.forbidden")]
    }),
];
const GUESTS: [(&[&str], [Outcome; 5]); 3] = [
    (&["messages.read", "messages.send"], [MAY, MAY, READS, READS, HIDDEN]),
    (&["messages.send"], {
        let says = ("auth.forbidden", "ok");
        let says_no_more = ("auth.forbidden", "room.closed");
        [says, says, says_no_more, says_no_more, ("auth.forbidden", "resource.notFound")]
    }),
    (&["messages.read"], {
        let reads = ("ok", "auth.forbidden");
        [reads, reads, READS, READS, HIDDEN]
    }),
];

struct World {
    server: Server,
    account: Account,
    /// By their names in [`ROOMS`].
    rooms: [String; 5],
    people: BTreeMap<&'static str, Rest>,
    /// For each of [`GUESTS`] and each of [`ROOMS`] a token from when the room was there and open.
    guests: Vec<Vec<String>>,
    _installation: Installation,
}

async fn world() -> World {
    let installation = Installation::new().await;
    let server = installation.server();
    let account = installation.account("acme", &server).await;
    let admin = &account.admin;
    let mut rooms = Vec::new();
    for name in ROOMS {
        let body = json!({ "name": name, "private": name.contains("private") });
        rooms.push(admin.post("/v1/rooms", body).await["id"].as_str().expect("an id").to_owned());
    }
    let rooms: [String; 5] = rooms.try_into().expect("as many as there are names");
    let mut people = BTreeMap::new();
    for (who, _) in PEOPLE {
        let email = account.user("Somebody").await;
        let user = Rest::sign_in(&server.base, &email, PASSWORD).await.user;
        let change = match who {
            "a manager" => json!({ "role": "USER" }),
            "an auditor" => {
                let role = json!({ "name": "auditor", "permissions": ["auditEntries.read"] });
                json!({ "roleId": admin.post("/v1/roles", role).await["id"] })
            }
            _ => json!({}),
        };
        admin.patch(&format!("/v1/users/{user}"), change).await;
        if who == "a member" {
            for room in &rooms {
                let (status, _) =
                    admin.call(Method::PUT, &format!("/v1/rooms/{room}/members/{user}"), None).await;
                assert_eq!(status, StatusCode::NO_CONTENT);
            }
        }
        people.insert(who, Rest::sign_in(&server.base, &email, PASSWORD).await);
    }
    let mut guests = Vec::new();
    for (rights, _) in GUESTS {
        let mut tokens = Vec::new();
        for room in &rooms {
            let guest =
                json!({ "guest": { "identity": rights.concat(), "name": "Grace" }, "rights": rights });
            let minted = admin.post(&format!("/v1/rooms/{room}/join-tokens"), guest).await;
            tokens.push(minted["token"].as_str().expect("a token").to_owned());
        }
        guests.push(tokens);
    }
    for room in &rooms[2..4] {
        admin.post(&format!("/v1/rooms/{room}/close"), json!({})).await;
    }
    admin.delete(&format!("/v1/rooms/{}", rooms[4])).await;
    World { server, account, rooms, people, guests, _installation: installation }
}

fn code(outcome: Result<Value, Value>) -> String {
    match outcome {
        Ok(_) => "ok".to_owned(),
        Err(error) => error["data"]["code"].as_str().expect("a code").to_owned(),
    }
}

/// What comes of reading a room and speaking in it by REST.
async fn by_rest(rest: &Rest, room: &str) -> (String, String) {
    let path = format!("/v1/rooms/{room}/messages");
    let ask = async |method, body| {
        let (status, answer) = rest.call(method, &path, body).await;
        if status.is_success() {
            "ok".to_owned()
        } else {
            answer["code"].as_str().expect("a code").to_owned()
        }
    };
    (ask(Method::GET, None).await, ask(Method::POST, Some(json!({ "text": "hello" }))).await)
}

/// The same on the socket, where one has to enter to speak: a refusal to enter is one to speak.
async fn by_socket(socket: &mut Socket, room: &str) -> (String, String) {
    let of_room = json!({ "roomId": room });
    let read = code(socket.try_ask("room.history", of_room.clone()).await);
    let entered = code(socket.try_ask("room.join", of_room).await);
    if entered != "ok" {
        return (read, entered);
    }
    let said = json!({ "roomId": room, "clientId": Uuid::new_v4(), "text": "hello" });
    (read, code(socket.try_ask("room.send", said).await))
}

#[tokio::test]
async fn rest_and_the_socket_let_the_same_people_read_and_speak_and_refuse_in_the_same_words() {
    let world = world().await;
    for (who, outcomes) in PEOPLE {
        let rest = &world.people[who];
        let mut socket = Socket::open(&world.server.base, &rest.token).await;
        for ((name, room), (read, said)) in ROOMS.iter().zip(&world.rooms).zip(outcomes) {
            let (by_rest, by_socket) = (by_rest(rest, room).await, by_socket(&mut socket, room).await);
            assert_eq!(by_rest, by_socket, "{who}, {name}");
            assert_eq!(by_rest, (read.to_owned(), said.to_owned()), "{who}, {name}");
        }
    }
}

#[tokio::test]
async fn a_program_and_a_guest_may_by_their_own_way_what_their_key_or_token_says_and_nothing_by_the_other() {
    let world = world().await;
    let admin = &world.account.admin;
    for (permission, outcomes) in PROGRAMS {
        let permissions = json!(if permission == "rooms.manage" {
            vec!["rooms.read", "rooms.manage"]
        } else {
            vec![permission]
        });
        let key = admin.post("/v1/api-keys", json!({ "name": "k", "permissions": permissions })).await;
        let key = key["key"].as_str().expect("a key");
        let program = admin.with_key(key);
        for ((name, room), (read, said)) in ROOMS.iter().zip(&world.rooms).zip(outcomes) {
            let by_rest = by_rest(&program, room).await;
            assert_eq!(by_rest, (read.to_owned(), said.to_owned()), "{permission}, {name}");
        }
        let mut socket = Socket::connect(&world.server.base).await;
        let opened = socket.try_ask("connection.open", json!({ "token": key })).await;
        assert_eq!(code(opened), "auth.invalidToken");
    }
    for ((rights, outcomes), tokens) in GUESTS.iter().zip(&world.guests) {
        for (index, (name, room)) in ROOMS.iter().zip(&world.rooms).enumerate() {
            let mut socket = Socket::open(&world.server.base, &tokens[index]).await;
            let (read, said) = outcomes[index];
            let by_socket = by_socket(&mut socket, room).await;
            assert_eq!(by_socket, (read.to_owned(), said.to_owned()), "{rights:?}, {name}");
            // No other room is there for them, whichever it is.
            let other = &world.rooms[(index + 1) % ROOMS.len()];
            assert_eq!(
                code(socket.try_ask("room.join", json!({ "roomId": other })).await),
                "resource.notFound"
            );
            let (status, problem) =
                admin.with_key(&tokens[index]).call(Method::GET, &format!("/v1/rooms/{room}"), None).await;
            assert_eq!((status, &problem["code"]), (StatusCode::UNAUTHORIZED, &json!("auth.invalidToken")));
        }
    }
}

/// A person who is removed has lost what they had as a member, and no more; a guest needs a newer token.
#[tokio::test]
async fn who_was_removed_is_refused_by_both_ways_where_they_had_to_be_a_member() {
    let world = world().await;
    let admin = &world.account.admin;
    let [for_all, private, ..] = &world.rooms;
    let member = &world.people["a member"];
    let mut socket = Socket::open(&world.server.base, &member.token).await;
    for room in [for_all, private] {
        assert_eq!(by_socket(&mut socket, room).await, ("ok".to_owned(), "ok".to_owned()));
        admin.delete(&format!("/v1/rooms/{room}/members/{}", member.user)).await;
        socket.event("room.removed", |event| event["roomId"] == *room).await;
        let said = json!({ "roomId": room, "clientId": Uuid::new_v4(), "text": "still here?" });
        assert_eq!(
            code(socket.try_ask("room.send", said).await),
            "room.notJoined",
            "on the socket one enters first"
        );
    }
    for (room, expected) in [(for_all, MAY), (private, HIDDEN)] {
        let expected = (expected.0.to_owned(), expected.1.to_owned());
        assert_eq!(by_rest(member, room).await, expected);
        assert_eq!(by_socket(&mut socket, room).await, expected);
    }
    let token = &world.guests[0][1];
    let mut guest = Socket::open(&world.server.base, token).await;
    assert_eq!(by_socket(&mut guest, private).await, ("ok".to_owned(), "ok".to_owned()));
    let id = guest.opened["userId"].as_str().expect("an id").to_owned();
    admin.delete(&format!("/v1/rooms/{private}/members/{id}")).await;
    assert_eq!(guest.closed().await, Some(close::ENDED));
    let mut again = Socket::open(&world.server.base, token).await;
    let forbidden = (FORBIDDEN.0.to_owned(), FORBIDDEN.1.to_owned());
    assert_eq!(by_socket(&mut again, private).await, forbidden);
    // Who is neither a guest nor of the account cannot be removed, and is not reported to be.
    let nobody = format!("/v1/rooms/{private}/members/{}", world.account.room("x").await);
    assert_eq!(admin.call(Method::DELETE, &nobody, None).await.0, StatusCode::NOT_FOUND);
}
