//! What a client that comes back is sent of a numbered sequence, page by page.
//!
//! Every page takes it further, and only the last one makes it a reader of the sequence: so however much was
//! missed, whoever comes back arrives, and nothing falls between two pages.

use common::{
    protocol::{
        inbox::Sequenced,
        page::Page,
        room::{ChangedMessage, RoomMessage},
    },
    room::RoomEntry,
};
use serde::Serialize;
use std::collections::BTreeMap;

/// The longest page of a room's messages, in bytes of JSON: beside it, the last answer has members and media.
pub const ROOM_BYTES_MAX: usize = 96 * 1024;

/// Has a place in a sequence.
pub trait Numbered {
    /// Its number: 1, 2, 3, …
    fn seq(&self) -> u64;
}

impl Numbered for RoomEntry {
    fn seq(&self) -> u64 {
        self.seq
    }
}

impl Numbered for Sequenced {
    fn seq(&self) -> u64 {
        self.seq
    }
}

/// A page of what came after a number.
#[derive(Debug)]
pub struct Replay<T> {
    page: Page<T>,
    seq: u64,
    more: bool,
}

/// A page as it is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replayed<T> {
    /// In order.
    pub items: Vec<T>,
    /// The number to go on from.
    pub seq: u64,
    /// Whether there is another page.
    pub more: bool,
}

impl<T: Numbered + Serialize> Replay<T> {
    /// An empty page of what comes after number `after`.
    pub const fn new(after: u64, items_max: usize, bytes_max: usize) -> Self {
        Self { page: Page::new(items_max, bytes_max), seq: after, more: false }
    }

    /// The number after which the next item comes.
    pub const fn seq(&self) -> u64 {
        self.seq
    }

    /// Adds the next item; false if the page is full, and nothing further is wanted.
    pub fn push(&mut self, item: T) -> bool {
        let seq = item.seq();
        self.more = self.more || self.page.push(item).is_err();
        if !self.more {
            self.seq = seq;
        }
        !self.more
    }

    /// The page, of a sequence whose latest number was `latest` when it was last looked at.
    pub fn finish(self, latest: u64) -> Replayed<T> {
        let Self { page, seq, more } = self;
        // What was stored after that look may be on the page.
        let seq = if more { seq } else { seq.max(latest) };
        Replayed { items: page.into_items(), seq, more }
    }
}

impl Replayed<RoomEntry> {
    /// The new messages, and those from before `after` that have changed since: each once.
    pub fn into_messages(self, after: u64) -> (Vec<RoomMessage>, Vec<ChangedMessage>) {
        let (changes, new): (Vec<_>, Vec<_>) = self.items.into_iter().partition(RoomEntry::is_change);
        let before = changes.into_iter().filter(|entry| entry.message.seq <= after);
        let changed = before.map(|RoomEntry { seq, message }| (message.seq, ChangedMessage { seq, message }));
        let changed: BTreeMap<u64, ChangedMessage> = changed.collect();
        (new.into_iter().map(|entry| entry.message).collect(), changed.into_values().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::{
        id::{AttachmentId, ConversationId, MessageId, RoomId, RoomMessageId, UserId},
        protocol::{
            RequestId,
            envelope::result_frame,
            inbox::{DeliveryStatus, Direction, InboxEvent, Message, Subscribed},
            page::{FRAME_BYTES_MAX, PAGE_BYTES_MAX},
            room::{
                ATTACHMENTS_MAX, EMOJI_BYTES_MAX, Joined, MENTIONS_MAX, MESSAGES_MAX, Member, REACTIONS_MAX,
                REACTORS_MAX, Reaction, RoomAttachment, TEXT_BYTES_MAX, Unread,
            },
        },
    };
    use time::OffsetDateTime;
    use uuid::Uuid;

    /// Marsaglia's xorshift: a run is its seed.
    struct Dice(u64);

    impl Dice {
        fn roll(&mut self, sides: usize) -> usize {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            usize::try_from(self.0 % u64::try_from(sides).unwrap()).unwrap()
        }

        /// Up to so many bytes, of characters that are short, long, or longer as JSON than they are.
        fn text(&mut self, bytes_max: usize) -> String {
            let sign = ["x", "ü", "😀", "\"", "\n", "\u{1}", "\u{2028}"][self.roll(7)];
            let bytes = [1, 40, bytes_max / 2, bytes_max][self.roll(4)];
            sign.repeat((bytes / sign.len()).max(1))
        }
    }

    /// Resumes from `after` until there is no more, while the sequence may grow between two pages; `frame`
    /// is what a page is on the wire.
    fn resume<T: Numbered + Serialize + Clone>(
        mut next: impl FnMut() -> Option<T>,
        sequence: &mut Vec<T>,
        (items_max, bytes_max): (usize, usize),
        frame: impl Fn(&Replayed<T>) -> String,
    ) -> Vec<u64> {
        let (mut after, mut read) = (0, Vec::new());
        for _ in 0..2000 {
            let mut replay = Replay::new(after, items_max, bytes_max);
            let latest = sequence.last().map_or(0, Numbered::seq);
            let missing = sequence.iter().skip(usize::try_from(after).unwrap());
            missing.cloned().all(|item| replay.push(item));
            let page = replay.finish(latest);
            assert!(frame(&page).len() <= FRAME_BYTES_MAX);
            assert!(page.seq > after || !page.more, "a page with more after it gets further");
            after = page.seq;
            read.extend(page.items.iter().map(Numbered::seq));
            if !page.more {
                return read;
            }
            sequence.extend(next());
        }
        panic!("it never arrives");
    }

    /// A message with as many reactions as there may be, or a change of one from before.
    fn message(seq: u64, dice: &mut Dice) -> RoomEntry {
        let some = |count| vec![UserId::from_uuid(Uuid::nil()); count];
        let reaction = Reaction {
            emoji: "\u{1f468}\u{200d}".repeat(EMOJI_BYTES_MAX / 7),
            count: u32::MAX,
            user_ids: some(REACTORS_MAX),
        };
        let file = RoomAttachment {
            id: AttachmentId::from_uuid(Uuid::nil()),
            file_name: dice.text(800),
            mime_type: "application/octet-stream".to_owned(),
            size_bytes: u64::MAX,
            width: Some(u32::MAX),
            height: Some(u32::MAX),
            has_thumbnail: true,
        };
        let message = RoomMessage {
            id: RoomMessageId::from_uuid(Uuid::nil()),
            seq: if dice.roll(3) == 0 { seq / 2 + 1 } else { seq },
            user_id: UserId::from_uuid(Uuid::nil()),
            name: dice.text(800),
            text: dice.text(TEXT_BYTES_MAX),
            created_at: OffsetDateTime::UNIX_EPOCH,
            reply_to: Some(u64::MAX),
            mentions: some(MENTIONS_MAX),
            attachments: vec![file; dice.roll(ATTACHMENTS_MAX + 1)],
            edited_at: Some(OffsetDateTime::UNIX_EPOCH),
            deleted_at: None,
            reactions: vec![reaction; dice.roll(REACTIONS_MAX + 1)],
        };
        RoomEntry { seq, message }
    }

    /// Texts from before control characters were refused are six times as long as they may be.
    #[test]
    fn whoever_comes_back_to_a_room_reads_everything_once_in_pages_of_256_kib() {
        let (mut pages, id) = (0, RequestId::Text("\u{1}".repeat(RequestId::TEXT_MAX)));
        for seed in 1..25 {
            let mut dice = Dice(seed);
            let count = u64::try_from(dice.roll(usize::from(MESSAGES_MAX) + 1)).unwrap();
            let mut sequence: Vec<_> = (1..=count).map(|seq| message(seq, &mut dice)).collect();
            let mut seq = count;
            let next = || {
                seq += 1;
                (seq < count + 20).then(|| message(seq, &mut dice))
            };
            let frame = |page: &Replayed<RoomEntry>| {
                let (messages, changed) = page.clone().into_messages(u64::MAX);
                let joined = Joined {
                    room_id: RoomId::from_uuid(Uuid::nil()),
                    name: "😀".repeat(200),
                    members: if page.more { Vec::new() } else { long_named() },
                    member_count: u32::MAX,
                    messages,
                    changed,
                    class: Default::default(),
                    events: Vec::new(),
                    epoch: None,
                    seq: page.seq,
                    more: page.more,
                    recovered: true,
                    media: None,
                    read: Some(Unread { seq: u64::MAX, unread: u32::MAX, mentions: u32::MAX }),
                };
                result_frame(&id, &joined)
            };
            let limits = (usize::from(MESSAGES_MAX), crate::replay::ROOM_BYTES_MAX);
            let read = resume(next, &mut sequence, limits, frame);
            assert_eq!(read, (1..=sequence.len() as u64).collect::<Vec<_>>(), "seed {seed}");
            pages += usize::from(sequence.len() as u64 > count);
        }
        assert!(pages > 8, "few runs needed more than a page: {pages}");
    }

    /// A page of those who are there, as long as it can be.
    fn long_named() -> Vec<Member> {
        let members = (0..100_u128).map(|n| Member {
            connection_id: common::id::ConnectionId::from_uuid(Uuid::from_u128(n)),
            user_id: UserId::from_uuid(Uuid::nil()),
            name: "😀".repeat(200),
        });
        crate::roster::page(members, std::iter::empty()).0
    }

    #[test]
    fn whoever_comes_back_to_an_inbox_reads_everything_once_in_pages_of_256_kib() {
        let id = RequestId::Number(1);
        for seed in 1..10 {
            let mut dice = Dice(seed);
            let mut event = |seq| {
                let message = Message {
                    id: MessageId::from_uuid(Uuid::nil()),
                    conversation_id: ConversationId::from_uuid(Uuid::nil()),
                    direction: Direction::Inbound,
                    author_id: None,
                    text: Some(dice.text(200_000)),
                    truncated: false,
                    attachments: Vec::new(),
                    status: DeliveryStatus::Delivered,
                    error: Some(dice.text(5000)),
                    created_at: OffsetDateTime::UNIX_EPOCH,
                    sent_at: None,
                    delivered_at: None,
                    read_at: None,
                    failed_at: None,
                };
                Sequenced { seq, event: InboxEvent::MessageUpdated { message } }.bounded()
            };
            let mut sequence: Vec<_> = (1..=200).map(&mut event).collect();
            let mut seq = 200;
            let next = || {
                seq += 1;
                (seq < 220).then(|| event(seq))
            };
            let frame = |page: &Replayed<Sequenced>| {
                let Replayed { items, seq, more } = page.clone();
                result_frame(&id, &Subscribed { seq, events: items, more, recovered: true })
            };
            let read = resume(next, &mut sequence, (500, PAGE_BYTES_MAX), frame);
            assert_eq!(read, (1..=sequence.len() as u64).collect::<Vec<_>>(), "seed {seed}");
        }
    }

    #[test]
    fn changes_of_what_is_on_the_page_itself_are_in_it_already() {
        let mut dice = Dice(3);
        let mut entry = |seq, of| {
            let RoomEntry { message, .. } = message(seq, &mut dice);
            RoomEntry { seq, message: RoomMessage { seq: of, ..message } }
        };
        let items = vec![entry(11, 4), entry(12, 12), entry(13, 12), entry(14, 2), entry(15, 4)];
        let last = items[4].message.clone();
        let (new, changed) = Replayed { items, seq: 15, more: false }.into_messages(10);
        let new: Vec<_> = new.iter().map(|message| message.seq).collect();
        let numbers: Vec<_> = changed.iter().map(|changed| (changed.seq, changed.message.seq)).collect();
        assert_eq!((new, numbers), (vec![12], vec![(14, 2), (15, 4)]));
        assert_eq!(changed[1].message, last);
    }

    #[test]
    fn the_last_page_knows_the_latest_number() {
        let mut replay = Replay::<RoomEntry>::new(4, 10, 1000);
        assert_eq!(replay.seq(), 4);
        assert!(replay.push(message(5, &mut Dice(7))));
        assert_eq!(replay.finish(4).seq, 5, "it was stored after the look");
        assert_eq!(Replay::<RoomEntry>::new(4, 10, 1000).finish(9).seq, 9);
    }
}
