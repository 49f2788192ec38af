//! A batch of an import's rows: contacts are recognised, created and changed together.

use super::{ImportedContact, Outcome};
use crate::{column, conversations, error::StoreError, outbox, tenant::TenantTx};
use common::{
    clock::Clock,
    id::{ContactId, ImportId},
};
use serde_json::{Map, Value};
use sqlx::query;
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    time::Duration,
};
use uuid::Uuid;

/// Rows that are worked on in one transaction, which holds up the account's inbox.
pub const BATCH: u16 = 1000;

/// Whether there is more to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// More rows wait.
    Going,
    /// All are done.
    Finished,
}

/// A contact as it is, or will be at the end of the batch.
struct State {
    name: String,
    email: Option<String>,
    phone: Option<String>,
    attributes: Map<String, Value>,
    is_new: bool,
}

/// What the rows of a batch are about.
#[derive(Default)]
struct Book {
    contacts: BTreeMap<ContactId, State>,
    by_email: Index,
    by_phone: Index,
}

/// Who has which address or number, as long as they have it.
#[derive(Default)]
struct Index(HashMap<String, BTreeSet<ContactId>>);

impl Index {
    /// Of several that have the same, the oldest.
    fn find(&self, key: Option<&String>) -> Option<ContactId> {
        self.0.get(key?)?.first().copied()
    }

    fn insert(&mut self, key: Option<String>, id: ContactId) {
        if let Some(key) = key {
            self.0.entry(key).or_default().insert(id);
        }
    }

    fn remove(&mut self, key: Option<&String>, id: ContactId) {
        if let Some(ids) = key.and_then(|key| self.0.get_mut(key)) {
            ids.remove(&id);
        }
    }
}

/// The outcome of a row.
struct Done {
    number: i32,
    outcome: Outcome,
    contact: Option<ContactId>,
    error: Option<&'static str>,
}

fn email_key(email: &str) -> String {
    email.to_lowercase()
}

/// `None` if it has no digits: nobody is recognised by that.
fn phone_key(phone: &str) -> Option<String> {
    let digits: String = phone.chars().filter(char::is_ascii_digit).collect();
    (!digits.is_empty()).then_some(digits)
}

/// Works on the next [`BATCH`] rows, and keeps others from this import for `lease`.
///
/// # Errors
/// [`StoreError::Unreadable`], [`StoreError::Database`].
pub async fn work(
    tx: &mut TenantTx,
    id: ImportId,
    lease: Duration,
    clock: &dyn Clock,
) -> Result<Progress, StoreError> {
    // Contacts are changed by channels too.
    outbox::lock(tx).await?;
    let rows = query!(
        r#"SELECT number, data FROM import_rows WHERE import_id = $1 AND outcome IS NULL ORDER BY number LIMIT $2"#,
        id.as_uuid(),
        i64::from(BATCH)
    )
    .fetch_all(tx.connection())
    .await?;
    if rows.is_empty() {
        let done = query!(
            "UPDATE imports SET finished_at = $2 WHERE id = $1 AND finished_at IS NULL",
            id.as_uuid(),
            clock.utc()
        );
        done.execute(tx.connection()).await?;
        return Ok(Progress::Finished);
    }
    let mut wanted = Vec::with_capacity(rows.len());
    for row in rows {
        let contact = row.data.and_then(|data| serde_json::from_value::<ImportedContact>(data).ok());
        wanted.push((row.number, contact.ok_or(StoreError::Unreadable { column: "data" })?));
    }
    let mut book = recognise(tx, &wanted).await?;
    let done: Vec<Done> =
        wanted.into_iter().map(|(number, contact)| book.enter(number, contact, clock)).collect();
    book.write(tx, clock).await?;
    report(tx, id, &done, lease, clock).await?;
    Ok(Progress::Going)
}

/// The contacts that the rows may be about.
async fn recognise(tx: &mut TenantTx, wanted: &[(i32, ImportedContact)]) -> Result<Book, StoreError> {
    let emails: Vec<String> =
        wanted.iter().filter_map(|(_, contact)| contact.email.as_deref().map(email_key)).collect();
    let phones: Vec<String> =
        wanted.iter().filter_map(|(_, contact)| contact.phone.as_deref().and_then(phone_key)).collect();
    let found = query!(
        "SELECT c.* FROM unnest($1::text[]) AS wanted (email_key) CROSS JOIN LATERAL (
             SELECT id, name, email, phone, attributes, email_key, phone_key FROM contacts
             WHERE email_key = wanted.email_key AND merged_into IS NULL OFFSET 0) c
         UNION
         SELECT c.* FROM unnest($2::text[]) AS wanted (phone_key) CROSS JOIN LATERAL (
             SELECT id, name, email, phone, attributes, email_key, phone_key FROM contacts
             WHERE phone_key = wanted.phone_key AND merged_into IS NULL OFFSET 0) c
         ORDER BY id",
        &emails,
        &phones
    )
    .fetch_all(tx.connection())
    .await?;
    let mut book = Book::default();
    for row in found {
        let Some(id) = row.id.map(ContactId::from_uuid) else { continue };
        book.by_email.insert(row.email_key, id);
        book.by_phone.insert(row.phone_key, id);
        let state = State {
            name: row.name.unwrap_or_default(),
            email: row.email,
            phone: row.phone,
            attributes: column::object(row.attributes.unwrap_or_default()),
            is_new: false,
        };
        book.contacts.insert(id, state);
    }
    Ok(book)
}

impl Book {
    /// Lets a row change the contact that is recognised in it, or be a new one.
    fn enter(&mut self, number: i32, row: ImportedContact, clock: &dyn Clock) -> Done {
        let (by_email, by_phone) =
            (row.email.as_deref().map(email_key), row.phone.as_deref().and_then(phone_key));
        let known = self.by_email.find(by_email.as_ref()).or_else(|| self.by_phone.find(by_phone.as_ref()));
        let before = known.and_then(|id| self.contacts.get(&id));
        let mut attributes = before.map(|state| state.attributes.clone()).unwrap_or_default();
        if conversations::merge(&mut attributes, &row.attributes).is_none() {
            let error = Some("the contact's attributes would have more than 16 KiB");
            return Done { number, outcome: Outcome::Failed, contact: known, error };
        }
        let id = known.unwrap_or_else(|| ContactId::generate(clock));
        let state = self.contacts.entry(id).or_insert_with(|| State {
            // Who has no name is called by what they are recognised by.
            name: row.email.as_ref().or(row.phone.as_ref()).cloned().unwrap_or_default(),
            email: None,
            phone: None,
            attributes: Map::new(),
            is_new: true,
        });
        state.attributes = attributes;
        if let Some(name) = row.name {
            state.name = name;
        }
        // What a row replaces nobody is recognised by any more, as if the next row were in another batch.
        if let Some(email) = row.email {
            let old = state.email.replace(email);
            self.by_email.remove(old.as_deref().map(email_key).as_ref(), id);
            self.by_email.insert(by_email, id);
        }
        if let Some(phone) = row.phone {
            let old = state.phone.replace(phone);
            self.by_phone.remove(old.as_deref().and_then(phone_key).as_ref(), id);
            self.by_phone.insert(by_phone, id);
        }
        let outcome = if known.is_some() { Outcome::Updated } else { Outcome::Created };
        Done { number, outcome, contact: Some(id), error: None }
    }

    async fn write(self, tx: &mut TenantTx, clock: &dyn Clock) -> Result<(), StoreError> {
        let account = tx.account_column();
        let (mut ids, mut names, mut emails, mut phones, mut attributes, mut new) =
            (Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for (id, state) in self.contacts {
            ids.push(id.as_uuid());
            names.push(column::text(&state.name).into_owned());
            emails.push(state.email.map(|email| column::text(&email).into_owned()));
            phones.push(state.phone.map(|phone| column::text(&phone).into_owned()));
            attributes.push(column::json(&Value::Object(state.attributes)));
            new.push(state.is_new);
        }
        query!(
            "WITH row AS (
                 SELECT * FROM unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::jsonb[], $7::boolean[])
                     AS row (id, name, email, phone, attributes, is_new)
             ), changed AS (
                 UPDATE contacts c SET name = row.name, email = row.email, phone = row.phone,
                                       attributes = row.attributes
                 FROM row
                 WHERE c.id = row.id AND NOT row.is_new
                   AND (c.name, c.email, c.phone, c.attributes)
                       IS DISTINCT FROM (row.name, row.email, row.phone, row.attributes)
             )
             INSERT INTO contacts (account_id, id, name, email, phone, attributes, created_at)
             SELECT $1, id, name, email, phone, attributes, $8 FROM row WHERE is_new",
            account,
            &ids,
            &names,
            &emails as &[Option<String>],
            &phones as &[Option<String>],
            &attributes,
            &new,
            clock.utc()
        )
        .execute(tx.connection())
        .await?;
        Ok(())
    }
}

async fn report(
    tx: &mut TenantTx,
    id: ImportId,
    done: &[Done],
    lease: Duration,
    clock: &dyn Clock,
) -> Result<(), StoreError> {
    let numbers: Vec<i32> = done.iter().map(|row| row.number).collect();
    let outcomes: Vec<String> = done.iter().map(|row| row.outcome.as_str().to_owned()).collect();
    let contacts: Vec<Option<Uuid>> = done.iter().map(|row| row.contact.map(ContactId::as_uuid)).collect();
    let errors: Vec<Option<String>> = done.iter().map(|row| row.error.map(str::to_owned)).collect();
    query!(
        "UPDATE import_rows r SET data = NULL, outcome = done.outcome, contact_id = done.contact_id, error = done.error
         FROM unnest($2::integer[], $3::text[], $4::uuid[], $5::text[]) AS done (number, outcome, contact_id, error)
         CROSS JOIN LATERAL (
             SELECT ctid FROM import_rows WHERE import_id = $1 AND number = done.number LIMIT 1
         ) AS place
         WHERE r.ctid = place.ctid",
        id.as_uuid(),
        &numbers,
        &outcomes,
        &contacts as &[Option<Uuid>],
        &errors as &[Option<String>]
    )
    .execute(tx.connection())
    .await?;
    let count = |outcome| {
        let count = done.iter().filter(|row| row.outcome == outcome).count();
        i32::try_from(count).unwrap_or(i32::MAX)
    };
    query!(
        "UPDATE imports SET created = created + $2, updated = updated + $3, failed = failed + $4, due_at = $5
         WHERE id = $1",
        id.as_uuid(),
        count(Outcome::Created),
        count(Outcome::Updated),
        count(Outcome::Failed),
        clock.utc() + lease
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}
