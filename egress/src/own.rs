//! Where this process itself listens: nobody has it talk to itself.

use std::{
    net::{IpAddr, SocketAddr, UdpSocket},
    sync::{Arc, PoisonError, RwLock},
};

/// The addresses that this process listens on. Cheap to clone; all clones are told.
#[derive(Debug, Clone, Default)]
pub(crate) struct OwnListeners(Arc<RwLock<Vec<SocketAddr>>>);

impl OwnListeners {
    pub(crate) fn add(&self, listener: SocketAddr) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).push(listener);
    }

    /// Whether something of ours listens on `port`, at whatever address.
    pub(crate) fn on(&self, port: u16) -> bool {
        self.any(|own| own.port() == port)
    }

    /// Whether a connection to `address` and `port` would end here.
    pub(crate) fn at(&self, address: IpAddr, port: u16) -> bool {
        self.any(|own| own.port() == port && is_at(own.ip(), address))
    }

    /// Whether something of ours listens at `address`, on whatever port.
    pub(crate) fn on_any_port_at(&self, address: IpAddr) -> bool {
        self.any(|own| is_at(own.ip(), address))
    }

    fn any(&self, matches: impl Fn(&SocketAddr) -> bool) -> bool {
        self.0.read().unwrap_or_else(PoisonError::into_inner).iter().any(matches)
    }
}

fn is_at(listener: IpAddr, address: IpAddr) -> bool {
    listener.to_canonical() == address || (listener.is_unspecified() && is_of_this_machine(address))
}

/// Only this machine's own addresses can be bound to. Asked anew each time: interfaces come and go.
fn is_of_this_machine(address: IpAddr) -> bool {
    UdpSocket::bind((address, 0)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_on_all_addresses_is_at_each_address_of_this_machine_and_no_other() {
        let own = OwnListeners::default();
        own.add("0.0.0.0:7880".parse().unwrap());
        assert!(own.at("127.0.0.1".parse().unwrap(), 7880));
        assert!(own.at("127.0.0.2".parse().unwrap(), 7880));
        assert!(!own.at("127.0.0.1".parse().unwrap(), 7881));
        assert!(!own.at("192.0.2.1".parse().unwrap(), 7880), "an address for documentation is not ours");
    }

    #[test]
    fn a_listener_on_one_address_is_there_alone() {
        let own = OwnListeners::default();
        own.add("127.0.0.1:7880".parse().unwrap());
        assert!(own.at("127.0.0.1".parse().unwrap(), 7880));
        assert!(!own.at("127.0.0.2".parse().unwrap(), 7880));
    }
}
