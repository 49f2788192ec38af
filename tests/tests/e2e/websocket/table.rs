//! `cases.txt` as bytes to be sent and things to be heard; the file says how it is written.

use switchboard_tests::raw;

/// One connection: what is sent, and what must come back.
pub(super) struct Case {
    pub(super) id: String,
    pub(super) steps: Vec<Step>,
    pub(super) back: Vec<Expected>,
    pub(super) end: End,
}

pub(super) enum Step {
    Write(Vec<u8>),
    /// For a moment the connection stays open.
    Quiet,
    /// The rest is for a server that has not failed the connection a moment later.
    Late,
}

pub(super) struct Expected {
    pub(super) what: What,
    pub(super) is_optional: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum What {
    /// Of the request with this id.
    Answer(String),
    /// An error without an id.
    Refused,
    Pong(Vec<u8>),
}

pub(super) enum End {
    /// The client closes, once everything has come.
    Bye,
    /// The client's close is answered by one of these.
    Closes(Vec<Option<u16>>),
    /// The server closes by one of these.
    Fails(Vec<Option<u16>>),
}

/// All cases.
pub(super) fn cases() -> Vec<Case> {
    let lines = include_str!("cases.txt").lines();
    lines.filter(|line| !line.is_empty() && !line.starts_with('#')).flat_map(line).collect()
}

fn line(line: &str) -> Vec<Case> {
    let mut columns = line.splitn(3, '|').map(str::trim);
    let mut column = || columns.next().unwrap_or_else(|| panic!("not a case: {line}"));
    let (id, sent, back) = (column(), column(), column());
    let Some(frame) = sent.strip_prefix("both ") else { return vec![case(id.to_owned(), sent, back)] };
    vec![
        case(id.to_owned(), frame, back),
        case(format!("{id} in fragments of a byte"), &format!("by 1 {frame}"), back),
    ]
}

fn case(id: String, sent: &str, back: &str) -> Case {
    let mut script = Script { ask: id.clone(), steps: Vec::new(), writes: Writes::Joined, begun: 0 };
    for step in pieces(sent, ';') {
        script.step(step);
    }
    let Script { ask, steps, .. } = script;
    let mut back = pieces(back, ',');
    let end = back.pop().expect("an end");
    let end = match end.split_once(' ') {
        None if end == "bye" => End::Bye,
        Some(("closes", codes)) => End::Closes(codes_of(codes)),
        Some(("fails", codes)) => End::Fails(codes_of(codes)),
        _ => panic!("no end of a case: {end}"),
    };
    Case { id, steps, back: back.into_iter().flat_map(|what| expected(what, &ask)).collect(), end }
}

fn codes_of(codes: &str) -> Vec<Option<u16>> {
    codes.split('|').map(|code| (code != "none").then(|| number(code))).collect()
}

fn expected(text: &str, ask: &str) -> Vec<Expected> {
    let (what, is_optional) = text.strip_suffix('?').map_or((text, false), |what| (what, true));
    let (what, times) = match what.split_once('*') {
        Some((what, times)) if !what.starts_with("pong") => (what, number(times)),
        _ => (what, 1),
    };
    let what = match what.split_once(' ') {
        None if what == "answer" => What::Answer(ask.to_owned()),
        None if what == "refused" => What::Refused,
        None if what == "pong" => What::Pong(Vec::new()),
        Some(("pong", payload)) => What::Pong(literal(payload)),
        _ => panic!("nothing that could come back: {what}"),
    };
    (0..times).map(|_| Expected { what: what.clone(), is_optional }).collect()
}

/// How steps become writes.
enum Writes {
    Joined,
    Each,
    Chopped(usize),
}

struct Script {
    /// The id of requests.
    ask: String,
    steps: Vec<Step>,
    writes: Writes,
    /// Bytes of the payload of the frame that was begun.
    begun: usize,
}

impl Script {
    fn step(&mut self, step: &str) {
        let mut words = pieces(step, ' ').into_iter();
        match words.next().expect("a step") {
            "sync" => self.writes = Writes::Each,
            "chop" => self.writes = Writes::Chopped(number(words.next().expect("a number"))),
            "quiet" => self.steps.push(Step::Quiet),
            "late" => self.steps.push(Step::Late),
            "bytes" => self.write(literal(words.next().expect("bytes"))),
            "begin" => {
                let first = raw::FIN | opcode(words.next().expect("an opcode"));
                self.write(raw::header(first, number(words.next().expect("a length"))));
                self.begun = 0;
            }
            "part" => {
                let piece = literal(words.next().expect("bytes"));
                self.write(raw::masked(self.begun, &piece).collect());
                self.begun += piece.len();
            }
            _ => self.frames(step),
        }
    }

    fn frames(&mut self, step: &str) {
        let (mut first, mut fragment, mut times, mut payload) = (raw::FIN, usize::MAX, 1, Vec::new());
        let mut words = pieces(step, ' ').into_iter();
        while let Some(word) = words.next() {
            let mut count = || number::<usize>(words.next().expect("a number"));
            match word {
                "more" => first &= !raw::FIN,
                "rsv" => first |= u8::try_from(count() << 4).expect("three bits"),
                "op" => first |= u8::try_from(count()).expect("an opcode"),
                "by" => fragment = count(),
                "times" => times = count(),
                "text" | "binary" | "cont" | "ping" | "pong" | "close" => first |= opcode(word),
                bytes => payload = self.payload(bytes),
            }
        }
        for _ in 0..times {
            if payload.len() <= fragment {
                self.write(raw::frame(first, &payload));
                continue;
            }
            let last = payload.len().div_ceil(fragment) - 1;
            for (at, piece) in payload.chunks(fragment).enumerate() {
                let opcode = if at == 0 { first & !raw::FIN } else { raw::CONTINUATION };
                self.write(raw::frame(if at == last { opcode | raw::FIN } else { opcode }, piece));
            }
        }
    }

    fn write(&mut self, bytes: Vec<u8>) {
        match (&self.writes, self.steps.last_mut()) {
            (Writes::Joined, Some(Step::Write(before))) => before.extend(bytes),
            (Writes::Joined | Writes::Each, _) => self.steps.push(Step::Write(bytes)),
            (Writes::Chopped(size), _) => {
                self.steps.extend(bytes.chunks(*size).map(|piece| Step::Write(piece.to_vec())));
            }
        }
    }

    fn payload(&mut self, text: &str) -> Vec<u8> {
        let atom = |atom: &&str| match atom.strip_prefix("ask") {
            Some(how) => self.request(how),
            None if atom.starts_with('"') => literal(atom),
            None => number::<u16>(atom).to_be_bytes().to_vec(),
        };
        pieces(text, '+').iter().flat_map(atom).collect()
    }

    /// A request, or a part of one. Its id is at its end, so that nobody finds it who has lost something before.
    fn request(&mut self, how: &str) -> Vec<u8> {
        let (how, part) = match how.strip_suffix(']').and_then(|how| how.rsplit_once('[')) {
            Some((how, part)) => (how, part.split_once('/').expect("a part of parts")),
            None => (how, ("1", "1")),
        };
        let length = how.strip_prefix('(').and_then(|how| how.strip_suffix(')')).map(number::<usize>);
        if how.starts_with('"') {
            self.ask = String::from_utf8(literal(how)).expect("an id is a text");
        }
        let with = |filler: &str| {
            let ask = &self.ask;
            format!(r#"{{"jsonrpc":"2.0","method":"no.such","params":"{filler}","id":"{ask}"}}"#).into_bytes()
        };
        let missing = length.map_or(0, |length| length - with("").len());
        let whole = with(&"*".repeat(missing));
        let (part, parts) = (number::<usize>(part.0), number::<usize>(part.1));
        whole[whole.len() * (part - 1) / parts..whole.len() * part / parts].to_vec()
    }
}

fn opcode(word: &str) -> u8 {
    match word {
        "text" => raw::TEXT,
        "binary" => raw::BINARY,
        "cont" => raw::CONTINUATION,
        "ping" => raw::PING,
        "pong" => raw::PONG,
        "close" => raw::CLOSE,
        _ => panic!("no opcode: {word}"),
    }
}

fn number<T: std::str::FromStr>(text: &str) -> T {
    text.parse().unwrap_or_else(|_| panic!("no number, or too large: {text}"))
}

/// `"…"` with `\xNN`, perhaps `*N`.
fn literal(text: &str) -> Vec<u8> {
    let (text, times) = text.strip_prefix('"').and_then(|text| text.rsplit_once('"')).expect("a literal");
    let mut pieces = text.split("\\x");
    let mut bytes = pieces.next().expect("a beginning").as_bytes().to_vec();
    for piece in pieces {
        let (code, rest) = piece.split_at(2);
        bytes.push(u8::from_str_radix(code, 16).expect("two digits"));
        bytes.extend(rest.as_bytes());
    }
    bytes.repeat(times.strip_prefix('*').map_or(1, number))
}

/// The pieces between separators, but for those within quotation marks.
fn pieces(text: &str, separator: char) -> Vec<&str> {
    let mut is_quoted = false;
    let at = |char: char| {
        is_quoted ^= char == '"';
        char == separator && !is_quoted
    };
    text.split(at).map(str::trim).collect()
}
