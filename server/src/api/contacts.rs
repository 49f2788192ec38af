//! Contacts: customers, how channels name them, and which of them are the same person.

mod create;
mod erase;
mod export;
mod get;
mod identities;
mod list;
mod merges;
mod update;

use super::routes::{Routes, endpoints};
use common::permission::Permission;

pub(super) fn routes() -> Routes {
    Routes::of("contacts", "Customers, how channels name them, and which of them are the same person.")
        .needs(Permission::ContactsRead, endpoints![list::list, get::get, merges::list])
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
