//! What can be asked of tmux, with the reading of its answer.

use std::path::Path;

use gt_core::Exit;
use gt_core::screen::Capture;
use jiff::Timestamp;

use crate::tmux::command::{Command, NewSession, PaneId, SessionId};
use crate::tmux::server::QUIET_SESSION;

/// One question or order: its commands, and how the lines of their replies are read.
#[derive(Debug)]
#[must_use = "nothing happens before it is asked"]
pub struct Request<T> {
    pub(super) commands: Vec<Command>,
    /// Sent when one of `commands` failed; their own success does not matter.
    pub(super) cleanup: Vec<Command>,
    /// None for lines that are not of the asked form.
    pub(super) read: fn(&[Vec<u8>]) -> Option<T>,
}

/// Where a session that was created is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pane {
    /// The session.
    pub session_id: SessionId,
    /// Its only pane.
    pub pane_id: PaneId,
    /// The pane's first process.
    pub pane_pid: u32,
}

/// One pane of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaneRow {
    /// The session it is in.
    pub session_id: SessionId,
    /// The session's name, for people and to find a session again after a restart of the daemon.
    pub session_name: String,
    /// The pane. A session that a person split has several.
    pub pane_id: PaneId,
    /// Its first process.
    pub pane_pid: u32,
    /// Whether that process is there.
    pub state: PaneState,
    /// Somebody scrolls in it: keys would go to the scrolling, not to the program.
    pub in_mode: bool,
    /// How many clients show the session.
    pub attached: u32,
}

/// A pane in whose window something was drawn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drawn {
    /// The pane.
    pub pane_id: PaneId,
    /// Its first process.
    pub pane_pid: u32,
    /// In which second of the epoch it was last drawn.
    pub second: i64,
}

/// Whether a pane's first process is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PaneState {
    /// As far as tmux knows.
    Running,
    /// It ended; how is not always known to tmux before 3.6.
    Dead(Option<Exit>),
}

/// A person's terminal that shows a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    /// tmux's name for it, usually the terminal's device.
    pub name: String,
    /// The session it shows.
    pub session_id: SessionId,
    /// When its person last pressed a key, to the second.
    pub last_activity: Timestamp,
}

/// Creates a session.
pub fn create(session: &NewSession) -> Request<Pane> {
    ask(Command::new_session(session), read_pane)
}

/// Lists all panes but those of the control client's private session.
pub fn list() -> Request<Vec<PaneRow>> {
    ask(Command::list_panes(), read_rows)
}

/// Lists the panes in whose window something was drawn in this second of the epoch or later: what
/// they show may be new.
pub fn drawn_since(second: i64) -> Request<Vec<Drawn>> {
    ask(Command::list_drawn(second), |lines| {
        lines.iter().map(|line| read_drawn(line)).collect()
    })
}

/// Lists the people attached, without control clients.
pub fn clients() -> Request<Vec<Client>> {
    ask(Command::list_clients(), read_clients)
}

/// Reads a pane's visible screen, after up to `history` lines that scrolled out of it. In a dead
/// pane, tmux's line about the death has pushed at least one line out, and what the program
/// printed just before its end can be missing.
pub fn capture(pane: &PaneId, history: u32) -> Request<String> {
    ask(Command::capture_pane(pane, history), |lines| {
        Some(String::from_utf8_lossy(&lines.join(&b'\n')).into_owned())
    })
}

/// Looks at what a pane shows: its title, and its visible screen as [`capture`] reads it.
pub fn look(pane: &PaneId) -> Request<Capture> {
    Request {
        commands: vec![Command::pane_title(pane), Command::capture_pane(pane, 0)],
        cleanup: Vec::new(),
        read: |lines| {
            let (title, screen) = lines.split_first()?;
            Some(Capture {
                title: String::from_utf8_lossy(title).into_owned(),
                text: String::from_utf8_lossy(&screen.join(&b'\n')).into_owned(),
            })
        },
    }
}

/// Reads a file into a paste buffer of this name, and tells whether it is there now: of a file that
/// cannot be read, or is empty, tmux makes none and says nothing over control mode. The path must be
/// absolute.
pub fn load(buffer: &str, file: &Path) -> Request<bool> {
    Request {
        commands: vec![
            Command::load_buffer(buffer, file),
            Command::find_buffer(buffer),
        ],
        cleanup: Vec::new(),
        read: is_named,
    }
}

/// Whether a paste buffer is there. It ends with its paste: one that was loaded and is not there was
/// pasted, for as long as the server lives.
pub fn is_loaded(buffer: &str) -> Request<bool> {
    ask(Command::find_buffer(buffer), is_named)
}

/// Pastes a buffer into a pane as one bracketed paste, without Enter, and deletes it.
pub fn paste(buffer: &str, pane: &PaneId) -> Request<()> {
    ask(Command::paste_buffer(buffer, pane), nothing)
}

/// Deletes a paste buffer.
pub fn unload(buffer: &str) -> Request<()> {
    ask(Command::delete_buffer(buffer), nothing)
}

/// Presses the key of this name, as tmux names keys.
pub fn key(pane: &PaneId, key: &str) -> Request<()> {
    ask(Command::send_key(pane, key), nothing)
}

/// Shows a pane's program again where somebody scrolls in it.
pub fn leave_mode(pane: &PaneId) -> Request<()> {
    ask(Command::leave_mode(pane), nothing)
}

/// Sets a session's options.
pub fn options(session: &SessionId, options: &[(&str, String)]) -> Request<()> {
    Request {
        commands: options
            .iter()
            .map(|(name, value)| Command::set_option(session, name, value))
            .collect(),
        cleanup: Vec::new(),
        read: nothing,
    }
}

/// Shows a text on the status line of an attached person.
pub fn announce(client: &Client, text: &str) -> Request<()> {
    ask(Command::display_message(&client.name, text), nothing)
}

/// Ends a pane and its program; with its last pane a session ends, too.
pub fn remove(pane: &PaneId) -> Request<()> {
    ask(Command::kill_pane(pane), nothing)
}

/// Ends the control client's private session, on a server that goes on without it.
pub fn leave() -> Request<()> {
    ask(Command::kill_quiet_session(), nothing)
}

/// Ends the control client's private session, and with it the server, unless there is another
/// session in it by then: whether there is, tmux looks itself.
pub fn leave_empty() -> Request<()> {
    Request {
        commands: vec![Command::exit_when_empty(), Command::kill_quiet_session()],
        cleanup: Vec::new(),
        read: nothing,
    }
}

fn ask<T>(command: Command, read: fn(&[Vec<u8>]) -> Option<T>) -> Request<T> {
    Request {
        commands: vec![command],
        cleanup: Vec::new(),
        read,
    }
}

/// The empty line of an order that says nothing is no name.
fn is_named(lines: &[Vec<u8>]) -> Option<bool> {
    Some(lines.iter().any(|line| !line.is_empty()))
}

fn nothing(lines: &[Vec<u8>]) -> Option<()> {
    lines.iter().all(Vec::is_empty).then_some(())
}

fn read_pane(lines: &[Vec<u8>]) -> Option<Pane> {
    let [line] = lines else { return None };
    let mut fields = str::from_utf8(line).ok()?.split(' ');
    let pane = Pane {
        session_id: fields.next()?.parse().ok()?,
        pane_id: fields.next()?.parse().ok()?,
        pane_pid: fields.next()?.parse().ok()?,
    };
    fields.next().is_none().then_some(pane)
}

fn read_rows(lines: &[Vec<u8>]) -> Option<Vec<PaneRow>> {
    let rows: Option<Vec<PaneRow>> = lines.iter().map(|line| read_row(line)).collect();
    let mut rows = rows?;
    rows.retain(|row| row.session_name != QUIET_SESSION);
    Some(rows)
}

fn read_row(line: &[u8]) -> Option<PaneRow> {
    let text = String::from_utf8_lossy(line);
    let mut fields = text.splitn(9, ',');
    Some(PaneRow {
        session_id: fields.next()?.parse().ok()?,
        pane_id: fields.next()?.parse().ok()?,
        pane_pid: fields.next()?.parse().ok()?,
        state: read_state(fields.next()?, fields.next()?, fields.next()?)?,
        in_mode: fields.next()? != "0",
        attached: fields.next()?.parse().ok()?,
        session_name: fields.next()?.to_owned(),
    })
}

fn read_drawn(line: &[u8]) -> Option<Drawn> {
    let text = String::from_utf8_lossy(line);
    let mut fields = text.split(',');
    Some(Drawn {
        pane_id: fields.next()?.parse().ok()?,
        pane_pid: fields.next()?.parse().ok()?,
        second: fields.next()?.parse().ok()?,
    })
}

/// A pane that is not dead has no status; one that is may have none yet, or lost it.
fn read_state(dead: &str, status: &str, signal: &str) -> Option<PaneState> {
    let number = |text: &str| text.parse().ok();
    match (dead, status, signal) {
        ("0", _, _) => Some(PaneState::Running),
        ("1", "", "") => Some(PaneState::Dead(None)),
        ("1", status, "") => Some(PaneState::Dead(number(status).map(Exit::Code))),
        ("1", _, signal) => Some(PaneState::Dead(number(signal).map(Exit::Signal))),
        _ => None,
    }
}

fn read_clients(lines: &[Vec<u8>]) -> Option<Vec<Client>> {
    lines
        .iter()
        .filter(|line| !line.starts_with(b"1,"))
        .map(|line| read_client(line))
        .collect()
}

fn read_client(line: &[u8]) -> Option<Client> {
    let text = String::from_utf8_lossy(line);
    let mut fields = text.strip_prefix("0,")?.splitn(3, ',');
    Some(Client {
        session_id: fields.next()?.parse().ok()?,
        last_activity: Timestamp::from_second(fields.next()?.parse().ok()?).ok()?,
        name: fields.next()?.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<Vec<u8>> {
        text.lines().map(|line| line.as_bytes().to_vec()).collect()
    }

    /// Covers T1, T11, F9: names that differ in their end are two names, and who is attached is counted.
    #[test]
    fn rows_are_read_exactly_and_the_quiet_session_is_not_among_them() {
        let listing = "$0,%0,10,0,,,0,1,_gt-quiet\n$1,%1,11,0,,,0,0,gt-mayor\n\
            $2,%2,12,0,,,1,2,gt-mayor2, or so\n";
        let rows = read_rows(&lines(listing)).unwrap();
        let seen: Vec<String> = rows
            .iter()
            .map(|row| {
                format!(
                    "{} {} {} {}",
                    row.session_id, row.pane_id, row.attached, row.session_name
                )
            })
            .collect();
        assert_eq!(seen, ["$1 %1 0 gt-mayor", "$2 %2 2 gt-mayor2, or so"]);
        assert_eq!((rows[0].in_mode, rows[1].in_mode), (false, true));
    }

    #[test]
    fn a_dead_pane_tells_how_if_tmux_knows() {
        let check = |fields: [&str; 3], state| {
            assert_eq!(read_state(fields[0], fields[1], fields[2]), state);
        };
        check(["0", "", ""], Some(PaneState::Running));
        check(["1", "", ""], Some(PaneState::Dead(None)));
        check(["1", "3", ""], Some(PaneState::Dead(Some(Exit::Code(3)))));
        check(["1", "", "9"], Some(PaneState::Dead(Some(Exit::Signal(9)))));
        check(["", "", ""], None);
    }

    /// Covers rule 1: half a listing is unknown, not a shorter listing.
    #[test]
    fn a_listing_with_one_bad_line_is_not_understood() {
        assert_eq!(read_rows(&lines("$1,%1,11,0,,,0,0,a\n$2,%2,1")), None);
        assert_eq!(read_rows(&lines("protocol version mismatch")), None);
    }

    /// Covers F61: a person is told from the daemon's own client.
    #[test]
    fn control_clients_are_not_people() {
        let listing = "1,$0,1795369478,client-11813\n0,$3,1795369479,/dev/pts/7\n";
        let clients = read_clients(&lines(listing)).unwrap();
        assert_eq!(clients.len(), 1);
        assert_eq!(clients[0].name, "/dev/pts/7");
        assert_eq!(clients[0].last_activity.as_second(), 1_795_369_479);
        assert_eq!(read_clients(&lines("0,$3,never,x")), None);
    }
}
