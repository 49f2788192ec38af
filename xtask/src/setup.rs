//! Fetches what a machine lacks, without root where that is possible. Does nothing the second time.

mod debian;
mod npm;
mod python;

use crate::shell::{self, Failure, has, root, run, say, step};
use local_services::{child, find};
use std::{
    path::{Path, PathBuf},
    process::Command,
};

/// What can be fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tool {
    /// For the server and the tests.
    Postgres,
    /// For tests of more than one instance.
    Redis,
    /// For tests of relayed media.
    Coturn,
    /// With its WebDriver, for tests in a browser.
    Chromium,
    /// Tries the REST layer against its own description.
    Schemathesis,
    /// Runs the console's types, rules and tests.
    Node,
    /// For tests in another browser.
    Firefox,
    /// A WebRTC stack in Python, for tests with other people's.
    Aiortc,
    /// A WebRTC stack in C++, by its package for Node.js.
    Libdatachannel,
}

impl Tool {
    /// Everything that the tests need.
    pub(crate) const ALL: [Self; 9] = [
        Self::Postgres,
        Self::Redis,
        Self::Coturn,
        Self::Chromium,
        Self::Schemathesis,
        Self::Node,
        Self::Firefox,
        Self::Aiortc,
        Self::Libdatachannel,
    ];

    /// The tools with these names; all if there are none.
    ///
    /// # Errors
    /// If there is no such tool.
    pub(crate) fn parse(names: &[String]) -> Result<Vec<Self>, Failure> {
        if names.is_empty() {
            return Ok(Self::ALL.to_vec());
        }
        let find = |name: &String| Self::ALL.into_iter().find(|tool| tool.name() == name);
        names
            .iter()
            .map(|name| find(name).ok_or_else(|| Failure::new(format!("cannot set up `{name}`"))))
            .collect()
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::Redis => "redis",
            Self::Coturn => "coturn",
            Self::Chromium => "chromium",
            Self::Schemathesis => "schemathesis",
            Self::Node => "node",
            Self::Firefox => "firefox",
            Self::Aiortc => "aiortc",
            Self::Libdatachannel => "libdatachannel",
        }
    }

    /// The binaries, if they are there and run.
    fn found(self) -> Option<Vec<PathBuf>> {
        match self {
            Self::Postgres => find::postgres().map(|dir| vec![dir]),
            Self::Redis => find::redis().map(|server| vec![server]),
            Self::Coturn => Some(vec![find::coturn()?, find::turnutils("turnutils_uclient")?]),
            Self::Chromium => Some(vec![find::chromium()?, find::chromedriver()?]),
            Self::Schemathesis => find::schemathesis().map(|program| vec![program]),
            Self::Node => Some(vec![find::node()?, find::npm()?]),
            Self::Firefox => find::firefox().map(|program| vec![program]),
            Self::Aiortc => find::aiortc().map(|python| vec![python]),
            Self::Libdatachannel => find::libdatachannel().map(|home| vec![home]),
        }
    }

    const fn debian_packages(self) -> &'static [&'static str] {
        match self {
            Self::Postgres => &["postgresql"],
            Self::Redis => &["redis-server"],
            Self::Coturn => &["coturn"],
            Self::Chromium => &["chromium", "chromium-common", "chromium-driver"],
            Self::Firefox => &["firefox-esr"],
            // They come from Python's own index, Node because distributions' are often too old; this is
            // what fetching them needs. npm comes with Node.
            Self::Schemathesis | Self::Node | Self::Aiortc | Self::Libdatachannel => {
                &["python3", "python3-venv"]
            }
        }
    }

    const fn brew_arguments(self) -> &'static [&'static str] {
        match self {
            Self::Postgres => &["install", "postgresql@17"],
            Self::Redis => &["install", "redis"],
            Self::Coturn => &["install", "coturn"],
            Self::Chromium => &["install", "--cask", "chromium", "chromedriver"],
            Self::Schemathesis | Self::Aiortc => &["install", "python"],
            Self::Node | Self::Libdatachannel => &["install", "node"],
            Self::Firefox => &["install", "--cask", "firefox"],
        }
    }
}

/// Makes sure that these tools are there.
///
/// # Errors
/// If one can be neither found nor fetched, with what to do by hand.
pub(crate) fn setup(tools: &[Tool]) -> Result<(), Failure> {
    for tool in tools {
        let found = match tool.found() {
            Some(found) => found,
            None => step(&format!("fetch {}", tool.name()), || fetch(*tool))?,
        };
        let found: Vec<_> = found.iter().map(|path| path.display().to_string()).collect();
        say(&format!("    {}: {}", tool.name(), found.join(", ")));
    }
    Ok(())
}

/// Tries the ways there are on this system, best first, until the tool is there and runs.
fn fetch(tool: Tool) -> Result<Vec<PathBuf>, Failure> {
    type Way = fn(Tool, &Path) -> Result<(), Failure>;
    let deps = find::deps_of(&root());
    let mut ways: Vec<Way> = Vec::new();
    if tool == Tool::Libdatachannel {
        ways.push(|_, deps| npm::libdatachannel(deps));
    } else if matches!(tool, Tool::Schemathesis | Tool::Node | Tool::Aiortc) {
        ways.push(python::install);
        ways.push(|tool, deps| {
            match debian::install(tool, deps) {
                Ok(()) => {}
                Err(_) if has("brew") => run(Command::new("brew").args(tool.brew_arguments()))?,
                Err(failure) => return Err(failure),
            }
            python::install(tool, deps)
        });
    } else if has("apt-get") && has("dpkg-deb") {
        // Browsers want fonts, a sandbox and a hundred libraries: where we may install them, we do.
        let may_install = child::user() == 0 || can_sudo();
        ways.push(debian::unpack);
        if may_install && matches!(tool, Tool::Chromium | Tool::Firefox) {
            ways.insert(0, debian::install);
        } else if may_install {
            ways.push(debian::install);
        }
    }
    if has("brew") && !matches!(tool, Tool::Schemathesis | Tool::Aiortc | Tool::Libdatachannel) {
        ways.push(|tool, _| run(Command::new("brew").args(tool.brew_arguments())));
    }
    if tool == Tool::Postgres && has("npm") {
        ways.push(|_, deps| npm::postgres(deps));
    }
    let mut tried = String::new();
    for way in ways {
        let outcome = way(tool, &deps);
        match (outcome, tool.found()) {
            (Ok(()), Some(found)) => return Ok(found),
            (Ok(()), None) => tried.push_str("\n- it was fetched but does not run here"),
            (Err(failure), _) => tried.push_str(&format!("\n- {failure}")),
        }
    }
    Err(Failure::new(format!(
        "{} is missing and could not be fetched:{tried}\n{}",
        tool.name(),
        by_hand(tool)
    )))
}

fn can_sudo() -> bool {
    has("sudo") && shell::output(Command::new("sudo").args(["-n", "true"])).is_ok()
}

/// What somebody who may install software would type.
fn by_hand(tool: Tool) -> String {
    let install = if cfg!(target_os = "macos") {
        format!("brew {}", tool.brew_arguments().join(" "))
    } else if has("dnf") {
        format!(
            "sudo dnf install {}",
            match tool {
                Tool::Postgres => "postgresql-server",
                Tool::Redis => "valkey",
                Tool::Coturn => "coturn coturn-utils",
                Tool::Chromium => "chromium chromedriver",
                Tool::Schemathesis | Tool::Aiortc => "python3",
                Tool::Node | Tool::Libdatachannel => "nodejs-npm",
                Tool::Firefox => "firefox",
            }
        )
    } else if has("pacman") {
        format!(
            "sudo pacman -S {}",
            match tool {
                Tool::Postgres => "postgresql",
                Tool::Redis => "valkey",
                Tool::Coturn => "coturn",
                Tool::Chromium => "chromium",
                Tool::Schemathesis | Tool::Aiortc => "python",
                Tool::Node | Tool::Libdatachannel => "nodejs npm",
                Tool::Firefox => "firefox",
            }
        )
    } else if matches!(tool, Tool::Chromium | Tool::Firefox) && is_ubuntu() {
        // Ubuntu's packages of these names only install the snap, or do not exist.
        format!("sudo snap install {}", tool.name())
    } else {
        format!("sudo apt-get install {}", tool.debian_packages().join(" "))
    };
    format!("Install it yourself and run the same command again:\n\n    {install}")
}

fn is_ubuntu() -> bool {
    std::fs::read_to_string("/etc/os-release").is_ok_and(|text| text.lines().any(|line| line == "ID=ubuntu"))
}
