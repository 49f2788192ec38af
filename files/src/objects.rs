//! Where files are kept: a folder, or a bucket.

use crate::{
    config::{Config, S3},
    incoming::{Incoming, Received, Refused},
    link::{Links, Variant},
    outgoing::Outgoing,
    picture::{self, Preview},
};
use bytes::Bytes;
use common::{
    id::{AccountId, AttachmentId, RecordingId, UserId},
    secret::Secret,
};
use egress::{Guard, HttpClient, Terms};
use futures_util::{Stream, TryStreamExt, stream::BoxStream};
use object_store::{
    GetOptions, GetRange, MultipartUpload, ObjectStore, ObjectStoreExt, RetryConfig, aws::AmazonS3Builder,
    local::LocalFileSystem, path::Path as Key,
};
use std::{
    collections::BTreeMap,
    fmt, io,
    ops::Range,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use time::OffsetDateTime;
use tokio::{
    fs::File,
    io::AsyncReadExt,
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};
use url::Url;
use uuid::Uuid;

/// How long a bucket may say nothing.
const SILENCE_MAX: Duration = Duration::from_secs(20);

/// How long a request to a bucket is tried again.
const RETRY_TIME: Duration = Duration::from_secs(10);

/// How often, within that time.
const RETRIES_MAX: usize = 2;

/// Bytes of one part of an upload to a bucket: the fewest that S3 takes.
const PART_BYTES: usize = 5 * 1024 * 1024;

/// Bytes that go to the disk at once.
const DISK_BYTES: usize = 1024 * 1024;

/// Files that are sent to the storage at the same time: each has a part of some MiB in memory.
const KEPT_AT_ONCE: usize = 8;

/// How long a file's thumbnail may take, with the wait for those of other files. After that it has none.
const PREVIEW_TIME: Duration = Duration::from_secs(20);

/// Why the storage cannot be used at all.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The folder cannot be made.
    #[error("the folder {} cannot be used for files", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// The system's refusal.
        source: io::Error,
    },
    /// Folder or bucket are set up wrongly.
    #[error("the storage of files cannot be used")]
    Storage(#[from] object_store::Error),
    /// There is no HTTP client.
    #[error("no HTTP client for the storage of files")]
    Http(#[from] egress::Error),
}

/// Why a file is not kept, read or removed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
    /// The storage has it not.
    #[error("the file is gone")]
    Gone,
    /// The storage is away, full, or refuses.
    #[error("the storage of files failed")]
    Storage(#[source] object_store::Error),
    /// This machine's disk failed.
    #[error("a file that came in cannot be passed on")]
    Disk(#[source] io::Error),
}

impl FileError {
    /// Whether the storage has the file not: asking again is of no use.
    pub const fn is_gone(&self) -> bool {
        matches!(self, Self::Gone)
    }
}

impl From<object_store::Error> for FileError {
    fn from(error: object_store::Error) -> Self {
        if matches!(error, object_store::Error::NotFound { .. }) { Self::Gone } else { Self::Storage(error) }
    }
}

/// The storage of files. Cheap to clone.
#[derive(Clone)]
pub struct Files(Arc<Inner>);

struct Inner {
    objects: Arc<dyn ObjectStore>,
    /// What all keys begin with.
    prefix: Key,
    part_bytes: usize,
    incoming: PathBuf,
    config: Config,
    links: Links,
    slots: Arc<Semaphore>,
    /// Files that are coming in, by whom; nobody who has none.
    users: Arc<Users>,
    /// One picture at a time: it may take a processor and a quarter of a GiB.
    decoding: Arc<Semaphore>,
    keeping: Semaphore,
}

impl fmt::Debug for Files {
    /// Without the key to the bucket.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Files").field("incoming", &self.0.incoming).finish_non_exhaustive()
    }
}

type Users = Mutex<BTreeMap<(AccountId, UserId), usize>>;

/// A place among the files that come in.
#[derive(Debug)]
pub struct Place {
    users: Arc<Users>,
    of: (AccountId, UserId),
    _slot: OwnedSemaphorePermit,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut users = self.users.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = users.get_mut(&self.of) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                users.remove(&self.of);
            }
        }
    }
}

/// A file, or a stretch of one, as it is read.
pub struct Opened {
    /// How many bytes the file has.
    pub length: u64,
    /// The stretch that is read.
    pub range: Range<u64>,
    pieces: BoxStream<'static, object_store::Result<Bytes>>,
}

impl Opened {
    /// Its bytes, as they come.
    pub fn into_stream(self) -> impl Stream<Item = Result<Bytes, FileError>> + Send + 'static {
        self.pieces.map_err(FileError::from)
    }
}

impl Files {
    /// Keeps files in the bucket that is configured, or else in `directory`; those that come in are there in either
    /// case. `secret` signs links.
    ///
    /// # Errors
    /// [`OpenError`]. Whether a bucket can be reached shows when it is used.
    pub fn open(config: Config, directory: &Path, secret: &Secret, guard: &Guard) -> Result<Self, OpenError> {
        let incoming = make(directory.join("incoming"))?;
        let (objects, part_bytes): (Arc<dyn ObjectStore>, _) = match &config.s3.bucket {
            Some(bucket) => (Arc::new(bucket_of(&config.s3, bucket, guard)?), PART_BYTES),
            None => {
                let folder = LocalFileSystem::new_with_prefix(make(directory.join("kept"))?)?;
                (Arc::new(folder.with_fsync(true)), DISK_BYTES)
            }
        };
        let prefix = if config.s3.bucket.is_some() { config.s3.prefix.as_str() } else { "" };
        Ok(Self(Arc::new(Inner {
            objects,
            prefix: Key::from(prefix),
            part_bytes,
            incoming,
            links: Links::new(secret, config.link_s),
            slots: Arc::new(Semaphore::new(config.uploads_max)),
            users: Arc::default(),
            decoding: Arc::new(Semaphore::new(1)),
            keeping: Semaphore::new(KEPT_AT_ONCE),
            config,
        })))
    }

    /// The settings.
    pub fn config(&self) -> &Config {
        &self.0.config
    }

    /// Makes links to files, and reads them.
    pub fn links(&self) -> &Links {
        &self.0.links
    }

    /// Begins to take a file from a user or guest.
    ///
    /// # Errors
    /// [`Refused`].
    pub async fn receive(&self, account: AccountId, user: UserId) -> Result<Incoming<Place>, Refused> {
        let place = self.place((account, user))?;
        let path = self.0.incoming.join(Uuid::new_v4().simple().to_string());
        Incoming::begin(path, self.0.config.bytes_max, place).await
    }

    fn place(&self, of: (AccountId, UserId)) -> Result<Place, Refused> {
        let slot = Arc::clone(&self.0.slots).try_acquire_owned().map_err(|_| Refused::Busy)?;
        let mut users = self.0.users.lock().unwrap_or_else(PoisonError::into_inner);
        let of_account: usize =
            users.iter().filter(|((account, _), _)| *account == of.0).map(|(_, count)| count).sum();
        if of_account >= (self.0.config.uploads_max / 2).max(1) {
            return Err(Refused::Busy);
        }
        let count = users.entry(of).or_default();
        if *count >= self.0.config.uploads_per_user_max.max(1) {
            return Err(Refused::UserBusy);
        }
        *count += 1;
        Ok(Place { users: Arc::clone(&self.0.users), of, _slot: slot })
    }

    /// What there is to show of a file before it is opened: of what is no picture, nothing.
    pub async fn preview<G>(&self, received: &Received<G>) -> Preview {
        let Some(format) = received.kind().picture else { return Preview::default() };
        let path = received.path().to_owned();
        let decoding = Arc::clone(&self.0.decoding);
        let work = async move {
            let permit = decoding.acquire_owned().await.ok()?;
            let work = tokio::task::spawn_blocking(move || {
                let _permit = permit;
                picture::preview(&path, format)
            });
            // A panic of a decoder is no reason to lose the file.
            work.await.ok()
        };
        timeout(PREVIEW_TIME, work).await.ok().flatten().unwrap_or_default()
    }

    /// Keeps a file that has come in.
    ///
    /// # Errors
    /// [`FileError::Storage`] or [`FileError::Disk`]; a part of it may be there, so it is to be removed.
    pub async fn keep<G>(
        &self,
        account: AccountId,
        id: AttachmentId,
        received: &Received<G>,
    ) -> Result<(), FileError> {
        self.put(&self.key(account, id, Variant::Whole), received.path(), received.length()).await
    }

    /// Puts a file of `length` bytes under a key.
    async fn put(&self, key: &Key, path: &Path, length: u64) -> Result<(), FileError> {
        let _turn = self.0.keeping.acquire().await;
        let mut file = File::open(path).await.map_err(FileError::Disk)?;
        if length <= u64::try_from(self.0.part_bytes).unwrap_or(u64::MAX) {
            let whole = part(&mut file, self.0.part_bytes).await?;
            self.0.objects.put(key, whole.into()).await?;
            return Ok(());
        }
        let mut upload = self.0.objects.put_multipart(key).await?;
        let sent = send(&mut *upload, &mut file, self.0.part_bytes).await;
        if sent.is_err() {
            // Of a bucket the parts; those of a process that is killed are removed by the bucket's own rules.
            let _whether_or_not = upload.abort().await;
        }
        sent
    }

    /// Keeps a file of a recording, in the place of one of the same name.
    ///
    /// # Errors
    /// [`FileError::Storage`] or [`FileError::Disk`]; a part of it may be there.
    pub async fn keep_recorded(
        &self,
        account: AccountId,
        recording: RecordingId,
        (name, path): (&str, &Path),
    ) -> Result<(), FileError> {
        let about = tokio::fs::metadata(path).await.map_err(FileError::Disk)?;
        self.put(&self.recorded_key(account, recording, name), path, about.len()).await
    }

    /// Begins to read a file of a recording, or from its byte `range.start` to before `range.end`.
    ///
    /// # Errors
    /// [`FileError::Gone`] or [`FileError::Storage`].
    pub async fn read_recorded(
        &self,
        account: AccountId,
        recording: RecordingId,
        name: &str,
        range: Option<Range<u64>>,
    ) -> Result<Opened, FileError> {
        self.open_at(&self.recorded_key(account, recording, name), range).await
    }

    /// Removes a file of a recording; one that is not there is removed already.
    ///
    /// # Errors
    /// [`FileError::Storage`]: it may still be there.
    pub async fn remove_recorded(
        &self,
        account: AccountId,
        recording: RecordingId,
        name: &str,
    ) -> Result<(), FileError> {
        self.remove_at(&self.recorded_key(account, recording, name)).await
    }

    /// Keeps a picture's thumbnail.
    ///
    /// # Errors
    /// [`FileError::Storage`].
    pub async fn keep_thumbnail(
        &self,
        account: AccountId,
        id: AttachmentId,
        thumbnail: Vec<u8>,
    ) -> Result<(), FileError> {
        let key = self.key(account, id, Variant::Thumbnail);
        self.0.objects.put(&key, thumbnail.into()).await?;
        Ok(())
    }

    /// Begins to read a file, or from its byte `range.start` to before `range.end`.
    ///
    /// # Errors
    /// [`FileError::Gone`] or [`FileError::Storage`].
    pub async fn read(
        &self,
        account: AccountId,
        id: AttachmentId,
        variant: Variant,
        range: Option<Range<u64>>,
    ) -> Result<Opened, FileError> {
        self.open_at(&self.key(account, id, variant), range).await
    }

    async fn open_at(&self, key: &Key, range: Option<Range<u64>>) -> Result<Opened, FileError> {
        let options = GetOptions { range: range.map(GetRange::Bounded), ..GetOptions::default() };
        let found = self.0.objects.get_opts(key, options).await?;
        let (length, range) = (found.meta.size, found.range.clone());
        Ok(Opened { length, range, pieces: found.into_stream() })
    }

    /// Removes a file with its thumbnail; what is not there is removed already.
    ///
    /// # Errors
    /// [`FileError::Storage`]: it may still be there.
    pub async fn remove(&self, account: AccountId, id: AttachmentId) -> Result<(), FileError> {
        for variant in [Variant::Whole, Variant::Thumbnail] {
            self.remove_at(&self.key(account, id, variant)).await?;
        }
        Ok(())
    }

    async fn remove_at(&self, key: &Key) -> Result<(), FileError> {
        match self.0.objects.delete(key).await.map_err(FileError::from) {
            Ok(()) | Err(FileError::Gone) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Removes files to which nothing was added since `before`: the process that took them in was killed.
    ///
    /// # Errors
    /// If the folder cannot be read.
    pub async fn tidy(&self, before: OffsetDateTime) -> io::Result<()> {
        let mut entries = tokio::fs::read_dir(&self.0.incoming).await?;
        while let Some(entry) = entries.next_entry().await? {
            let modified = entry.metadata().await.and_then(|about| about.modified());
            if modified.is_ok_and(|at| OffsetDateTime::from(at) < before) {
                let _may_be_gone = tokio::fs::remove_file(entry.path()).await;
            }
        }
        Ok(())
    }

    /// Ids alone: nothing that a client has written is part of a key, and no account's begin like another's.
    fn key(&self, account: AccountId, id: AttachmentId, variant: Variant) -> Key {
        let name = match variant {
            Variant::Whole => id.to_string(),
            Variant::Thumbnail => format!("{id}.thumbnail"),
        };
        self.0.prefix.clone().join(account.to_string()).join(name)
    }

    /// A recording's files lie together. The name is a part of the key as a whole, whatever is in it.
    fn recorded_key(&self, account: AccountId, recording: RecordingId, name: &str) -> Key {
        let account = self.0.prefix.clone().join(account.to_string());
        account.join("recordings").join(recording.to_string()).join(name)
    }
}

/// Sends a file part by part, one at a time: of each upload no more than a part is in memory.
async fn send(upload: &mut dyn MultipartUpload, file: &mut File, part_bytes: usize) -> Result<(), FileError> {
    loop {
        let next = part(file, part_bytes).await?;
        if next.is_empty() {
            upload.complete().await?;
            return Ok(());
        }
        upload.put_part(next.into()).await?;
    }
}

/// The next bytes of a file, and none at its end.
async fn part(file: &mut File, bytes: usize) -> Result<Bytes, FileError> {
    let mut part = Vec::new();
    let most = u64::try_from(bytes).unwrap_or(u64::MAX);
    file.take(most).read_to_end(&mut part).await.map_err(FileError::Disk)?;
    Ok(part.into())
}

fn make(path: PathBuf) -> Result<PathBuf, OpenError> {
    std::fs::create_dir_all(&path).map_err(|source| OpenError::Folder { path: path.clone(), source })?;
    Ok(path)
}

fn bucket_of(config: &S3, bucket: &str, guard: &Guard) -> Result<impl ObjectStore, OpenError> {
    let builder = AmazonS3Builder::new().with_bucket_name(bucket).with_region(&config.region);
    // The operator's word, and often an address inside.
    let terms = Terms::never_silent_for(SILENCE_MAX);
    let (builder, terms) = match &config.endpoint {
        Some(endpoint) => {
            let builder =
                builder.with_endpoint(endpoint.as_str().trim_end_matches('/')).with_allow_http(true);
            (builder, terms.trusting(endpoint))
        }
        None => {
            let amazon = format!("https://{bucket}.s3.{}.amazonaws.com", config.region).parse::<Url>();
            let terms = amazon.iter().fold(terms, |terms, url| terms.trusting(url));
            (builder.with_virtual_hosted_style_request(true), terms)
        }
    };
    let expose =
        |secret: &Option<Secret>| secret.as_ref().map(|it| it.expose().to_owned()).unwrap_or_default();
    let retry = RetryConfig { max_retries: RETRIES_MAX, retry_timeout: RETRY_TIME, ..RetryConfig::default() };
    Ok(builder
        .with_access_key_id(expose(&config.access_key_id))
        .with_secret_access_key(expose(&config.secret_access_key))
        .with_retry(retry)
        // Not everything that is compatible deletes several at once.
        .with_disable_bulk_delete(true)
        .with_http_connector(Outgoing(HttpClient::new(guard, terms)?))
        .build()?)
}
