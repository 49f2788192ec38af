//! A fresh database with an account, users, a room and a connected WhatsApp channel.

use crate::{provided, rest::Rest, server::Server, webhook::Meta};
use local_services::{cluster::Cluster, postgres::Postgres, redis::Redis, scratch::Scratch};
use serde_json::json;
use std::{
    path::PathBuf,
    process::{Command, Output},
};
use store::testing::{SEAL_KEY, TestDatabase};

/// The password of everybody in the installation.
pub const PASSWORD: &str = "correct horse battery staple";

/// What servers sign access tokens with.
pub const AUTH_SECRET: &str = "a secret for tests that is long enough";

/// A database of its own, and what servers on it are started with.
pub struct Installation {
    /// Dropped when the test ends.
    pub database: TestDatabase,
    /// Where its servers keep files.
    pub folder: Folder,
    /// Where its servers record.
    pub recordings: Folder,
    environment: Vec<(String, String)>,
}

/// A folder that is gone when it is dropped.
pub struct Folder(Scratch);

impl Folder {
    /// The files in it and in folders within, as far as they are there.
    pub fn files(&self) -> Vec<PathBuf> {
        let mut found = Vec::new();
        let mut folders = vec![self.0.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
                let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
                if is_folder { folders.push(entry.path()) } else { found.push(entry.path()) }
            }
        }
        found
    }
}

/// An account with people in it.
pub struct Account {
    /// The administrator's e-mail address.
    pub email: String,
    /// The administrator, signed in.
    pub admin: Rest,
}

impl Installation {
    /// A migrated, empty database; one instance, no Redis.
    pub async fn new() -> Self {
        Self::of(TestDatabase::create().await)
    }

    /// The same on a Postgres that the test may break.
    pub async fn with_own_postgres(postgres: &Postgres) -> Self {
        Self::of(TestDatabase::create_on(&postgres.url(Postgres::SUPERUSER, "postgres")).await)
    }

    fn of(database: TestDatabase) -> Self {
        let [folder, recordings] = [(); 2].map(|()| Folder(Scratch::new().expect("a directory")));
        let environment = [
            ("SWITCHBOARD_DATABASE__URL", database.app_url().expose().clone()),
            ("SWITCHBOARD_DATABASE__SYSTEM_URL", database.system_url().expose().clone()),
            ("SWITCHBOARD_AUTH__SECRET", AUTH_SECRET.to_owned()),
            ("SWITCHBOARD_SEAL__KEYS", format!("[{{ id = 1, key = \"{SEAL_KEY}\" }}]")),
            ("SWITCHBOARD_FILES__DIRECTORY", folder.0.path().display().to_string()),
            ("SWITCHBOARD_SFU__LISTEN", "127.0.0.1:0".to_owned()),
            ("SWITCHBOARD_SFU__RECORDING__DIRECTORY", recordings.0.path().display().to_string()),
            // Where tests run there may be little.
            ("SWITCHBOARD_SFU__RECORDING__FREE_BYTES_MIN", "0".to_owned()),
            ("SWITCHBOARD_LOG__FILTER", "warn".to_owned()),
        ];
        let environment = environment.map(|(name, value)| (name.to_owned(), value)).to_vec();
        Self { database, folder, recordings, environment }
    }

    /// The same, with instances joined by a Redis under a prefix of their own.
    #[must_use]
    pub fn with_redis(mut self, url: &str) -> Self {
        self.set("SWITCHBOARD_REDIS__URL", url);
        self.set("SWITCHBOARD_REDIS__PREFIX", &format!("t{}", uuid::Uuid::new_v4().simple()));
        self
    }

    /// The same, joined by a Redis Cluster.
    #[must_use]
    pub fn with_redis_cluster(mut self, cluster: &Cluster) -> Self {
        self.set("SWITCHBOARD_REDIS__CLUSTER", &serde_json::json!(cluster.urls()).to_string());
        self.set("SWITCHBOARD_REDIS__PREFIX", "e2e");
        self
    }

    /// The same, joined by the Redis of the test run.
    #[must_use]
    pub fn clustered(self) -> Self {
        self.with_redis(&provided("SWITCHBOARD_TEST_REDIS_URL"))
    }

    /// The same, joined by a Redis that the test may stop.
    #[must_use]
    pub fn with_own_redis(self, redis: &Redis) -> Self {
        self.with_redis(&redis.url())
    }

    /// Another setting for servers that are started from now on.
    pub fn set(&mut self, name: &str, value: &str) {
        self.environment.push((name.to_owned(), value.to_owned()));
    }

    /// Starts a server on it.
    pub fn server(&self) -> Server {
        Server::start(&self.environment)
    }

    /// Starts a server that plays one role.
    pub fn role(&self, role: &str, address: &str) -> Server {
        Server::start_role(&self.environment, role, address)
    }

    /// What a server on it is started with.
    pub fn environment(&self) -> &[(String, String)] {
        &self.environment
    }

    /// Starts a server on it by another program, as `sh -c` with a lower limit.
    pub fn server_by(&self, program: &[&str]) -> Server {
        Server::start_by(program, &self.environment, "127.0.0.1:0")
    }

    /// Starts a server on it where another was before.
    pub fn server_on(&self, address: &str) -> Server {
        Server::start_on(&self.environment, address)
    }

    /// Runs the command that operators create accounts by.
    pub fn create_account(&self, name: &str, email: &str, password: &str) -> Output {
        Command::new(crate::server::binary())
            .args(["create-account", name, email, "--password", password])
            .envs(self.environment.iter().cloned())
            .output()
            .expect("the binary runs")
    }

    /// Creates an account by the command that operators use, and signs its administrator in at `server`.
    pub async fn account(&self, name: &str, server: &Server) -> Account {
        let email = format!("admin-{}@{name}.test", uuid::Uuid::new_v4().simple());
        let output = self.create_account(name, &email, PASSWORD);
        assert!(
            output.status.success(),
            "create-account failed: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        Account { admin: Rest::sign_in(&server.base, &email, PASSWORD).await, email }
    }
}

impl Account {
    /// Adds a user and returns the e-mail address.
    pub async fn user(&self, name: &str) -> String {
        let email = format!("{}-{}@example.test", name.to_lowercase(), uuid::Uuid::new_v4().simple());
        let body = json!({ "email": email, "name": name, "password": PASSWORD, "role": "AGENT_USER" });
        self.admin.post("/v1/users", body).await;
        email
    }

    /// Adds a room and returns its id.
    pub async fn room(&self, name: &str) -> String {
        self.admin.post("/v1/rooms", json!({ "name": name })).await["id"].as_str().expect("an id").to_owned()
    }

    /// Connects a WhatsApp number.
    pub async fn whatsapp(&self) -> Meta {
        let number = uuid::Uuid::new_v4().simple().to_string();
        let (access_token, app_secret) = ("EAAtesttoken".to_owned(), "app-secret".to_owned());
        let channel = self
            .admin
            .post(
                "/v1/channels",
                json!({
                    "kind": "whatsapp", "name": "Support", "phoneNumberId": number,
                    "accessToken": access_token, "appSecret": app_secret, "verifyToken": "verify",
                }),
            )
            .await;
        Meta {
            path: channel["webhookPath"].as_str().expect("a path").to_owned(),
            app_secret,
            phone_number_id: number,
            access_token,
        }
    }
}
