use super::{
    attribute::{ICE_CONTROLLED, ICE_CONTROLLING, PRIORITY, USE_CANDIDATE},
    kind::{BINDING_ERROR, BINDING_REQUEST, BINDING_SUCCESS},
    read::{ATTRIBUTES_MAX, Addressee, Message},
    write::Writer,
    *,
};

/// A message that nobody signed.
fn plain(kind: u16, attributes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(attributes.len()).unwrap();
    [&kind.to_be_bytes()[..], &length.to_be_bytes(), &COOKIE, &[7; 12], attributes].concat()
}

/// "abcd:efg", and then as many attributes without a value.
fn named(others: usize) -> Vec<u8> {
    [&[0, 6, 0, 8][..], b"abcd:efg", &[0, 1, 0, 0].repeat(others)].concat()
}

fn is_for(kind: u16, attributes: &[u8], expected: Option<Addressee<'_>>) {
    let datagram = plain(kind, attributes);
    assert_eq!(Message::parse(&datagram).as_ref().and_then(Message::addressee), expected);
}

fn bytes(hex: &str) -> Vec<u8> {
    let pairs = hex.as_bytes().as_chunks::<2>().0;
    pairs.iter().map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

/// The example requests and responses of RFC 5769, sections 2.1 to 2.3, whose password is the same.
const SAMPLE_PASSWORD: &str = "VOkJxbRl1RmTxUk/WvJxBt";
const SAMPLE_REQUEST: &str = "000100582112a442b7e7a701bc34d686fa87dfae802200105354554e207465737420636c69656e74002400046e0001ff80290008932ff9b151263b36000600096576746a3a68367659202020000800149aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a280280004e57a3bcf";
const SAMPLE_RESPONSE_V4: &str = "0101003c2112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f7220002000080001a147e112a643000800142b91f599fd9e90c38c7489f92af9ba53f06be7d780280004c07d4c96";
const SAMPLE_RESPONSE_V6: &str = "010100482112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f7220002000140002a1470113a9faa5d3f179bc25f4b5bed2b9d900080014a382954e4be67bf11784c97c8292c275bfe3ed4180280004c8fb0b4c";

#[test]
fn the_examples_of_rfc_5769_are_read() {
    let key = Key::new(SAMPLE_PASSWORD);
    let request = bytes(SAMPLE_REQUEST);
    let message = Message::parse(&request).unwrap();
    assert_eq!(message.addressee(), Some(Addressee::Named("evtj")));
    assert!(message.is_signed_with(&key) && message.claims_controlled() && !message.nominates());
    assert!(!message.is_signed_with(&Key::new("another")));
    assert_eq!(message.unknown(), &[0; 0]);
    for response in [SAMPLE_RESPONSE_V4, SAMPLE_RESPONSE_V6] {
        let response = bytes(response);
        let message = Message::parse(&response).unwrap();
        assert_eq!(message.addressee(), Some(Addressee::Asker));
        assert!(message.is_signed_with(&key) && message.is_success());
        assert_eq!(message.transaction(), response[8..20]);
    }
}

/// With its checksum, and without one: the code alone must do.
#[test]
fn a_message_of_which_one_bit_is_changed_is_not_authentic() {
    let (key, whole) = (Key::new(SAMPLE_PASSWORD), bytes(SAMPLE_REQUEST));
    let mut bare = whole[..whole.len() - FINGERPRINT_BYTES].to_vec();
    bare[3] -= 8;
    let is_authentic = |message: &[u8]| Message::parse(message).is_some_and(|it| it.is_signed_with(&key));
    for request in [&bare, &whole] {
        assert!(is_authentic(request));
        for bit in 0..bare.len() * 8 {
            let mut changed = request.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(!is_authentic(&changed), "bit {bit}");
        }
    }
    let unsigned = plain(BINDING_REQUEST, &named(0));
    assert!(!Message::parse(&unsigned).unwrap().is_signed_with(&key));
}

/// The addresses of RFC 5769, sections 2.2 and 2.3.
#[test]
fn addresses_are_masked_as_in_the_examples_of_rfc_5769() {
    let transaction = *bytes(SAMPLE_REQUEST)[8..].first_chunk().unwrap();
    let examples = [
        ("192.0.2.1:32853", SAMPLE_RESPONSE_V4),
        ("[2001:db8:1234:5678:11:2233:4455:6677]:32853", SAMPLE_RESPONSE_V6),
    ];
    for (address, example) in examples {
        let mut out = vec![1, 2, 3];
        Writer::new(&mut out, BINDING_SUCCESS, transaction)
            .mapped_address(address.parse().unwrap(), transaction)
            .sign(&Key::new(SAMPLE_PASSWORD));
        let (before, written) = out.split_at(3);
        assert_eq!(before, [1, 2, 3], "what was there stays");
        let length = usize::from(written[23]) + 4;
        let (written, example) = (&written[20..][..length], &bytes(example)[36..][..length]);
        assert_eq!(written, example);
    }
}

#[test]
fn what_is_written_is_read() {
    let (ours, theirs) = (Key::new("our password"), Key::new("their password"));
    let mut out = Vec::new();
    Writer::new(&mut out, BINDING_REQUEST, [3; 12])
        .username("theirs", "ours")
        .attribute(PRIORITY, &[&[0x6E, 0x7F, 0, 0xFF]])
        .attribute(ICE_CONTROLLING, &[&[0; 8]])
        .attribute(USE_CANDIDATE, &[])
        .sign(&theirs);
    let message = Message::parse(&out).unwrap();
    assert!(message.is_request() && message.nominates() && !message.claims_controlled());
    assert_eq!((message.addressee(), message.transaction()), (Some(Addressee::Named("theirs")), [3; 12]));
    assert!(message.is_signed_with(&theirs) && !message.is_signed_with(&ours));
    assert_eq!(crc32(b"123456789"), 0xCBF4_3926, "the checksum's own example");
}

#[test]
fn a_refusal_names_what_is_not_understood() {
    for unknown in [&[0x0030_u16][..], &[0x0030, 0x7FFF], &[]] {
        let mut out = Vec::new();
        let refusal = if unknown.is_empty() { Refusal::RoleConflict } else { Refusal::UnknownAttribute };
        Writer::new(&mut out, BINDING_ERROR, [3; 12]).refusal(refusal, unknown).sign(&Key::new("pwd"));
        let message = Message::parse(&out).unwrap();
        assert!(message.is_signed_with(&Key::new("pwd")) && !message.is_success());
        let code = if unknown.is_empty() { [4, 87] } else { [4, 20] };
        assert_eq!(out[26..28], code);
        let list = [&[0, 0x0A, 0][..], &[u8::try_from(unknown.len() * 2).unwrap()]].concat();
        let at = out.windows(4).position(|window| window == list);
        assert_eq!(at.is_some(), !unknown.is_empty());
        for (place, kind) in unknown.iter().enumerate() {
            assert_eq!(out[at.unwrap() + 4 + 2 * place..][..2], kind.to_be_bytes());
        }
    }
}

#[test]
fn what_has_to_be_understood_and_is_not_is_told() {
    let attributes = [&named(0)[..], &[0, 0x30, 0, 0], &[0xC0, 0x57, 0, 0], &[0x7F, 0xFF, 0, 0]].concat();
    let datagram = plain(BINDING_REQUEST, &attributes);
    assert_eq!(Message::parse(&datagram).unwrap().unknown(), [0x30, 0x7FFF]);
}

/// The attack: whoever is on the way adds that media is to come elsewhere.
#[test]
fn what_follows_the_signature_does_not_count() {
    let mut out = Vec::new();
    Writer::new(&mut out, BINDING_REQUEST, [3; 12]).username("a", "b").sign(&Key::new("pwd"));
    out.truncate(out.len() - FINGERPRINT_BYTES);
    out.extend([0, 0x25, 0, 0, 0x80, 0x29, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0x30, 0, 0]);
    let length = u16::try_from(out.len() - HEADER_BYTES).unwrap();
    out[2..4].copy_from_slice(&length.to_be_bytes());
    let message = Message::parse(&out).unwrap();
    assert!(message.is_signed_with(&Key::new("pwd")), "and no checksum is needed");
    assert!(!message.nominates() && !message.claims_controlled() && message.unknown().is_empty());
}

#[test]
fn a_request_is_for_whom_it_names_and_a_response_for_who_asked() {
    is_for(BINDING_REQUEST, &named(0), Some(Addressee::Named("abcd")));
    is_for(BINDING_REQUEST, &[], None);
    is_for(BINDING_REQUEST, &[0, 6, 0, 4, b'a', b'b', b'c', b'd'], None);
    is_for(BINDING_REQUEST, &[0, 6, 0, 4, 0xFF, b':', b'c', b'd'], None);
    is_for(BINDING_SUCCESS, &[], Some(Addressee::Asker));
    // An indication, and what a relay is asked for.
    is_for(0x0011, &named(0), None);
    is_for(0x0003, &named(0), None);
}

#[test]
fn a_value_may_be_padded_but_not_be_cut_off() {
    let padded = [&[0, 6, 0, 5][..], b"a:bcd\0\0\0", &[0, 0x25, 0, 0]].concat();
    is_for(BINDING_REQUEST, &padded, Some(Addressee::Named("a")));
    for end in 0..padded.len() {
        let cut = plain(BINDING_REQUEST, &padded[..end]);
        let whole = end == padded.len() - 4;
        let is_read = Message::parse(&cut).is_some_and(|message| message.addressee().is_some());
        assert_eq!(is_read, whole, "after {end} bytes");
    }
    let mut lying = plain(BINDING_REQUEST, &padded);
    lying.extend([0; 4]);
    assert!(Message::parse(&lying).is_none());
}

#[test]
fn a_code_or_checksum_of_another_length_or_place_is_refused() {
    let code = [&[0, 8, 0, 16][..], &[0; 16]].concat();
    assert!(Message::parse(&plain(BINDING_REQUEST, &code)).is_none());
    let checksum = [0x80, 0x28, 0, 4, 1, 2, 3, 4];
    assert!(Message::parse(&plain(BINDING_REQUEST, &checksum)).is_none());
    let mut early = plain(BINDING_REQUEST, &[0x80, 0x28, 0, 4, 0, 0, 0, 0, 0, 0x25, 0, 0]);
    let right = fingerprint(&early[..HEADER_BYTES]).to_be_bytes();
    early[24..28].copy_from_slice(&right);
    assert!(Message::parse(&early).is_none(), "it ends the message");
}

#[test]
fn more_attributes_than_a_client_has_are_refused() {
    let parsed = |attributes: &[u8]| Message::parse(&plain(BINDING_REQUEST, attributes)).is_some();
    assert!(parsed(&named(ATTRIBUTES_MAX - 1)));
    assert!(!parsed(&named(ATTRIBUTES_MAX)));
    assert!(!parsed(&[0, 0x30, 0, 0].repeat(ATTRIBUTES_MAX + 1)));
    assert_eq!(ICE_CONTROLLED & attribute::OPTIONAL, attribute::OPTIONAL);
}
