//! Debian and Ubuntu: packages unpacked into a directory of ours, or installed.
//!
//! Unpacking needs no root, runs no package's scripts and starts no service.
//! apt itself chooses, downloads and verifies the packages.

use super::Tool;
use crate::shell::{Failure, output, run};
use local_services::{child, find};
use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::Path,
    process::Command,
};

/// Packages that an unpacked binary does not need: they only serve maintainers'
/// scripts, or must be the system's own.
const NOT_NEEDED: &[&str] = &[
    "adduser",
    "debconf",
    "init-system-helpers",
    "inetutils-telnet",
    "libc-bin",
    "libc6",
    "libgdbm",
    "libjson-perl",
    "libllvm",
    "libperl",
    "libz3",
    "locales",
    "logrotate",
    "lsb-base",
    "netbase",
    "openssl",
    "perl",
    "postgresql-client-common",
    "postgresql-common",
    "sensible-utils",
    "ssl-cert",
    "sysvinit",
    "telnet",
    "tzdata",
    "ucf",
];

/// Unpacks a tool's packages and what they depend on, and writes a script per
/// binary into `deps/bin` which runs it with its own libraries.
pub(super) fn unpack(tool: Tool, deps: &Path) -> Result<(), Failure> {
    let apt = Apt::prepare(deps)?;
    let wanted = match tool {
        Tool::Postgres => vec![apt.postgres_server()?],
        Tool::Redis
        | Tool::Coturn
        | Tool::Chromium
        | Tool::Schemathesis
        | Tool::Node
        | Tool::Firefox
        | Tool::Aiortc
        | Tool::Libdatachannel => tool.debian_packages().iter().map(|name| (*name).to_owned()).collect(),
    };
    let packages = apt.with_dependencies(&wanted)?;
    let downloads = deps.join("apt/debs");
    fs::create_dir_all(&downloads)?;
    output(apt.get().arg("download").args(&packages).current_dir(&downloads))?;
    let tree = deps.join("root");
    for package in fs::read_dir(&downloads)? {
        let package = package?.path();
        output(Command::new("dpkg-deb").arg("-x").arg(&package).arg(&tree))?;
        fs::remove_file(package)?;
    }
    write_scripts(deps, &tree)
}

/// Installs a tool's packages, as root.
pub(super) fn install(tool: Tool, _deps: &Path) -> Result<(), Failure> {
    if tool == Tool::Postgres {
        keep_from_making_a_cluster()?;
    }
    run(as_root("apt-get").args(["-qq", "update"]))?;
    let install = ["-qq", "-y", "--no-install-recommends", "install"];
    run(as_root("apt-get")
        .env("DEBIAN_FRONTEND", "noninteractive")
        .args(install)
        .args(tool.debian_packages()))
}

fn as_root(program: &str) -> Command {
    if child::user() == 0 {
        return Command::new(program);
    }
    let mut command = Command::new("sudo");
    command.args(["-n", program]);
    command
}

/// Otherwise the package makes and starts a database of its own on port 5432.
fn keep_from_making_a_cluster() -> Result<(), Failure> {
    let script = "d=/etc/postgresql-common; mkdir -p $d; \
                  [ -e $d/createcluster.conf ] || echo 'create_main_cluster = false' > $d/createcluster.conf";
    run(as_root("sh").args(["-c", script]))
}

/// apt with lists and downloads in a directory of ours, and the system's sources and keys.
struct Apt {
    options: Vec<String>,
}

impl Apt {
    fn prepare(deps: &Path) -> Result<Self, Failure> {
        let home = deps.join("apt");
        for dir in ["lists/partial", "cache/archives/partial"] {
            fs::create_dir_all(home.join(dir))?;
        }
        for dir in [deps, &home] {
            fs::set_permissions(dir, fs::Permissions::from_mode(0o755))?;
        }
        let options = [
            format!("Dir::State={}", home.display()),
            format!("Dir::Cache={}", home.join("cache").display()),
            "Dir::State::status=/var/lib/dpkg/status".to_owned(),
            "Debug::NoLocking=1".to_owned(),
            // apt would else drop to an account that cannot write here.
            "APT::Sandbox::User=root".to_owned(),
        ];
        let apt =
            Self { options: options.into_iter().flat_map(|option| ["-o".to_owned(), option]).collect() };
        // Other people's sources may be out of reach; what is missing then shows at the download.
        let _partly = output(apt.get().arg("update"));
        Ok(apt)
    }

    fn get(&self) -> Command {
        let mut command = Command::new("apt-get");
        command.arg("-qq").args(&self.options);
        command
    }

    /// The package with the server that `postgresql` stands for.
    fn postgres_server(&self) -> Result<String, Failure> {
        let said = output(Command::new("apt-cache").args(&self.options).args(["depends", "postgresql"]))?;
        let mut names = said.lines().filter_map(|line| line.trim().strip_prefix("Depends: "));
        let name = names
            .find(|name| name.starts_with("postgresql-"))
            .ok_or_else(|| Failure::new("this distribution has no package `postgresql`"))?;
        let version = name.rsplit('-').next().and_then(|version| version.parse::<u32>().ok());
        if version.is_some_and(|version| version >= find::POSTGRES_MIN) {
            Ok(name.to_owned())
        } else {
            Err(Failure::new(format!(
                "this distribution has {name}; {} or newer is needed",
                find::POSTGRES_MIN
            )))
        }
    }

    /// What apt would install for these packages, less what an unpacked binary does not need.
    fn with_dependencies(&self, wanted: &[String]) -> Result<Vec<String>, Failure> {
        let said = output(self.get().args(["-s", "--no-install-recommends", "install"]).args(wanted))?;
        let mut packages = wanted.to_vec();
        for line in said.lines() {
            let Some(name) = line.strip_prefix("Inst ").and_then(|rest| rest.split(' ').next()) else {
                continue;
            };
            if !packages.iter().any(|known| known == name)
                && !NOT_NEEDED.iter().any(|it| name.starts_with(it))
            {
                packages.push(name.to_owned());
            }
        }
        Ok(packages)
    }
}

/// One script in `deps/bin` for each binary of a service under `tree`.
fn write_scripts(deps: &Path, tree: &Path) -> Result<(), Failure> {
    let bin = deps.join("bin");
    fs::create_dir_all(&bin)?;
    for dir in [&bin, tree] {
        fs::set_permissions(dir, fs::Permissions::from_mode(0o755))?;
    }
    let mut places = vec!["usr/bin".to_owned(), "usr/sbin".to_owned()];
    for version in fs::read_dir(tree.join("usr/lib/postgresql")).into_iter().flatten().flatten() {
        places.push(format!("usr/lib/postgresql/{}/bin", version.file_name().to_string_lossy()));
    }
    // Last, to replace scripts in `usr/bin` that look for them in their usual places.
    places.extend(["usr/lib/chromium", "usr/lib/firefox-esr"].map(str::to_owned));
    let libraries = library_places(tree).join(":");
    for place in places {
        for binary in fs::read_dir(tree.join(&place)).into_iter().flatten().flatten() {
            let name = binary.file_name().to_string_lossy().into_owned();
            let is_program =
                fs::metadata(binary.path()).is_ok_and(|it| it.is_file() && it.mode() & 0o111 != 0);
            if !is_program || name.contains(".so") {
                continue;
            }
            let script = format!(
                "#!/bin/sh\n# Runs an unpacked binary with the libraries that were unpacked beside it.\n\
                 root=\"$(cd \"$(dirname \"$0\")/../root\" && pwd)\"\n\
                 LD_LIBRARY_PATH=\"{libraries}${{LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}}\" \
                 exec \"$root/{place}/{name}\" \"$@\"\n"
            );
            let path = bin.join(name);
            fs::write(&path, script)?;
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
        }
    }
    Ok(())
}

/// The directories of libraries under `tree`, as a script names them. Their name has the machine's architecture in it.
fn library_places(tree: &Path) -> Vec<String> {
    let mut places = Vec::new();
    for lib in ["usr/lib", "lib"] {
        for entry in fs::read_dir(tree.join(lib)).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.contains("-linux-gnu") {
                places.push(format!("$root/{lib}/{name}"));
            }
        }
    }
    places
}
