//! Driving our own media server, as the hub would.

use super::{
    node::{Answer, READY, hub},
    target::{Seat, Server},
};
use common::{
    id::{AccountId, ConnectionId, RoomId, UserId},
    protocol::media::{Participant, ParticipantState, Published, StateChange},
    subject::media::{MediaAction, MediaReply, MediaRequest, MediaRights},
};
use std::{error::Error, net::IpAddr, path::Path, process::Stdio};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
};
use uuid::Uuid;

pub(super) struct Switchboard {
    child: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
    /// Names the last offer.
    revision: u64,
}

impl Switchboard {
    /// Starts that of a build of this tool, at a free port of this address.
    pub(super) async fn start(build: &Path, ip: IpAddr) -> Result<Self, Box<dyn Error>> {
        let mut command = Command::new(build);
        command.args(["media-node", "--listen", &format!("{ip}:0")]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn()?;
        let (input, output) =
            (child.stdin.take().ok_or("no input")?, child.stdout.take().ok_or("no output")?);
        let mut output = BufReader::new(output).lines();
        match output.next_line().await?.as_deref() {
            Some(READY) => Ok(Self { child, input, output, revision: 0 }),
            other => Err(format!("the media server said {other:?}").into()),
        }
    }

    async fn ask(&mut self, room: usize, action: MediaAction) -> Result<MediaReply, Box<dyn Error>> {
        let number = u128::try_from(room)? + 1;
        let request = MediaRequest {
            account: AccountId::from_uuid(Uuid::from_u128(1)),
            room: RoomId::from_uuid(Uuid::from_u128(number)),
            action,
        };
        let mut line = serde_json::to_vec(&request)?;
        line.push(b'\n');
        self.input.write_all(&line).await?;
        let line = self.output.next_line().await?.ok_or("the media server has ended")?;
        let Answer(reply) = serde_json::from_str(&line)?;
        reply.map_err(|failure| failure.message.into())
    }
}

fn connection(seat: Seat) -> ConnectionId {
    ConnectionId::from_uuid(Uuid::from_u128((seat.room as u128) << 32 | (seat.person as u128 + 1)))
}

impl Server for Switchboard {
    fn id(&self) -> Option<u32> {
        self.child.id()
    }

    async fn join(&mut self, seat: Seat, send: bool, receive: bool) -> Result<(), Box<dyn Error>> {
        let connection_id = connection(seat);
        let participant = Participant {
            connection_id,
            user_id: UserId::from_uuid(connection_id.as_uuid()),
            name: "Load".to_owned(),
            state: ParticipantState::default(),
            tracks: Vec::new(),
        };
        let rights = MediaRights { send, receive, data: send };
        let change = StateChange::default();
        let join = MediaAction::Join { participant, hub: hub(), rights, replaces: None, change };
        self.ask(seat.room, join).await.map(drop)
    }

    async fn publish(&mut self, seat: Seat, sdp: String) -> Result<String, Box<dyn Error>> {
        let (connection, sdp, tracks) = (connection(seat), Some(sdp), Vec::new());
        let publish = MediaAction::Publish { connection, sdp, tracks };
        let reply = self.ask(seat.room, publish).await?;
        let MediaReply::Published(Published { sdp: Some(sdp), .. }) = reply else {
            return Err(format!("{reply:?}").into());
        };
        Ok(sdp)
    }

    async fn subscribe(&mut self, seat: Seat) -> Result<Option<String>, Box<dyn Error>> {
        let sync = MediaAction::Sync { connection: connection(seat) };
        let reply = self.ask(seat.room, sync).await?;
        let MediaReply::State { offer, .. } = reply else { return Err(format!("{reply:?}").into()) };
        Ok(offer.map(|offer| {
            self.revision = offer.revision;
            offer.sdp
        }))
    }

    async fn answer(&mut self, seat: Seat, sdp: String) -> Result<(), Box<dyn Error>> {
        let revision = self.revision;
        let answer = MediaAction::Answer { connection: connection(seat), revision, sdp };
        self.ask(seat.room, answer).await.map(drop)
    }
}
