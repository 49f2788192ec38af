//! The dialler: the same judgement for other protocols.

use crate::stranger::{ALLOWED, FORBIDDEN, Names, Untouched, allowing, guard};
use egress::{Config, Dialler, Error, Guard};
use std::{net::SocketAddr, time::Duration};

const PATIENCE: Duration = Duration::from_secs(10);

#[tokio::test]
async fn a_host_inside_is_not_dialled_by_name_or_address() {
    let inside = Untouched::at(FORBIDDEN);
    let by_name = Dialler::new(&guard(&[&[FORBIDDEN]]), PATIENCE);
    for host in ["mail.example", "127.0.0.2", "::ffff:127.0.0.2", "[::ffff:127.0.0.2]"] {
        let error = by_name.connect(host, inside.port()).await.expect_err("refused");
        assert!(error.is_unsent(), "{host}");
    }
    inside.assert_nobody_came();
}

/// The operating system reads numbers as addresses, which the URL standard is not there to stop.
#[tokio::test]
async fn a_number_is_judged_by_what_the_operating_system_reads_it_as() {
    let inside = Untouched::at(ALLOWED);
    let dialler = Dialler::new(&Guard::new(Config::default()), PATIENCE);
    for host in ["2130706433", "0x7f000001", "0177.0.0.1", "127.1", "localhost"] {
        assert!(dialler.connect(host, inside.port()).await.is_err(), "{host}");
    }
    inside.assert_nobody_came();
}

#[tokio::test]
async fn a_dialled_connection_goes_where_was_judged() {
    let (names, asked) = Names::leading_to(&[&[FORBIDDEN, ALLOWED], &[FORBIDDEN]]);
    let dialler = Dialler::new(&Guard::with_resolver(allowing(), names), PATIENCE);
    let outside = Untouched::at(ALLOWED);
    let inside = Untouched::on(SocketAddr::new(FORBIDDEN.parse().expect("an address"), outside.port()));
    let stream = dialler.connect("mail.example", outside.port()).await.expect("connected");
    assert_eq!(stream.peer_addr().expect("an address").ip().to_string(), ALLOWED);
    assert_eq!(*asked.lock().expect("not poisoned"), 1);
    assert!(matches!(dialler.connect("mail.example", outside.port()).await, Err(Error::Dial(_))));
    inside.assert_nobody_came();
}

#[tokio::test]
async fn nobody_dials_our_own_listener() {
    let own = Untouched::at(ALLOWED);
    let guard = guard(&[&[ALLOWED]]);
    guard.add_own_listener(SocketAddr::new(ALLOWED.parse().expect("an address"), own.port()));
    let dialler = Dialler::new(&guard, PATIENCE);
    assert!(dialler.connect("mail.example", own.port()).await.is_err());
    assert!(dialler.connect(ALLOWED, own.port()).await.is_err());
    own.assert_nobody_came();
}
