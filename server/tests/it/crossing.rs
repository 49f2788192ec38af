//! Random requests by random accounts: nothing ever crosses from one account to another.

use crate::{
    harness::{Server, Tenant},
    operations::EVENTS,
};
use axum::{
    body::Body,
    http::{Request, StatusCode, header},
};
use rand::{RngExt, SeedableRng, rngs::StdRng, seq::IndexedRandom};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use switchboard::api;

/// A seed that found a crossing is added here.
const SEEDS: [u64; 3] = [1, 2, 2026];

/// Requests for each seed, at least. The ids differ from run to run, and with them what succeeds.
const REQUESTS: u32 = 600;

/// Requests for each seed, at most.
const REQUESTS_MAX: u32 = 1_800;

/// How many requests must have succeeded, and found nothing: fewer have not tried enough.
const SUCCEEDED: u32 = 150;
const FOUND_NOTHING: u32 = 50;

/// How often an id in a request is another account's.
const FOREIGN: f64 = 0.4;

/// Everything in `text` that looks like an id.
fn ids(text: &str) -> BTreeSet<String> {
    let is_id = |word: &&str| word.len() == 36 && word.chars().filter(|sign| *sign == '-').count() == 4;
    let words = text.split(|sign: char| !(sign.is_ascii_hexdigit() || sign == '-'));
    words.filter(is_id).map(str::to_owned).collect()
}

/// All ids in an account's rows, and what else only it has.
async fn own(server: &Server, tenant: &Tenant) -> BTreeSet<String> {
    let rows = Value::Object(server.db.contents(tenant.account).await.into_iter().collect());
    let mut own = ids(&rows.to_string());
    own.insert(tenant.email.clone());
    own
}

struct World {
    random: StdRng,
    reference: Value,
    operations: Vec<(String, String)>,
    /// What belongs to each account.
    own: Vec<Vec<String>>,
    cursors: Vec<String>,
}

impl World {
    fn id(&mut self, of: usize) -> String {
        let foreign = self.random.random_bool(FOREIGN);
        let account = if foreign { self.random.random_range(0..self.own.len()) } else { of };
        let known: Vec<&String> = self.own[account].iter().filter(|it| !it.contains('@')).collect();
        (*known.choose(&mut self.random).unwrap()).clone()
    }

    /// A value that a schema allows, with ids from anywhere.
    fn value(&mut self, schema: &Value, of: usize, depth: usize) -> Value {
        if let Some(name) = schema["$ref"].as_str().and_then(|path| path.rsplit('/').next()) {
            let schema = self.reference["components"]["schemas"][name].clone();
            return self.value(&schema, of, depth);
        }
        if let Some(any) = schema["oneOf"].as_array().and_then(|any| any.choose(&mut self.random)).cloned() {
            return self.value(&any, of, depth);
        }
        if let Some(chosen) = schema["enum"].as_array().and_then(|all| all.choose(&mut self.random)) {
            return chosen.clone();
        }
        let kind = schema["type"].as_str().or(schema["type"][0].as_str()).unwrap_or("object");
        match (kind, schema["format"].as_str()) {
            ("string", Some("uuid")) => json!(self.id(of)),
            ("string", Some("date-time")) => json!("2999-01-01T00:00:00Z"),
            ("string", _) => schema
                .get("example")
                .cloned()
                .unwrap_or_else(|| json!(format!("text {}", self.random.random_range(0..1000_u32)))),
            ("boolean", _) => json!(self.random.random_bool(0.5)),
            ("integer" | "number", _) => json!(self.random.random_range(1..40_u32)),
            ("array", _) if depth < 4 => {
                let items = schema["items"].clone();
                (0..self.random.random_range(0..3)).map(|_| self.value(&items, of, depth + 1)).collect()
            }
            ("object", _) if depth < 4 => self.object(schema, of, depth),
            _ => Value::Null,
        }
    }

    fn object(&mut self, schema: &Value, of: usize, depth: usize) -> Value {
        let required = schema["required"].as_array().cloned().unwrap_or_default();
        let properties = schema["properties"].as_object().cloned().unwrap_or_default();
        let mut object = Map::new();
        for (name, property) in properties {
            if required.contains(&json!(name)) || self.random.random_bool(0.5) {
                object.insert(name, self.value(&property, of, depth + 1));
            }
        }
        Value::Object(object)
    }

    /// A random request: method, path with its query, body.
    fn request(&mut self, of: usize) -> (String, String, Option<Value>) {
        let (method, template) = self.operations.choose(&mut self.random).unwrap().clone();
        let operation = self.reference["paths"][&template][&method].clone();
        let filled: Vec<String> = template
            .split('/')
            .map(|part| match part {
                "{seq}" => self.random.random_range(1..20_u32).to_string(),
                part if part.starts_with('{') => self.id(of),
                part => part.to_owned(),
            })
            .collect();
        let mut path = filled.join("/");
        let mut separator = '?';
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            if parameter["in"] != "query" || self.random.random_bool(0.3) {
                continue;
            }
            let name = parameter["name"].as_str().unwrap();
            let value = match name {
                "cursor" if self.cursors.is_empty() => continue,
                "cursor" => self.cursors.choose(&mut self.random).unwrap().clone(),
                "q" => ["hello", "winner", "a", "x", "careful"].choose(&mut self.random).unwrap().to_string(),
                _ => {
                    let value = self.value(&parameter["schema"], of, 0);
                    value.as_str().map_or_else(|| value.to_string(), |text| text.replace(' ', "%20"))
                }
            };
            path += &format!("{separator}{name}={value}");
            separator = '&';
        }
        let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
        let body = (!schema.is_null()).then(|| self.value(&schema.clone(), of, 0));
        (method.to_uppercase(), path, body)
    }
}

fn operations(reference: &Value) -> Vec<(String, String)> {
    let all = reference["paths"].as_object().unwrap().iter().flat_map(|(path, operations)| {
        operations.as_object().unwrap().keys().map(move |method| (method.clone(), path.clone()))
    });
    // Who signs in or changes a password is not who asks here, and hashing takes long. Connections are not accounts'.
    let is_asked = |(method, path): &(String, String)| {
        !["/v1/auth/", EVENTS].iter().any(|beginning| path.starts_with(beginning))
            && path != "/v1/me/password"
            && !(method == "post" && path == "/v1/users")
    };
    all.filter(is_asked).collect()
}

async fn run(seed: u64) {
    let server = Server::start().await;
    let mut tenants = Vec::new();
    for name in ["aspen", "birch", "cedar"] {
        let tenant = server.tenant(name).await;
        server.things(&tenant).await;
        tenants.push(tenant);
    }
    let reference = api::openapi().clone();
    let operations = operations(&reference);
    let mut world = World {
        random: StdRng::seed_from_u64(seed),
        reference,
        operations,
        own: Vec::new(),
        cursors: Vec::new(),
    };
    for tenant in &tenants {
        world.own.push(own(&server, tenant).await.into_iter().collect());
    }
    let mut statuses: BTreeMap<u16, u32> = BTreeMap::new();
    let mut tried = 0;
    while tried < REQUESTS || !is_enough(&statuses) {
        assert!(tried < REQUESTS_MAX, "seed {seed} tried too little: {statuses:?}");
        tried += 1;
        let of = world.random.random_range(0..tenants.len());
        let (method, path, body) = world.request(of);
        let request = Request::builder()
            .method(method.as_str())
            .uri(&path)
            .header(header::AUTHORIZATION, format!("Bearer {}", tenants[of].token))
            .header(header::CONTENT_TYPE, "application/json")
            .body(body.as_ref().map_or_else(Body::empty, |body| Body::from(body.to_string())));
        let answer = server.send(request.unwrap()).await;
        *statuses.entry(answer.status.as_u16()).or_default() += 1;
        let what = format!("seed {seed}: {method} {path} with {body:?} by {}", tenants[of].email);
        assert!(answer.status < StatusCode::INTERNAL_SERVER_ERROR, "{what}: {}", answer.body);
        let shown = format!("{} {:?}", answer.body, answer.headers);
        for (other, theirs) in world.own.iter().enumerate().filter(|(other, _)| *other != of) {
            for thing in theirs.iter().filter(|thing| !world.own[of].contains(thing)) {
                assert!(!shown.contains(thing), "{what} shows {thing} of {}: {shown}", tenants[other].email);
            }
        }
        world.cursors.extend(answer.body["next"].as_str().map(str::to_owned));
        if method != "GET" && answer.status.is_success() {
            world.own[of] = own(&server, &tenants[of]).await.into_iter().collect();
        }
    }
    // What was told to inboxes and automations is among the rows: none mentions another account's.
    for (at, tenant) in tenants.iter().enumerate() {
        let rows = own(&server, tenant).await;
        for (other, theirs) in world.own.iter().enumerate().filter(|(other, _)| *other != at) {
            let crossed: Vec<_> = theirs.iter().filter(|thing| rows.contains(*thing)).collect();
            assert!(
                crossed.is_empty(),
                "seed {seed}: {} has {crossed:?} of {}",
                tenant.email,
                tenants[other].email
            );
        }
    }
}

fn is_enough(statuses: &BTreeMap<u16, u32>) -> bool {
    let done = |from: u16, to: u16| statuses.range(from..to).map(|(_, count)| count).sum::<u32>();
    done(200, 300) > SUCCEEDED && done(404, 405) > FOUND_NOTHING
}

#[tokio::test]
async fn whatever_an_account_asks_it_sees_and_changes_only_what_is_its_own() {
    for seed in SEEDS {
        run(seed).await;
    }
}
