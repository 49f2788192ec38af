//! The customer's phone: one for each data directory, at an address that nobody else on the machine has.

use super::{DemoError, Script};
use local_services::ports;
use std::{
    fs::{File, TryLockError},
    io,
    net::{SocketAddr, TcpListener},
    path::Path,
};

/// The file in the data directory that is locked while a customer is at the phone.
const LOCK_FILE: &str = "demo.lock";

/// Where the server sends replies to.
///
/// It is that of the last start, to which a customer may still be listening, unless another program has taken
/// it meanwhile.
///
/// # Errors
/// [`DemoError::Io`] or [`DemoError::Script`].
pub fn address(data_dir: &Path) -> Result<SocketAddr, DemoError> {
    let last = Script::read(data_dir)?.and_then(|script| script.phone);
    match last {
        Some(last) if TcpListener::bind(last).is_ok() || pick_up(data_dir)?.is_none() => Ok(last),
        Some(_) | None => Ok(ports::free()?),
    }
}

/// Keeps other customers of this data directory away until the file is dropped; none if one is there already.
pub(super) fn pick_up(data_dir: &Path) -> io::Result<Option<File>> {
    let file = File::create(data_dir.join(LOCK_FILE))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::SCRIPT_FILE;
    use local_services::scratch::Scratch;
    use std::fs;

    fn with_phone(phone: Option<SocketAddr>) -> Scratch {
        let directory = Scratch::new().unwrap();
        let script = serde_json::json!({
            "url": "http://127.0.0.1:1", "password": "", "webhookPath": "/", "appSecret": "",
            "accessToken": "", "phoneNumberId": "", "phone": phone,
        });
        fs::write(directory.join(SCRIPT_FILE), script.to_string()).unwrap();
        directory
    }

    #[test]
    fn the_phone_keeps_its_address_until_another_program_has_it() {
        let listener = TcpListener::bind(ports::free().unwrap()).unwrap();
        let taken = listener.local_addr().unwrap();
        let directory = with_phone(Some(taken));
        assert_ne!(address(directory.path()).unwrap(), taken, "another program listens there");
        let customer = pick_up(directory.path()).unwrap().unwrap();
        assert_eq!(address(directory.path()).unwrap(), taken, "the customer listens there");
        drop((customer, listener));
        assert_eq!(address(directory.path()).unwrap(), taken, "it is free again");
    }

    #[test]
    fn a_script_of_an_earlier_version_gets_an_address() {
        assert!(address(with_phone(None).path()).unwrap().ip().is_loopback());
    }

    #[test]
    fn one_customer_at_a_time_is_at_the_phone() {
        let directory = with_phone(None);
        let customer = pick_up(directory.path()).unwrap();
        assert!(customer.is_some());
        assert!(pick_up(directory.path()).unwrap().is_none());
        drop(customer);
        assert!(pick_up(directory.path()).unwrap().is_some());
    }
}
