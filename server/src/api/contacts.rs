//! Contacts: customers, how channels name them, and which of them are the same person.

mod create;
mod erase;
mod export;
mod identities;
mod list;
mod merges;
mod update;

use super::{
    reading,
    routes::{Routes, endpoints},
};
use common::{id::ContactId, permission::Permission};
use store::contacts::{self, Contact};

pub(super) fn routes() -> Routes {
    Routes::of("contacts", "Customers, how channels name them, and which of them are the same person.")
        .needs(Permission::ContactsRead, endpoints![list::list, get, merges::list])
        .needs(
            Permission::ContactsManage,
            endpoints![
                create::create,
                update::update,
                identities::add,
                identities::remove,
                merges::merge_contacts,
                merges::undo
            ],
        )
        .needs(Permission::ContactsErase, endpoints![export::export, erase::erase])
}

reading::get!(Contact, ContactId, "/v1/contacts", "contact", contacts::find);
