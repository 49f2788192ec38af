//! Frames as clients send them, well-formed or not.

use super::*;

const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// A masked frame: its first byte is given.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    match payload.len() {
        short @ 0..126 => bytes.push(0x80 | u8::try_from(short).unwrap()),
        long @ 126..65_536 => {
            bytes.push(0x80 | 126);
            bytes.extend(u16::try_from(long).unwrap().to_be_bytes());
        }
        longer => {
            bytes.push(0x80 | 127);
            bytes.extend(u64::try_from(longer).unwrap().to_be_bytes());
        }
    }
    bytes.extend(MASK);
    bytes.extend(payload.iter().zip(MASK.into_iter().cycle()).map(|(byte, mask)| byte ^ mask));
    bytes
}

/// What is heard of `input`, handed over in pieces of so many bytes.
fn heard(input: &[u8], piece: usize) -> Result<Vec<String>, u16> {
    let (mut decoder, mut waiting, mut heard) = (Decoder::default(), Vec::new(), Vec::new());
    for piece in input.chunks(piece) {
        waiting.extend_from_slice(piece);
        loop {
            let (done, is_over) = match decoder.next(&mut waiting) {
                Ok((done, None)) => (done, true),
                Ok((done, Some(message))) => {
                    heard.push(format!("{message:?}"));
                    (done, false)
                }
                Err(End::Close { code, .. }) => return Err(code),
                Err(other) => panic!("{other:?}"),
            };
            waiting.drain(..done);
            if is_over {
                break;
            }
        }
    }
    assert!(waiting.is_empty() || heard.is_empty(), "the rest is no frame");
    Ok(heard)
}

/// The same, in whatever pieces it comes.
fn hear(input: &[u8]) -> Result<Vec<String>, u16> {
    let whole = heard(input, usize::MAX);
    for piece in [1, 2, 3, 5, 7, 64] {
        assert_eq!(heard(input, piece), whole, "in pieces of {piece}");
    }
    whole
}

/// The examples of RFC 6455, section 5.7, those of clients.
#[test]
fn the_examples_of_the_rfc_are_understood() {
    let masked = [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
    assert_eq!(hear(&masked).unwrap(), ["Text(\"Hello\")"]);
    let pong = [0x8a, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
    assert_eq!(hear(&pong).unwrap(), ["Pong"]);
}

#[test]
fn fragments_are_put_together_and_control_frames_may_come_between() {
    let split = "zwölf".as_bytes().split_at(3);
    let input = [frame(0x01, split.0), frame(0x89, b"are you there"), frame(0x00, b""), frame(0x80, split.1)]
        .concat();
    let ping = format!("Ping({:?})", b"are you there");
    assert_eq!(hear(&input).unwrap(), [ping.as_str(), "Text(\"zwölf\")"]);
    let binary = [frame(0x02, b"a"), frame(0x80, b"\xff")].concat();
    assert_eq!(hear(&binary).unwrap(), ["Binary"]);
}

#[test]
fn every_length_is_understood_up_to_the_longest() {
    for length in [0, 1, 7, 8, 9, 125, 126, 127, 65_535, 65_536, MESSAGE_BYTES_MAX] {
        let text = "x".repeat(length);
        assert_eq!(heard(&frame(0x81, text.as_bytes()), 4096).unwrap(), [format!("Text({text:?})")]);
    }
    assert_eq!(heard(&frame(0x81, &vec![b'x'; MESSAGE_BYTES_MAX + 1]), 4096), Err(1009));
    let endless = [frame(0x01, &vec![b'x'; MESSAGE_BYTES_MAX]), frame(0x00, b""), frame(0x00, b"x")].concat();
    assert_eq!(heard(&endless, 4096), Err(1009));
    // The length is enough: nothing waits for 2^63 bytes.
    let claim = [&[0x81, 0xff][..], &u64::MAX.to_be_bytes(), &MASK].concat();
    assert_eq!(hear(&claim), Err(1009));
}

#[test]
fn what_breaks_the_protocol_ends_it() {
    let unmasked = vec![0x81, 0x01, b'x'];
    let cases = [
        ("not masked", unmasked),
        ("RSV1", frame(0xc1, b"x")),
        ("RSV2", frame(0xa1, b"x")),
        ("RSV3", frame(0x91, b"x")),
        ("reserved data opcode", frame(0x83, b"x")),
        ("reserved control opcode", frame(0x8b, b"x")),
        ("fragmented ping", frame(0x09, b"x")),
        ("long ping", frame(0x89, &[b'x'; 126])),
        ("nothing to continue", frame(0x80, b"x")),
        ("two begun", [frame(0x01, b"x"), frame(0x81, b"x")].concat()),
        ("half a code", frame(0x88, &[3])),
        ("no such code", frame(0x88, &999_u16.to_be_bytes())),
        ("code that is never sent", frame(0x88, &1006_u16.to_be_bytes())),
        ("a length that fits into 7 bits, in 16", [&[0x81, 0xfe, 0, 1][..], &MASK, b"x"].concat()),
        (
            "a length that fits into 16 bits, in 64",
            [&[0x81, 0xff, 0, 0, 0, 0, 0, 0, 0, 1][..], &MASK, b"x"].concat(),
        ),
        ("reserved code", frame(0x88, &1004_u16.to_be_bytes())),
    ];
    for (what, input) in cases {
        assert_eq!(hear(&input), Err(1002), "{what}");
    }
}

#[test]
fn text_that_is_no_text_ends_it() {
    for (what, input) in [
        ("text", frame(0x81, b"\xff")),
        ("a surrogate", frame(0x81, b"\xed\xa0\x80")),
        ("half a character", frame(0x81, b"\xc3")),
        ("in fragments", [frame(0x01, b"\xc3"), frame(0x80, b"\x28")].concat()),
        ("in a fragment that is not the last", [frame(0x01, b"\xc3"), frame(0x00, b"\x28")].concat()),
        ("the reason of a close", frame(0x88, b"\x03\xe8\xff")),
    ] {
        assert_eq!(hear(&input), Err(1007), "{what}");
    }
}

#[test]
fn a_close_has_a_code_or_none() {
    assert_eq!(hear(&frame(0x88, b"")).unwrap(), ["Close(None)"]);
    for code in [1000_u16, 1001, 1011, 3000, 4999] {
        let payload = [&code.to_be_bytes()[..], b"bye"].concat();
        assert_eq!(hear(&frame(0x88, &payload)).unwrap(), [format!("Close(Some({code}))")]);
    }
}

/// Whatever comes, and in whatever pieces, it ends or goes on, and both the same way.
#[test]
fn what_is_heard_does_not_depend_on_how_it_arrives() {
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = move |below: u64| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) % below
    };
    let (mut went_on, mut ended) = (0, 0);
    for _ in 0..2000 {
        let mut input = Vec::new();
        for _ in 0..=next(5) {
            let first =
                [0x81, 0x01, 0x00, 0x80, 0x82, 0x89, 0x8a, 0x88, 0xc1][usize::try_from(next(9)).unwrap()];
            let payload: Vec<u8> = (0..next(140)).map(|_| u8::try_from(next(130)).unwrap()).collect();
            input.extend(frame(first, &payload));
        }
        match hear(&input) {
            Ok(_) => went_on += 1,
            Err(_) => ended += 1,
        }
    }
    assert!(went_on > 100 && ended > 100, "{went_on} went on, {ended} ended");
}
