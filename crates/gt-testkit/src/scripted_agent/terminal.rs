//! The terminal that an agent fills.

use std::io;

use rustix::stdio::{stdin, stdout};
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};

use super::display::Size;

/// Alternate screen, bracketed paste.
const ENTER: &[u8] = b"\x1b[?1049h\x1b[?2004h\x1b[2J";

/// The reverse of [`ENTER`] and of what a frame may have left.
const LEAVE: &[u8] = b"\x1b[?7h\x1b[?2004l\x1b[?25h\x1b[?1049l";

/// Taken for a terminal that does not know its size.
const USUAL: Size = Size {
    rows: 24,
    columns: 80,
};

/// Standard input and output in raw mode; put back when dropped.
#[derive(Debug)]
pub(super) struct Terminal {
    before: Termios,
}

impl Terminal {
    /// Takes the terminal.
    pub(super) fn take() -> io::Result<Self> {
        tcgetattr(stdout())?;
        let before = tcgetattr(stdin())?;
        let terminal = Self { before };
        terminal.set_raw()?;
        terminal.write(ENTER);
        Ok(terminal)
    }

    /// Sets it up anew after a stop, during which a shell may have had it.
    pub(super) fn retake(&self) {
        // A terminal that is gone is noticed by reading it.
        let _ = self.set_raw();
        self.write(ENTER);
    }

    /// Its size.
    pub(super) fn size(&self) -> Size {
        match tcgetwinsize(stdout()) {
            Ok(size) if size.ws_row > 0 && size.ws_col > 0 => Size {
                rows: size.ws_row,
                columns: size.ws_col,
            },
            _ => USUAL,
        }
    }

    /// Writes it all.
    pub(super) fn write(&self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            match rustix::io::retry_on_intr(|| rustix::io::write(stdout(), bytes)) {
                Ok(count) => bytes = &bytes[count..],
                // A terminal that is gone is noticed by reading it.
                Err(_) => return,
            }
        }
    }

    /// Reads what was typed; none when the terminal is gone.
    pub(super) fn read<'a>(&self, buffer: &'a mut [u8]) -> Option<&'a [u8]> {
        match rustix::io::retry_on_intr(|| rustix::io::read(stdin(), &mut *buffer)) {
            Ok(0) | Err(_) => None,
            Ok(count) => Some(&buffer[..count]),
        }
    }

    fn set_raw(&self) -> io::Result<()> {
        let mut raw = self.before.clone();
        raw.make_raw();
        Ok(tcsetattr(stdin(), OptionalActions::Now, &raw)?)
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.write(LEAVE);
        // Nobody is left to be told of a terminal that is gone.
        let _ = tcsetattr(stdin(), OptionalActions::Now, &self.before);
    }
}
