//! socket.io and ws, installed by npm into a directory of their own.

use super::voice::Protocol;
use local_services::scratch::Scratch;
use std::{
    error::Error,
    fs,
    io::{BufRead, BufReader},
    net::SocketAddr,
    path::PathBuf,
    process::{Child, Command, Stdio},
};

const FILES: [(&str, &str); 3] = [
    ("package.json", include_str!("../../peers/package.json")),
    ("socket.io.js", include_str!("../../peers/socket.io.js")),
    ("ws.js", include_str!("../../peers/ws.js")),
];

/// Where they are installed. Deleted when dropped.
pub(super) struct Peers(Scratch);

impl Peers {
    /// Installs them, from the network or npm's cache.
    ///
    /// # Errors
    /// If there is no npm, or it finds nothing.
    pub(super) fn install() -> Result<Self, Box<dyn Error>> {
        let peers = Self(Scratch::new()?);
        for (name, text) in FILES {
            fs::write(peers.0.join(name), text)?;
        }
        let arguments = ["install", "--no-audit", "--no-fund", "--prefer-offline", "--loglevel=error"];
        let installed = Command::new("npm").args(arguments).current_dir(peers.0.path()).output()?;
        if !installed.status.success() {
            return Err(String::from_utf8_lossy(&installed.stderr).into());
        }
        Ok(peers)
    }

    /// Starts one at a port, or at any if it is 0.
    pub(super) fn start(&self, protocol: Protocol, port: u16) -> Result<Node, Box<dyn Error>> {
        let script = self.0.join(match protocol {
            Protocol::SocketIo => "socket.io.js",
            Protocol::Ws | Protocol::Switchboard => "ws.js",
        });
        let (child, address) = serve(&script, port)?;
        Ok(Node { script, child, address })
    }
}

/// A running one. Ended when dropped.
pub(super) struct Node {
    script: PathBuf,
    child: Child,
    pub(super) address: SocketAddr,
}

impl Node {
    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(super) fn kill(&mut self) -> Result<(), Box<dyn Error>> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    pub(super) fn start_again(&mut self) -> Result<(), Box<dyn Error>> {
        (self.child, self.address) = serve(&self.script, self.address.port())?;
        Ok(())
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _dead_already = self.child.kill();
        let _reaped = self.child.wait();
    }
}

fn serve(script: &PathBuf, port: u16) -> Result<(Child, SocketAddr), Box<dyn Error>> {
    let mut node = Command::new("node");
    node.arg(script).arg(port.to_string()).stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = node.spawn()?;
    let mut port = String::new();
    BufReader::new(child.stdout.take().ok_or("no output")?).read_line(&mut port)?;
    Ok((child, SocketAddr::from(([127, 0, 0, 1], port.trim().parse()?))))
}
