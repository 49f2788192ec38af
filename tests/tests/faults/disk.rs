//! A full disk under Postgres.

use crate::stage::{Stage, a_while, left_out, options};
use local_services::{postgres::Postgres, scratch::Scratch};
use std::{fs, io::Write, path::Path, process::Command};
use switchboard_tests::installation::Installation;

/// A file system of its own, small enough to fill. Unmounted at the end.
struct SmallDisk<'a>(&'a Path);

impl<'a> SmallDisk<'a> {
    fn mount(at: &'a Path) -> Option<Self> {
        let mount = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=400m,mode=0755", "tmpfs"])
            .arg(at)
            .output();
        mount.is_ok_and(|output| output.status.success()).then_some(Self(at))
    }
}

impl Drop for SmallDisk<'_> {
    fn drop(&mut self) {
        // Lazily: whoever still has a file open loses the name only.
        let _unmounted = Command::new("umount").arg("-l").arg(self.0).status();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_refuses_what_it_cannot_keep_and_loses_nothing_that_it_took() {
    let directory = Scratch::new().expect("a directory");
    let disk = directory.path().join("d");
    fs::create_dir_all(&disk).expect("a directory");
    let Some(_mounted) = SmallDisk::mount(&disk) else {
        return left_out("a full disk", "only root may mount a small file system");
    };
    let postgres = Postgres::start(&options(&disk)).expect("Postgres starts");
    let stage = Stage::one(Installation::with_own_postgres(&postgres).await).await;
    let ballast = disk.join("ballast");
    let mut file = fs::File::create(&ballast).expect("a file");
    let zeros = vec![0; 64 * 1024];
    // Until there is no room for another byte.
    while file.write_all(&zeros).is_ok() {}
    tokio::time::sleep(a_while() * 2).await;
    drop(file);
    fs::remove_file(&ballast).expect("it can be removed");
    stage.is_back().await;
    stage.balances().await;
}
