//! Settings of files, section `[files]`.

use common::secret::Secret;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use url::Url;

/// Files of room messages, section `[files]`.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The folder of files, and of those that are coming in. Absent: `files` in `database.data_dir`. Instances that
    /// share a database share the folder, or a bucket (`[files.s3]`).
    ///
    /// Example: `"/var/lib/switchboard/files"`
    pub directory: Option<PathBuf>,
    /// The largest file, in bytes.
    pub bytes_max: u64,
    /// What the files of one account may have together, in bytes. Deleted ones count until they are removed.
    pub account_bytes_max: u64,
    /// Files that may come in at the same time on this instance. Each takes its size on disk.
    ///
    /// More lets more people be slow at the same time; fewer needs less room on the disk.
    pub uploads_max: usize,
    /// Of those, of one user or guest.
    pub uploads_per_user_max: usize,
    /// Files of one user or guest that are in no message yet. Those of a day ago are removed.
    pub unsent_per_user_max: u16,
    /// How long the link to a file is good, in seconds: at least so long, and less than twice as long.
    ///
    /// Longer lets browsers keep more files; shorter ends sooner what somebody may see who was removed from a room.
    pub link_s: u64,
    /// A bucket of S3, or of a service that is compatible with it, instead of the folder.
    pub s3: S3,
}

/// A bucket of S3, or of a service that is compatible with it.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct S3 {
    /// The bucket's name. Without it files are kept in the folder.
    ///
    /// Example: `"switchboard-files"`
    pub bucket: Option<String>,
    /// The service's URL; the bucket is the first part of the path. Absent: Amazon's for the region.
    ///
    /// Example: `"https://s3.example"`
    pub endpoint: Option<Url>,
    /// The region that requests are signed for.
    pub region: String,
    /// What the keys of all objects begin with, so that installations can share a bucket.
    pub prefix: String,
    /// The id of the access key; needed with `bucket`.
    ///
    /// Example: `"…"`
    #[serde(skip_serializing)]
    pub access_key_id: Option<Secret>,
    /// The access key; needed with `bucket`. It must be allowed to put, get and delete objects.
    ///
    /// Example: `"…"`
    #[serde(skip_serializing)]
    pub secret_access_key: Option<Secret>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            directory: None,
            bytes_max: 25 * 1024 * 1024,
            account_bytes_max: 10 * 1024 * 1024 * 1024,
            uploads_max: 64,
            uploads_per_user_max: 4,
            unsent_per_user_max: 50,
            link_s: 300,
            s3: S3::default(),
        }
    }
}

impl Default for S3 {
    fn default() -> Self {
        Self {
            bucket: None,
            endpoint: None,
            region: "us-east-1".to_owned(),
            prefix: String::new(),
            access_key_id: None,
            secret_access_key: None,
        }
    }
}

impl S3 {
    /// Whether a bucket comes with the key to it.
    pub const fn is_complete(&self) -> bool {
        self.bucket.is_none() || (self.access_key_id.is_some() && self.secret_access_key.is_some())
    }
}
