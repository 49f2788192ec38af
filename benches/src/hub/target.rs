//! The servers that are measured: ours, and those that npm has.

use super::{
    peers::{Node, Peers},
    voice::{Protocol, Voice},
};
use crate::{cpu, server::Server};
use common::{
    clock::{Clock, SystemClock},
    id::{AccountId, SignInId, UserId},
    token::{Role, Subject, sign},
};
use jsonwebtoken::EncodingKey;
use std::{error::Error, path::Path};
use uuid::Uuid;

/// A running server with people and rooms.
pub(super) struct Target {
    running: Running,
    pub(super) voice: Voice,
}

enum Running {
    Switchboard(Box<Server>),
    Node(Node),
}

/// Ids of people and rooms, the same here and in SQL.
fn id(kind: u128, n: usize) -> Uuid {
    Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0000 | kind << 48 | n as u128)
}

fn id_sql(kind: u8) -> String {
    format!(
        "('01900000-0000-7000-80' || lpad(to_hex({kind}), 2, '0') || '-' || lpad(to_hex(n), 12, '0'))::uuid"
    )
}

impl Target {
    /// Switchboard with so many people, each with a sign-in, and so many rooms of one account.
    pub(super) async fn switchboard(binary: &Path, count: usize) -> Result<Self, Box<dyn Error>> {
        let server = Server::start(binary).await?;
        let account = id(0, 0);
        let (user, room) = (id_sql(1), id_sql(2));
        let rows = format!("generate_series(0, {}) n", count.saturating_sub(1));
        server.sql(&format!(
            "INSERT INTO accounts (id, name, created_at) VALUES ('{account}', 'Bench', now());
             INSERT INTO inbox_sequences (account_id) VALUES ('{account}');
             INSERT INTO users (account_id, id, name, role, created_at)
                 SELECT '{account}', {user}, 'Person ' || n, 'ADMIN', now() FROM {rows};
             INSERT INTO sign_ins (account_id, id, user_id, created_at, last_used_at)
                 SELECT '{account}', {user}, {user}, now(), now() FROM {rows};
             INSERT INTO rooms (account_id, id, name, is_private, created_at)
                 SELECT '{account}', {room}, 'Room ' || n, false, now() FROM {rows};"
        ))?;
        // On its own: it cannot be part of a transaction.
        server.sql("VACUUM ANALYZE")?;
        let rooms = (0..count).map(|n| id(2, n).to_string()).collect();
        let voice = Voice {
            protocol: Protocol::Switchboard,
            address: server.address().parse()?,
            tokens: tokens(count)?.into(),
            rooms,
        };
        Ok(Self { running: Running::Switchboard(Box::new(server)), voice })
    }

    /// One from npm.
    pub(super) fn node(peers: &Peers, protocol: Protocol, count: usize) -> Result<Self, Box<dyn Error>> {
        let node = peers.start(protocol, 0)?;
        let rooms = (0..count).map(|n| format!("room-{n}")).collect();
        let voice = Voice { protocol, address: node.address, tokens: Vec::new().into(), rooms };
        Ok(Self { running: Running::Node(node), voice })
    }

    pub(super) const fn name(&self) -> &'static str {
        match self.voice.protocol {
            Protocol::Switchboard => "switchboard",
            Protocol::SocketIo => "socket.io",
            Protocol::Ws => "ws",
        }
    }

    /// What its process has used.
    pub(super) fn usage(&self) -> std::io::Result<cpu::Usage> {
        cpu::of_process(match &self.running {
            Running::Switchboard(server) => server.id(),
            Running::Node(node) => node.id(),
        })
    }

    /// `kill -9`.
    pub(super) fn kill(&mut self) -> Result<(), Box<dyn Error>> {
        match &mut self.running {
            Running::Switchboard(server) => server.kill(),
            Running::Node(node) => node.kill(),
        }
    }

    /// Starts it again where it was.
    pub(super) fn start_again(&mut self) -> Result<(), Box<dyn Error>> {
        match &mut self.running {
            Running::Switchboard(server) => {
                server.start_again()?;
                // They are good for minutes only.
                self.voice.tokens = tokens(self.voice.rooms.len())?.into();
                Ok(())
            }
            Running::Node(node) => node.start_again(),
        }
    }

    /// A process that has done nothing yet: memory once used is not given back.
    pub(super) fn renew(&mut self) -> Result<(), Box<dyn Error>> {
        self.kill()?;
        self.start_again()
    }
}

fn tokens(count: usize) -> Result<Vec<String>, Box<dyn Error>> {
    let account = AccountId::from_uuid(id(0, 0));
    let key = EncodingKey::from_secret(Server::AUTH_SECRET.as_bytes());
    let token = |n| {
        let user = UserId::from_uuid(id(1, n));
        // Each has one sign-in, of the same id.
        let sign_in = SignInId::from_uuid(user.as_uuid());
        let subject =
            Subject { account, user, role: Role::Admin, permissions: None, elevated: None, sign_in };
        sign(&key, &subject, SystemClock.utc())
    };
    Ok((0..count).map(token).collect::<Result<_, _>>()?)
}
