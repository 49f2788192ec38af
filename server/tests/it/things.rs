//! One of each thing that can be made over REST.

use crate::{
    harness::{PASSWORD, Server, Tenant},
    operations::operations,
};
use axum::{
    body::Body,
    http::{Method, Request, StatusCode, header},
};
use common::{
    id::{CallId, ConnectionId, NodeId, UserId},
    protocol::call::{EndReason, Media},
};
use serde_json::{Value, json};
use std::{collections::BTreeMap, time::Duration};
use store::{calls, imports};

/// What is made otherwise than from the reference's example alone, or is there already.
const OTHERWISE: [&str; 5] =
    ["createContactImport", "createConversation", "createElevation", "createRoom", "createUser"];

/// The ids of what [`Server::things`] makes.
pub(crate) struct Things {
    /// By the path that names them: those that go into its braces.
    ids: BTreeMap<String, Vec<String>>,
    /// A contact for whom no other stands yet.
    pub(crate) unmerged: String,
    pub(crate) unused_channel: String,
    /// The access token of the user who is not the tenant's own.
    pub(crate) colleague: String,
    /// The token of a link into the room.
    pub(crate) join_link: String,
}

impl Things {
    /// A path of the reference with the ids where it names things.
    pub(crate) fn path(&self, template: &str) -> String {
        // A part's path begins with its whole's.
        let begins = |(path, _): &(&String, &Vec<String>)| template.starts_with(path.as_str());
        let known = self.ids.iter().filter(begins).max_by_key(|(path, _)| path.len());
        let mut ids = known.map(|(_, ids)| ids.as_slice()).unwrap_or_default().iter();
        let filled = template.split('/').map(|part| match part.strip_prefix('{') {
            Some(_) => ids.next().unwrap_or_else(|| panic!("nothing is known for {template}")),
            None => part,
        });
        filled.collect::<Vec<_>>().join("/")
    }

    /// The id of the thing that a path of the reference names last.
    pub(crate) fn id(&self, template: &str) -> &str {
        self.ids[template].last().unwrap()
    }

    /// All ids.
    pub(crate) fn all(&self) -> impl Iterator<Item = &str> {
        self.ids.values().flatten().map(String::as_str)
    }
}

impl Server {
    /// One of each thing that can be made over REST.
    pub(crate) async fn things(&self, tenant: &Tenant) -> Things {
        let (room, user) = (tenant.room.to_string(), tenant.user.to_string());
        let (conversation, message) = (tenant.conversation.to_string(), tenant.message.to_string());
        let mut ids = BTreeMap::new();
        let mut know = |path: &str, of: &[&str]| {
            ids.insert(path.to_owned(), of.iter().map(|&id| id.to_owned()).collect());
        };
        know("/v1/rooms/{id}", &[&room]);
        know("/v1/rooms/{id}/members/{user}", &[&room, &user]);
        know("/v1/rooms/{id}/connections/{connection}", &[&room, &user]);
        know("/v1/conversations/{id}", &[&conversation]);
        let attachment = "/v1/conversations/{id}/messages/{message}/attachments/{number}";
        know(attachment, &[&conversation, &message, "0"]);
        know("/v1/users/{id}/connections", &[&user]);

        for _ in 0..2 {
            assert_eq!(self.sign_in(&tenant.email, PASSWORD).await.status, StatusCode::OK);
        }
        let sign_ins = self.get(&format!("/v1/users/{user}/sign-ins"), &tenant.token).await.body;
        let sign_in = |at: usize| sign_ins["items"][at]["id"].as_str().unwrap();
        know("/v1/users/{id}/sign-ins/{signIn}", &[&user, sign_in(0)]);
        know("/v1/me/sign-ins/{id}", &[sign_in(1)]);

        let email = format!("colleague-of-{}", tenant.email);
        let colleague = json!({ "email": email, "name": "Colleague", "password": PASSWORD, "role": "USER" });
        know("/v1/users/{id}", &[&self.make(tenant, "/v1/users", &colleague).await]);
        let signed_in = self.sign_in(&email, PASSWORD).await.body;
        let colleague = signed_in["accessToken"].as_str().unwrap().to_owned();
        let more = json!({ "role": "ADMIN", "reason": "a try", "minutes": 5 });
        let more = self.post("/v1/elevations", &colleague, more).await;
        assert_eq!(more.status, StatusCode::CREATED, "{}", more.body);
        know("/v1/elevations/{id}", &[more.body["id"].as_str().unwrap()]);

        let mut unused_channel = String::new();
        let made_from_examples = operations().into_iter().filter(|operation| {
            operation.method == Method::POST
                && operation.id.starts_with("create")
                && !operation.names_something()
                && !OTHERWISE.contains(&operation.id.as_str())
        });
        for operation in made_from_examples {
            let mut body = operation.body.unwrap().1;
            match operation.id.as_str() {
                "createWebhook" => body = json!({ "kind": "standard", "url": "http://hooks.example/b" }),
                "createRole" | "createApiKey" => body["permissions"] = json!(["auditEntries.read"]),
                _ => {}
            }
            let id = self.make(tenant, &operation.template, &body).await;
            know(&format!("{}/{{id}}", operation.template), &[&id]);
            if operation.id == "createChannel" {
                unused_channel = id;
            }
        }
        know("/v1/channels/{id}", &[&tenant.channel.to_string()]);

        let said =
            self.post(&format!("/v1/rooms/{room}/messages"), &tenant.token, json!({ "text": "hello" })).await;
        assert_eq!(said.status, StatusCode::CREATED, "{}", said.body);
        know("/v1/rooms/{id}/messages/{seq}", &[&room, &said.body["seq"].to_string()]);
        let notes = format!("/v1/conversations/{conversation}/notes");
        let note = self.make(tenant, &notes, &json!({ "text": "careful" })).await;
        know("/v1/conversations/{id}/notes/{note}", &[&conversation, &note]);
        let (id, join_link) = self.join_link(tenant).await;
        know("/v1/rooms/{id}/join-links/{link}", &[&room, &id]);
        let (call, import) = self.stored(tenant).await;
        know("/v1/calls/{id}", &[&call]);
        know("/v1/contact-imports/{id}", &[&import]);
        let unmerged = self.make(tenant, "/v1/contacts", &json!({ "name": "Another" })).await;
        let mut things = Things { ids, unmerged, unused_channel, colleague, join_link };
        self.parts(tenant, &mut things).await;
        self.files(tenant, &mut things).await;
        self.push_subscription(tenant, &mut things).await;
        things
    }

    /// A link into the room: its id and its token.
    async fn join_link(&self, tenant: &Tenant) -> (String, String) {
        let path = format!("/v1/rooms/{}/join-links", tenant.room);
        let made = self.post(&path, &tenant.token, json!({ "rights": ["media.send"] })).await;
        assert_eq!(made.status, StatusCode::CREATED, "{}", made.body);
        let text = |name: &str| made.body[name].as_str().unwrap().to_owned();
        (text("id"), text("token"))
    }

    /// A device that can be pushed to, with the keys of RFC 8291, appendix A.
    async fn push_subscription(&self, tenant: &Tenant, things: &mut Things) {
        let keys = json!({
            "p256dh": "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
            "auth": "BTBZMqHH6r4Tts7J_aSIgg",
        });
        let endpoint = format!("https://push.example/{}", tenant.user);
        let device = json!({ "endpoint": endpoint, "keys": keys });
        let id = self.make(tenant, "/v1/push-subscriptions", &device).await;
        things.ids.insert("/v1/push-subscriptions/{id}".to_owned(), vec![id]);
    }

    /// A file that was uploaded, and the link to it; and a recording, which has a file.
    async fn files(&self, tenant: &Tenant, things: &mut Things) {
        let room = tenant.room.to_string();
        let upload = Request::post(format!("/v1/rooms/{room}/attachments?fileName=a.txt"))
            .header(header::AUTHORIZATION, format!("Bearer {}", tenant.token))
            .body(Body::from("\"hello\""))
            .unwrap();
        let file = self.send(upload).await;
        assert_eq!(file.status, StatusCode::CREATED, "{}", file.body);
        let file = file.body["id"].as_str().unwrap().to_owned();

        let link = self.get(&format!("/v1/rooms/{room}/attachments/{file}"), &tenant.token).await.body;
        let signed = link["url"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
        things.ids.insert("/v1/files/{link}".to_owned(), vec![signed]);
        things.ids.insert("/v1/rooms/{id}/attachments/{attachment}".to_owned(), vec![room, file]);
        self.recordings(tenant, things).await;
    }

    /// A recording that is stored, with a file.
    async fn recordings(&self, tenant: &Tenant, things: &mut Things) {
        let recording = crate::recordings::stored(self, tenant).await.to_string();
        let room = tenant.room.to_string();
        let file = "/v1/rooms/{id}/recordings/{recording}/files/{name}".to_owned();
        let named = vec![room.clone(), recording.clone(), crate::recordings::FILE.to_owned()];
        things.ids.insert(file, named);
        things.ids.insert("/v1/rooms/{id}/recordings/{recording}".to_owned(), vec![room, recording]);
    }

    /// What belongs to the things: a member of a room and somebody to be kept out of it, a merge of two contacts, and
    /// something for the webhook to deliver.
    async fn parts(&self, tenant: &Tenant, things: &mut Things) {
        let (room, user) = (tenant.room.to_string(), things.id("/v1/users/{id}").to_owned());
        for of_one in ["mutes/{user}", "bans/{user}", "statistics/{connection}"] {
            things.ids.insert(format!("/v1/rooms/{{id}}/{of_one}"), vec![room.clone(), user.clone()]);
        }
        things.ids.insert("/v1/direct-rooms/{user}".to_owned(), vec![user]);
        let member = format!("/v1/rooms/{room}/members/{}", tenant.user);
        let added = self.call(Method::PUT, &member, &tenant.token, None).await;
        assert_eq!(added.status, StatusCode::NO_CONTENT, "{}", added.body);
        let contact = things.id("/v1/contacts/{id}").to_owned();
        let loser = self.make(tenant, "/v1/contacts", &json!({ "name": "Loser" })).await;
        let merge = json!({ "loserId": loser });
        let merge = self.make(tenant, &format!("/v1/contacts/{contact}/merges"), &merge).await;
        things.ids.insert("/v1/contacts/{id}/merges/{merge}".to_owned(), vec![contact, merge]);
        let messages = format!("/v1/conversations/{}/messages", tenant.conversation);
        self.make(tenant, &messages, &json!({ "text": "x" })).await;
        let webhook = things.id("/v1/webhooks/{id}").to_owned();
        let deliveries = self.get(&format!("/v1/webhooks/{webhook}/deliveries"), &tenant.token).await.body;
        let seq = deliveries["items"][0]["seq"].to_string();
        things.ids.insert("/v1/webhooks/{id}/deliveries/{seq}".to_owned(), vec![webhook, seq]);
    }

    async fn make(&self, tenant: &Tenant, path: &str, body: &Value) -> String {
        let made = self.post(path, &tenant.token, body.clone()).await;
        assert_eq!(made.status, StatusCode::CREATED, "{path}: {}", made.body);
        made.body["id"].as_str().unwrap().to_owned()
    }

    /// What is not made over REST, or only in the background: a call and an import.
    async fn stored(&self, tenant: &Tenant) -> (String, String) {
        let new = |caller, callee| calls::NewCall {
            id: CallId::generate(&*self.clock),
            room: tenant.room,
            caller,
            callee,
            media: Media::Audio,
            device: ConnectionId::generate(&*self.clock),
            runner: NodeId::generate(&*self.clock),
        };
        let somebody = UserId::generate(&*self.clock);
        let missed = new(somebody, tenant.user);
        // Lists begin with the latest, whatever the ids of two at the same moment are.
        self.clock.advance(Duration::from_millis(1));
        let call = new(tenant.user, somebody);
        let row = [Ok(imports::ImportedContact { name: Some("Imported".to_owned()), ..Default::default() })];
        let mut tx = self.db.store.tenant(tenant.account).await.unwrap();
        calls::start(&mut tx, &call, &*self.clock).await.unwrap();
        let tenure = calls::start(&mut tx, &missed, &*self.clock).await.unwrap();
        calls::end(&mut tx, tenure, EndReason::Missed, &*self.clock).await.unwrap();
        let import =
            imports::create(&mut tx, tenant.user.as_uuid().into(), &row, &*self.clock).await.unwrap();
        tx.commit().await.unwrap();
        (call.id.to_string(), import.id.to_string())
    }
}
