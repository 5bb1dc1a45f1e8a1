//! Bytes of a terminal, read as keys.

/// What a person or a supervisor did at the keyboard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Key {
    /// Characters, and line feeds: only a carriage return is Enter.
    Text(String),
    /// A bracketed paste, whole. Its line breaks are line feeds, whichever way they came.
    Paste(String),
    /// Return.
    Enter,
    /// Backspace.
    Backspace,
    /// C-u.
    ClearLine,
    /// C-c.
    Interrupt,
    /// C-d.
    EndOfInput,
    /// Escape, not the beginning of a sequence.
    Escape,
}

const ESCAPE: u8 = 0x1b;
const PASTE_START: &[u8] = b"\x1b[200~";
const PASTE_END: &[u8] = b"\x1b[201~";

/// Bytes that came and are not yet a key.
#[derive(Debug, Default)]
pub(super) struct Keys(Vec<u8>);

impl Keys {
    /// Takes bytes as they were read, cut anywhere.
    pub(super) fn feed(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    /// The next key that is complete.
    pub(super) fn next(&mut self) -> Option<Key> {
        loop {
            let (used, key) = decode(&self.0)?;
            self.0.drain(..used);
            if key.is_some() {
                return key;
            }
        }
    }

    /// Whether an Escape waits for the rest of a sequence, which may never come.
    pub(super) fn is_undecided(&self) -> bool {
        self.0.first() == Some(&ESCAPE) && !self.0.starts_with(PASTE_START)
    }

    /// Reads an undecided Escape as the key.
    pub(super) fn decide(&mut self) -> Option<Key> {
        self.is_undecided().then(|| {
            self.0.remove(0);
            Key::Escape
        })
    }
}

/// How many bytes the first key takes, and the key unless it is one that means nothing here; none
/// while its end has not come.
fn decode(bytes: &[u8]) -> Option<(usize, Option<Key>)> {
    let key = match *bytes.first()? {
        ESCAPE => return decode_escape(bytes),
        b'\r' => Some(Key::Enter),
        b'\n' => Some(Key::Text("\n".to_owned())),
        0x03 => Some(Key::Interrupt),
        0x04 => Some(Key::EndOfInput),
        0x08 | 0x7f => Some(Key::Backspace),
        0x15 => Some(Key::ClearLine),
        control if control.is_ascii_control() => None,
        _ => return decode_text(bytes),
    };
    Some((1, key))
}

fn decode_escape(bytes: &[u8]) -> Option<(usize, Option<Key>)> {
    if let Some(rest) = bytes.strip_prefix(PASTE_START) {
        let length = rest
            .windows(PASTE_END.len())
            .position(|window| window == PASTE_END)?;
        let text = String::from_utf8_lossy(&rest[..length]);
        let text = text.replace("\r\n", "\n").replace('\r', "\n");
        let used = PASTE_START.len() + length + PASTE_END.len();
        return Some((used, Some(Key::Paste(text))));
    }
    match bytes.get(1)? {
        // Cursor keys and the like: an introducer, parameters, one final byte.
        b'[' | b'O' => {
            let is_final = |byte: &u8| (0x40..=0x7e).contains(byte);
            let parameters = bytes[2..].iter().position(is_final)?;
            Some((2 + parameters + 1, None))
        }
        _ => Some((1, Some(Key::Escape))),
    }
}

/// Characters up to the next control byte.
fn decode_text(bytes: &[u8]) -> Option<(usize, Option<Key>)> {
    let end = bytes.iter().position(u8::is_ascii_control);
    let run = &bytes[..end.unwrap_or(bytes.len())];
    let error = match std::str::from_utf8(run) {
        Ok(text) => return Some((run.len(), Some(Key::Text(text.to_owned())))),
        Err(error) => error,
    };
    let (used, text) = match (error.valid_up_to(), error.error_len()) {
        (0, None) if end.is_none() => return None,
        (0, length) => (length.unwrap_or(run.len()), "\u{fffd}".to_owned()),
        (valid, _) => (valid, String::from_utf8_lossy(&run[..valid]).into_owned()),
    };
    Some((used, Some(Key::Text(text))))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds byte by byte, the worst way to be cut.
    fn read(bytes: &[u8]) -> Vec<Key> {
        let mut keys = Keys::default();
        let mut read = Vec::new();
        for byte in bytes {
            keys.feed(&[*byte]);
            while let Some(key) = keys.next() {
                read.push(key);
            }
        }
        read.extend(keys.decide());
        read
    }

    fn text(text: &str) -> Key {
        Key::Text(text.to_owned())
    }

    #[test]
    fn a_paste_is_one_key_however_it_is_cut() {
        let paste = Key::Paste("a\nb\nc\x03".to_owned());
        let bytes = b"\x1b[200~a\rb\r\nc\x03\x1b[201~\r";
        assert_eq!(read(bytes), [paste, Key::Enter]);
    }

    #[test]
    fn escape_is_a_key_unless_a_sequence_follows() {
        assert_eq!(read(b"\x1b[A\x1bOPx"), [text("x")]);
        assert_eq!(read(b"\x1b\x1b"), [Key::Escape, Key::Escape]);
        assert_eq!(read(b"\x1bx"), [Key::Escape, text("x")]);
    }

    #[test]
    fn characters_of_several_bytes_are_put_together() {
        assert_eq!(read("é❯".as_bytes()), [text("é"), text("❯")]);
        assert_eq!(read(b"\xffa\xc3\r")[..2], [text("\u{fffd}"), text("a")]);
    }
}
