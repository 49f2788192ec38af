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
}

impl Tool {
    /// Everything that the tests need.
    pub(crate) const ALL: [Self; 6] =
        [Self::Postgres, Self::Redis, Self::Coturn, Self::Chromium, Self::Schemathesis, Self::Node];

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
        }
    }

    const fn debian_packages(self) -> &'static [&'static str] {
        match self {
            Self::Postgres => &["postgresql"],
            Self::Redis => &["redis-server"],
            Self::Coturn => &["coturn"],
            Self::Chromium => &["chromium", "chromium-common", "chromium-driver"],
            // They come from Python's own index, Node because distributions' are often too old; this is
            // what fetching them needs.
            Self::Schemathesis | Self::Node => &["python3", "python3-venv"],
        }
    }

    const fn brew_arguments(self) -> &'static [&'static str] {
        match self {
            Self::Postgres => &["install", "postgresql@17"],
            Self::Redis => &["install", "redis"],
            Self::Coturn => &["install", "coturn"],
            Self::Chromium => &["install", "--cask", "chromium", "chromedriver"],
            Self::Schemathesis => &["install", "python"],
            Self::Node => &["install", "node"],
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
    if matches!(tool, Tool::Schemathesis | Tool::Node) {
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
        // Chromium wants fonts, a sandbox and a hundred libraries: where we may install it, we do.
        let may_install = child::user() == 0 || can_sudo();
        ways.push(debian::unpack);
        if may_install && tool == Tool::Chromium {
            ways.insert(0, debian::install);
        } else if may_install {
            ways.push(debian::install);
        }
    }
    if has("brew") && tool != Tool::Schemathesis {
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
                Tool::Schemathesis => "python3",
                Tool::Node => "nodejs-npm",
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
                Tool::Schemathesis => "python",
                Tool::Node => "nodejs npm",
            }
        )
    } else if tool == Tool::Chromium && is_ubuntu() {
        // Ubuntu's packages of this name only install the snap.
        "sudo snap install chromium".to_owned()
    } else {
        format!("sudo apt-get install {}", tool.debian_packages().join(" "))
    };
    format!("Install it yourself and run the same command again:\n\n    {install}")
}

fn is_ubuntu() -> bool {
    std::fs::read_to_string("/etc/os-release").is_ok_and(|text| text.lines().any(|line| line == "ID=ubuntu"))
}
