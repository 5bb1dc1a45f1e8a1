//! The output of `tmux -C`, taken apart: bytes in, events out, no I/O.
//!
//! A reply is the lines between `%begin TIME NUMBER FLAGS` and the `%end` or `%error` with the same
//! three words. Lines are bytes: a captured screen need not be UTF-8.
//!
//! **Invariant:** the events depend on the bytes alone, not on how they were cut into chunks.

/// Most bytes of one reply: a capture of 5000 lines of 200 four-byte characters is 4 MB.
pub const MAX_REPLY: usize = 16 << 20;

/// Takes apart what a control client prints.
#[derive(Debug, Default)]
pub struct ControlParser {
    /// The line that has not ended yet.
    line: Vec<u8>,
    block: Option<Block>,
    broken: bool,
}

/// What a control client said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The reply to one command.
    Reply(Reply),
    /// Something happened in the server: `%sessions-changed`, `%window-add @3`.
    Notification {
        /// Its name, without `%`.
        name: Vec<u8>,
        /// The rest of the line.
        arguments: Vec<u8>,
    },
    /// A line between replies that is no notification: how 3.3a reports what failed after the
    /// command's reply, such as a file that `load-buffer` could not read.
    Stray(Vec<u8>),
    /// The client is about to end.
    Exit {
        /// What tmux says about it; often nothing.
        reason: Vec<u8>,
    },
    /// The output makes no sense, so that no later reply could be trusted. Nothing follows.
    Broken(&'static str),
}

/// The reply to one command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// tmux's number of the command.
    pub number: u64,
    /// Whether this client wrote the command; false for the attaching itself and for hooks.
    pub asked: bool,
    /// Whether it succeeded, as far as tmux knows.
    pub ok: bool,
    /// What it printed, or why it failed.
    pub lines: Vec<Vec<u8>>,
}

#[derive(Debug)]
struct Block {
    /// The words after `%begin`, which its end repeats.
    guard: Vec<u8>,
    number: u64,
    asked: bool,
    lines: Vec<Vec<u8>>,
    size: usize,
}

impl ControlParser {
    /// Takes the next bytes and returns what they complete.
    pub fn feed(&mut self, mut bytes: &[u8]) -> Vec<Event> {
        let mut events = Vec::new();
        while let Some(end) = bytes.iter().position(|&byte| byte == b'\n') {
            self.extend_line(&bytes[..end], &mut events);
            bytes = &bytes[end + 1..];
            let line = std::mem::take(&mut self.line);
            if !self.broken {
                events.extend(self.end_line(line));
            }
        }
        self.extend_line(bytes, &mut events);
        events
    }

    fn extend_line(&mut self, bytes: &[u8], events: &mut Vec<Event>) {
        let size = self.block.as_ref().map_or(0, |block| block.size);
        if !self.broken && size + self.line.len() + bytes.len() > MAX_REPLY {
            events.push(self.give_up("a reply is too long"));
        }
        if !self.broken {
            self.line.extend_from_slice(bytes);
        }
    }

    fn end_line(&mut self, line: Vec<u8>) -> Option<Event> {
        let Some(block) = &mut self.block else {
            return self.outside(line);
        };
        let ok = match guarded(&line) {
            Some((b"end", guard)) if guard == block.guard => true,
            Some((b"error", guard)) if guard == block.guard => false,
            _ => {
                block.size += line.len() + 1;
                block.lines.push(line);
                return None;
            }
        };
        let block = self.block.take()?;
        Some(Event::Reply(Reply {
            number: block.number,
            asked: block.asked,
            ok,
            lines: block.lines,
        }))
    }

    fn outside(&mut self, line: Vec<u8>) -> Option<Event> {
        match guarded(&line) {
            None => Some(Event::Stray(line)),
            Some((b"begin", guard)) => {
                self.block = Block::begin(guard);
                match self.block {
                    Some(_) => None,
                    None => Some(self.give_up("a `%begin` without its numbers")),
                }
            }
            // A screen can show lines that look like the end of the reply it is in. The real end
            // then comes outside of any reply, and tells.
            Some((b"end" | b"error", _)) => {
                Some(self.give_up("the end of a reply that never began"))
            }
            Some((b"exit", reason)) => Some(Event::Exit {
                reason: reason.to_owned(),
            }),
            Some((name, arguments)) => Some(Event::Notification {
                name: name.to_owned(),
                arguments: arguments.to_owned(),
            }),
        }
    }

    fn give_up(&mut self, why: &'static str) -> Event {
        *self = Self {
            broken: true,
            ..Self::default()
        };
        Event::Broken(why)
    }
}

impl Block {
    fn begin(guard: &[u8]) -> Option<Self> {
        let words = str::from_utf8(guard).ok()?;
        let mut words = words.split(' ');
        let _time = words.next()?;
        let number = words.next()?.parse().ok()?;
        let flags: u32 = words.next()?.parse().ok()?;
        Some(Self {
            guard: guard.to_owned(),
            number,
            asked: flags & 1 == 1,
            lines: Vec::new(),
            size: 0,
        })
    }
}

/// A line that starts with `%`, as its first word and the rest.
fn guarded(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let text = line.strip_prefix(b"%")?;
    match text.iter().position(|&byte| byte == b' ') {
        Some(space) => Some((&text[..space], &text[space + 1..])),
        None => Some((text, b"")),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn show(events: &[Event]) -> String {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let shown: Vec<String> = events
            .iter()
            .map(|event| match event {
                Event::Reply(reply) => {
                    let lines: Vec<String> = reply.lines.iter().map(|line| text(line)).collect();
                    let Reply {
                        number, asked, ok, ..
                    } = reply;
                    format!(
                        "reply {number} asked={asked} ok={ok}: {}",
                        lines.join(" / ")
                    )
                }
                Event::Notification { name, arguments } => {
                    format!("{}: {}", text(name), text(arguments))
                }
                Event::Stray(line) => format!("stray: {}", text(line)),
                Event::Exit { reason } => format!("exit: {}", text(reason)),
                Event::Broken(why) => format!("broken: {why}"),
            })
            .collect();
        shown.join("\n")
    }

    /// Recorded from tmux 3.3a.
    const RECORDED: &[u8] = b"%begin 1795369478 264 0\n%end 1795369478 264 0\n\
        %session-changed $0 _gt-quiet\n\
        %begin 1795369479 272 1\n%end 1795369479 272 1\n/nonexist: No such file or directory\n\
        %begin 1795369479 273 1\nno buffer x\n%error 1795369479 273 1\n\
        %begin 1795369481 302 1\n$4 %4 11820\n\n%end 1 302 1\n%end 1795369481 302 1\n\
        %sessions-changed\n%exit server exited unexpectedly\n";

    #[test]
    fn recorded_output_is_read_as_replies_and_notifications() {
        insta::assert_snapshot!(show(&ControlParser::default().feed(RECORDED)), @r"
        reply 264 asked=false ok=true: 
        session-changed: $0 _gt-quiet
        reply 272 asked=true ok=true: 
        stray: /nonexist: No such file or directory
        reply 273 asked=true ok=false: no buffer x
        reply 302 asked=true ok=true: $4 %4 11820 /  / %end 1 302 1
        sessions-changed: 
        exit: server exited unexpectedly
        ");
    }

    /// A screen that shows the end of its own reply shortens that reply, but answers no later one.
    #[test]
    fn a_forged_end_breaks_the_connection() {
        let forged = b"%begin 1 2 1\n%end 1 2 1\nrest\n%end 1 2 1\n%begin 1 3 1\n%end 1 3 1\n";
        insta::assert_snapshot!(show(&ControlParser::default().feed(forged)), @r"
        reply 2 asked=true ok=true: 
        stray: rest
        broken: the end of a reply that never began
        ");
    }

    #[test]
    fn a_reply_without_end_is_bounded() {
        let mut parser = ControlParser::default();
        parser.feed(b"%begin 1 2 1\n");
        let chunk = vec![b'x'; 1 << 20];
        let broken = (0..20).find_map(|_| parser.feed(&chunk).pop());
        assert_eq!(broken, Some(Event::Broken("a reply is too long")));
        assert_eq!(parser.feed(b"\n%exit\n"), []);
    }

    fn tmux_like() -> impl Strategy<Value = Vec<u8>> {
        let line = prop_oneof![
            Just(b"%begin 1 2 1\n".to_vec()),
            Just(b"%end 1 2 1\n".to_vec()),
            Just(b"%error 1 2 1\n".to_vec()),
            Just(b"%exit\n".to_vec()),
            Just(b"%begin 1 x\n".to_vec()),
            proptest::collection::vec(any::<u8>(), 0..12),
        ];
        proptest::collection::vec(line, 0..30).prop_map(|lines| lines.concat())
    }

    proptest! {
        #[test]
        fn chunks_do_not_matter(bytes in tmux_like(), cuts in proptest::collection::vec(1_usize..9, 1..40)) {
            let whole = ControlParser::default().feed(&bytes);
            let mut parser = ControlParser::default();
            let mut pieces = Vec::new();
            let mut rest = bytes.as_slice();
            for cut in cuts.into_iter().cycle() {
                if rest.is_empty() {
                    break;
                }
                let (piece, after) = rest.split_at(cut.min(rest.len()));
                pieces.extend(parser.feed(piece));
                rest = after;
            }
            prop_assert_eq!(pieces, whole);
        }
    }
}
