//! Files come in, are kept, read and removed, wherever they are kept.

use crate::bucket::{self, KEY, KEY_ID, REGION, Shared};
use common::{
    clock::ManualClock,
    id::{AccountId, AttachmentId, UserId},
    secret::Secret,
};
use egress::Guard;
use files::{Config, FileError, Files, Incoming, Received, Refused, S3, Variant};
use futures_util::TryStreamExt;
use local_services::scratch::Scratch;
use std::{fs, ops::Range, time::Duration};
use time::OffsetDateTime;
use url::Url;

/// Where files are kept; gone when it is dropped.
pub(crate) struct Folder(Scratch);

impl Folder {
    fn new() -> Self {
        Self(Scratch::new().unwrap())
    }

    /// How many files are coming in.
    fn incoming(&self) -> usize {
        fs::read_dir(self.0.join("incoming")).unwrap().count()
    }
}

fn secret() -> Secret {
    Secret::new("a secret for tests that is long enough".to_owned())
}

fn open(folder: &Folder, config: Config) -> Files {
    Files::open(config, folder.0.path(), &secret(), &Guard::new(egress::Config::default())).unwrap()
}

pub(crate) fn in_folder(config: Config) -> (Folder, Files) {
    let folder = Folder::new();
    let files = open(&folder, config);
    (folder, files)
}

fn s3(endpoint: Url, key: &str) -> Config {
    let s3 = S3 {
        bucket: Some("chat".to_owned()),
        endpoint: Some(endpoint),
        region: REGION.to_owned(),
        prefix: "switchboard".to_owned(),
        access_key_id: Some(Secret::new(KEY_ID.to_owned())),
        secret_access_key: Some(Secret::new(key.to_owned())),
    };
    Config { s3, ..Config::default() }
}

async fn in_bucket() -> (Folder, Files, Shared) {
    let (endpoint, bucket) = bucket::serve().await;
    let folder = Folder::new();
    let files = open(&folder, s3(endpoint, KEY));
    (folder, files, bucket)
}

pub(crate) fn ids() -> (AccountId, AttachmentId, UserId) {
    let clock = ManualClock::default();
    (AccountId::generate(&clock), AttachmentId::generate(&clock), UserId::generate(&clock))
}

pub(crate) async fn received(files: &Files, bytes: &[u8]) -> Received<impl Sized + use<>> {
    let (account, _, user) = ids();
    let mut incoming = files.receive(account, user).await.unwrap();
    for piece in bytes.chunks(70_000) {
        incoming.write(piece).await.unwrap();
    }
    incoming.finish().await.unwrap()
}

async fn read(
    files: &Files,
    (account, id): (AccountId, AttachmentId),
    range: Option<Range<u64>>,
) -> Result<Vec<u8>, FileError> {
    let opened = files.read(account, id, Variant::Whole, range).await?;
    opened
        .into_stream()
        .try_fold(Vec::new(), |mut all, piece| async move {
            all.extend_from_slice(&piece);
            Ok(all)
        })
        .await
}

/// Bytes of which no two stretches are the same.
fn some(length: usize) -> Vec<u8> {
    (0..length).map(|at| u8::try_from((at ^ (at >> 8) ^ (at >> 16)) & 0xff).unwrap()).collect()
}

async fn a_file_lives(files: &Files, length: usize) {
    let (account, id, _) = ids();
    let bytes = some(length);
    let received = received(files, &bytes).await;
    assert_eq!(received.length(), u64::try_from(length).unwrap());
    files.keep(account, id, &received).await.unwrap();
    files.keep_thumbnail(account, id, b"small".to_vec()).await.unwrap();
    drop(received);
    assert!(read(files, (account, id), None).await.unwrap() == bytes);
    let part = read(files, (account, id), Some(3..1000)).await.unwrap();
    assert!(part == bytes[3..bytes.len().min(1000)]);
    let (_, _, stranger) = ids();
    let elsewhere = AccountId::from_uuid(stranger.as_uuid());
    assert!(
        matches!(read(files, (elsewhere, id), None).await, Err(FileError::Gone)),
        "another account's key"
    );
    files.remove(account, id).await.unwrap();
    files.remove(account, id).await.unwrap();
    assert!(matches!(read(files, (account, id), None).await, Err(FileError::Gone)));
    let thumbnail = files.read(account, id, Variant::Thumbnail, None).await;
    assert!(matches!(thumbnail, Err(FileError::Gone)));
}

#[tokio::test]
async fn files_live_in_a_folder() {
    let (folder, files) = in_folder(Config::default());
    for length in [4, 1000, 3_000_000] {
        a_file_lives(&files, length).await;
    }
    assert_eq!(folder.incoming(), 0);
}

/// The bucket judges each request; a long file goes to it in parts.
#[tokio::test]
async fn files_live_in_a_bucket_to_which_every_request_is_signed() {
    let (folder, files, bucket) = in_bucket().await;
    for length in [4, 1000, 12_000_000] {
        a_file_lives(&files, length).await;
    }
    let (account, id, _) = ids();
    let received = received(&files, b"hello").await;
    files.keep(account, id, &received).await.unwrap();
    drop(received);
    let bucket = bucket.lock().unwrap();
    assert_eq!(bucket.complaints, Vec::<String>::new());
    assert_eq!(bucket.objects.keys().collect::<Vec<_>>(), [&format!("chat/switchboard/{account}/{id}")]);
    assert_eq!(folder.incoming(), 0);
}

#[tokio::test]
async fn a_bucket_that_is_busy_is_asked_again_and_one_that_refuses_is_away() {
    let (_folder, files, bucket) = in_bucket().await;
    let (account, id, _) = ids();
    let file = received(&files, b"hello").await;
    bucket.lock().unwrap().busy = 1;
    files.keep(account, id, &file).await.unwrap();
    bucket.lock().unwrap().busy = 1;
    assert_eq!(read(&files, (account, id), None).await.unwrap(), b"hello");
    let (endpoint, strict) = bucket::serve().await;
    let folder = Folder::new();
    let wrong = open(&folder, s3(endpoint, "another key"));
    let refused = wrong.keep(account, id, &file).await.unwrap_err();
    assert!(!matches!(refused, FileError::Gone), "{refused:?}");
    assert!(strict.lock().unwrap().complaints[0].contains("signature"));
    assert!(!format!("{wrong:?} {refused:?}").contains("another key"));
}

#[tokio::test]
async fn a_bucket_that_cannot_be_reached_is_away_soon() {
    let closed = local_services::ports::free().unwrap();
    let folder = Folder::new();
    let files = open(&folder, s3(format!("http://{closed}/").parse().unwrap(), KEY));
    let (account, id, _) = ids();
    let file = received(&files, b"hello").await;
    let kept = tokio::time::timeout(Duration::from_secs(15), files.keep(account, id, &file)).await.unwrap();
    assert!(matches!(kept, Err(FileError::Disk(_) | FileError::Storage(_))), "{kept:?}");
    assert!(matches!(read(&files, (account, id), None).await, Err(FileError::Storage(_))));
}

#[tokio::test]
async fn a_file_that_is_too_large_or_not_wanted_any_more_leaves_nothing_behind() {
    let (folder, files) = in_folder(Config { bytes_max: 10, ..Config::default() });
    let (account, _, user) = ids();
    let mut incoming = files.receive(account, user).await.unwrap();
    incoming.write(b"0123456789").await.unwrap();
    assert!(matches!(incoming.write(b"x").await, Err(Refused::TooLarge(10))));
    assert_eq!(folder.incoming(), 1);
    drop(incoming);
    assert_eq!(folder.incoming(), 0);
    drop(received(&files, b"whole").await);
    assert_eq!(folder.incoming(), 0);
}

#[tokio::test]
async fn nobody_takes_all_places_and_each_is_given_back() {
    let config = Config { uploads_max: 6, uploads_per_user_max: 2, ..Config::default() };
    let (_folder, files) = in_folder(config);
    let (account, _, greedy) = ids();
    let (_, _, other) = ids();
    let (elsewhere, _, stranger) = ids();
    let take = |user| files.receive(account, user);
    let one: Vec<Incoming<_>> = vec![take(greedy).await.unwrap(), take(greedy).await.unwrap()];
    assert!(matches!(take(greedy).await, Err(Refused::UserBusy)));
    let third = take(other).await.unwrap();
    assert!(matches!(take(other).await, Err(Refused::Busy)), "an account has half of the places");
    assert!(files.receive(elsewhere, stranger).await.is_ok(), "others have theirs");
    drop(one);
    let received = take(greedy).await.unwrap().finish().await.unwrap();
    let fourth = take(greedy).await.unwrap();
    assert!(matches!(take(other).await, Err(Refused::Busy)), "until it is kept or given up");
    drop((third, received, fourth));
    assert!(take(greedy).await.is_ok());
}

#[tokio::test]
async fn what_a_killed_process_left_behind_is_removed_and_what_comes_in_is_not() {
    let (folder, files) = in_folder(Config::default());
    let (account, _, user) = ids();
    let incoming = files.receive(account, user).await.unwrap();
    files.tidy(OffsetDateTime::now_utc() - Duration::from_secs(60)).await.unwrap();
    assert_eq!(folder.incoming(), 1);
    files.tidy(OffsetDateTime::now_utc() + Duration::from_secs(60)).await.unwrap();
    assert_eq!(folder.incoming(), 0);
    drop(incoming);
}
