//! The HTTP client: who is sent to, and how much of an answer is read.

use crate::stranger::{ALLOWED, FORBIDDEN, Names, Server, Untouched, allowing, guard};
use egress::{Config, Error, Guard, HttpClient, Terms};
use std::{net::SocketAddr, time::Duration};

const PATIENCE: Duration = Duration::from_secs(10);

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok";

fn client(guard: &Guard) -> HttpClient {
    HttpClient::new(guard, Terms::within(PATIENCE)).expect("a client")
}

async fn post(client: &HttpClient, url: String) -> Result<u16, Error> {
    let answer = client.post(url.parse().expect("a URL")).body("secret".to_owned()).send().await?;
    Ok(answer.status().as_u16())
}

/// Everything that the error was caused by, as the operator's log has it.
fn causes(error: &Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}

/// Passes for the wrong reason if the listener could not be reached at all: with the address allowed,
/// the same request arrives.
#[tokio::test]
async fn a_name_that_leads_inside_is_not_connected_to() {
    let inside = Untouched::at(ALLOWED);
    let closed = Guard::with_resolver(Config::default(), Names::leading_to(&[&[ALLOWED]]).0);
    let url = format!("http://hook.example:{}/", inside.port());
    let error = post(&client(&closed), url).await.expect_err("refused");
    assert!(error.is_unsent());
    assert!(causes(&error).contains("127.0.0.1 is loopback (RFC 1122)"), "{}", causes(&error));
    inside.assert_nobody_came();

    let server = Server::answering(OK);
    let open = client(&guard(&[&[ALLOWED]]));
    assert_eq!(post(&open, format!("http://hook.example:{}/", server.port)).await.expect("sent"), 200);
}

/// A name that is public when it is looked at and inside when it is connected to.
#[tokio::test]
async fn a_name_that_turns_inside_is_refused_and_each_connection_goes_where_was_judged() {
    let server = Server::answering(OK);
    let inside = Untouched::on(SocketAddr::new(FORBIDDEN.parse().expect("an address"), server.port));
    let (names, asked) = Names::leading_to(&[&[ALLOWED], &[FORBIDDEN]]);
    let client = client(&Guard::with_resolver(allowing(), names));
    let url = format!("http://hook.example:{}/", server.port);
    assert_eq!(post(&client, url.clone()).await.expect("the first goes out"), 200);
    assert_eq!(*asked.lock().expect("not poisoned"), 1, "nobody looks again between judging and connecting");
    assert!(post(&client, url).await.expect_err("the second is refused").is_unsent());
    assert_eq!(*asked.lock().expect("not poisoned"), 2, "the first connection was closed");
    assert_eq!(server.served(), 1);
    inside.assert_nobody_came();
}

#[tokio::test]
async fn of_a_names_addresses_those_inside_are_not_tried() {
    let server = Server::answering(OK);
    let inside = Untouched::on(SocketAddr::new(FORBIDDEN.parse().expect("an address"), server.port));
    let client = client(&guard(&[&[FORBIDDEN, "::1", ALLOWED]]));
    assert_eq!(post(&client, format!("http://hook.example:{}/", server.port)).await.expect("sent"), 200);
    inside.assert_nobody_came();
}

/// A literal address never gets to a resolver.
#[tokio::test]
async fn a_literal_address_inside_is_not_connected_to_however_it_is_spelt() {
    let inside = Untouched::at(FORBIDDEN);
    let client = client(&guard(&[&[ALLOWED]]));
    for host in ["127.0.0.2", "2130706434", "0x7f000002", "0177.0.0.2", "127.2", "[::ffff:127.0.0.2]"] {
        let error = post(&client, format!("http://{host}:{}/", inside.port())).await.expect_err("refused");
        assert!(matches!(error, Error::Refused(_)), "{host}: {error:?}");
    }
    inside.assert_nobody_came();
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_not_followed() {
    let inside = Untouched::at(FORBIDDEN);
    let server = Server::answering(format!(
        "HTTP/1.1 307 Temporary Redirect\r\nlocation: http://127.0.0.2:{}/\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
        inside.port()
    ));
    let status = post(&client(&guard(&[])), format!("http://127.0.0.1:{}/", server.port)).await;
    assert_eq!(status.expect("an answer"), 307);
    inside.assert_nobody_came();
}

#[tokio::test]
async fn nobody_is_sent_to_our_own_listener_whatever_is_allowed() {
    let own = Untouched::at(ALLOWED);
    let guard = guard(&[&[ALLOWED]]);
    guard.add_own_listener(SocketAddr::new([0, 0, 0, 0].into(), own.port()));
    let client = client(&guard);
    for host in ["hook.example", ALLOWED] {
        let error = post(&client, format!("http://{host}:{}/", own.port())).await.expect_err("refused");
        assert!(causes(&error).contains("where this process itself listens"), "{}", causes(&error));
    }
    own.assert_nobody_came();
    let other = Server::answering(OK);
    assert_eq!(post(&client, format!("http://hook.example:{}/", other.port)).await.expect("sent"), 200);
}

#[tokio::test]
async fn what_the_operator_trusts_is_reached_and_its_neighbour_is_not() {
    let server = Server::answering(OK);
    let neighbour = Untouched::at(ALLOWED);
    let base = format!("http://127.0.0.1:{}/graph", server.port).parse().expect("a URL");
    let guard = Guard::new(Config::default());
    let client = HttpClient::new(&guard, Terms::within(PATIENCE).trusting(&base)).expect("a client");
    assert_eq!(post(&client, format!("http://127.0.0.1:{}/v1/x", server.port)).await.expect("sent"), 200);
    assert!(post(&client, format!("http://127.0.0.1:{}/v1/x", neighbour.port())).await.is_err());
    assert!(post(&client, format!("http://localhost:{}/v1/x", server.port)).await.is_err(), "another origin");
    neighbour.assert_nobody_came();
}

#[tokio::test]
async fn a_secret_goes_nowhere_in_the_clear_where_that_was_asked_for() {
    let inside = Untouched::at(ALLOWED);
    let terms = Terms::within(PATIENCE).https_only();
    let client = HttpClient::new(&guard(&[&[ALLOWED]]), terms).expect("a client");
    let error = post(&client, format!("http://hook.example:{}/", inside.port())).await.expect_err("refused");
    assert!(matches!(error, Error::Refused(egress::Refusal::Insecure)));
    inside.assert_nobody_came();
}

#[tokio::test]
async fn of_a_long_answer_no_more_is_read_than_was_asked_for() {
    let announced = Server::answering("HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\nx");
    let endless = Server::saying(vec![b"HTTP/1.1 200 OK\r\n\r\n".to_vec(), vec![b'x'; 1024]]);
    let client = client(&guard(&[]));
    for port in [announced.port, endless.port] {
        let url = format!("http://127.0.0.1:{port}/").parse().expect("a URL");
        let answer = client.get(url).send().await.expect("an answer");
        assert!(matches!(answer.bytes(10_000).await, Err(Error::TooLarge(10_000))));
    }
    let fits = Server::answering(OK);
    let url = format!("http://127.0.0.1:{}/", fits.port).parse().expect("a URL");
    let answer = client.get(url).send().await.expect("an answer");
    assert_eq!(answer.bytes(2).await.expect("it fits exactly").as_ref(), b"ok");
}

/// The time is the client's patience: a limit that did not hold would end the test by it.
#[tokio::test]
async fn an_answer_of_header_fields_without_end_is_cut_off() {
    let long = Server::saying(vec![b"HTTP/1.1 200 OK\r\nx: ".to_vec(), vec![b'x'; 65536]]);
    let many = Server::saying(vec![b"HTTP/1.1 200 OK\r\n".to_vec(), b"x: y\r\n".repeat(64)]);
    let client = client(&guard(&[]));
    for port in [long.port, many.port] {
        let error = post(&client, format!("http://127.0.0.1:{port}/")).await.expect_err("too much");
        assert!(!causes(&error).contains("timed out"), "{}", causes(&error));
    }
}

#[tokio::test]
async fn silence_ends_an_exchange() {
    let silent = Untouched::at(ALLOWED);
    let terms = Terms::within(Duration::from_millis(50));
    let client = HttpClient::new(&guard(&[]), terms).expect("a client");
    let error = post(&client, format!("http://127.0.0.1:{}/", silent.port())).await.expect_err("silence");
    assert!(!error.is_unsent(), "it may have been read");
}

/// The path of a webhook's address is often its secret.
#[tokio::test]
async fn no_error_says_the_url() {
    let closed = Untouched::at(ALLOWED).port();
    let client = client(&guard(&[&[FORBIDDEN]]));
    for url in
        [format!("http://127.0.0.1:{closed}/secret-path"), "http://hook.example/secret-path".to_owned()]
    {
        let error = post(&client, url).await.expect_err("nobody listens");
        assert!(!format!("{error:?} {}", causes(&error)).contains("secret-path"), "{error:?}");
    }
}
