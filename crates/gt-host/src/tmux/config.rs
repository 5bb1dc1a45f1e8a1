//! What the town's tmux is told: the file its server starts with, and the look of a session.

use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use gt_core::AgentId;
use gt_core::theme::{self, Theme};

use crate::tmux::command::{SessionId, format_literal, quote};
use crate::tmux::request::{self, Request};

/// What every server of a town needs, whatever a person's own file says: it comes last.
///
/// `exit-empty` and `destroy-unattached`: sessions must outlive both their neighbours and the
/// people who look at them. `remain-on-exit`: a dead pane is seen, and its screen read. The
/// history is for people; 50 000 lines cost 31 MiB a pane. The name of the terminal is one that
/// macOS knows, too. `escape-time`: half a second, tmux's own, makes Escape feel broken in an agent.
const REQUIRED: &str = "\
set-option -s exit-empty off
set-option -g destroy-unattached off
set-option -wg remain-on-exit on
set-option -g history-limit 5000
set-option -s default-terminal screen-256color
set-option -s escape-time 20
set-option -g status-interval 5
";

/// The text of the generated tmux.conf. `user_config` is a person's own file, named on purpose:
/// without it none is read.
pub fn server_config(user_config: Option<&Path>) -> String {
    let mut text = String::from("# Written by gt at every start. Changes here are lost.\n");
    if let Some(file) = user_config {
        let mut line = Vec::new();
        quote(file.as_os_str().as_bytes(), &mut line);
        text.push_str("source-file -q ");
        text.push_str(&String::from_utf8_lossy(&line));
        text.push('\n');
    }
    text + REQUIRED
}

/// Gives an agent's session its colours and its status line, for which tmux runs `gt` (the path of
/// this program) every few seconds while somebody looks.
pub fn dress(session: &SessionId, agent: &AgentId, theme: Theme, gt: &Path) -> Request<()> {
    let Theme {
        background,
        foreground,
        ..
    } = theme;
    let look = [
        ("status-style", format!("bg={background},fg={foreground}")),
        ("status-left-length", "40".to_owned()),
        ("status-left", format_literal(&theme::status_left(agent))),
        ("status-right-length", "50".to_owned()),
        ("status-right", status_right(&agent.session_name(), gt)),
    ];
    request::options(session, &look)
}

fn status_right(session_name: &str, gt: &Path) -> String {
    let command = format!(
        "{} status-line {} 2>/dev/null",
        shell_word(&gt.to_string_lossy()),
        shell_word(&format!("--session={session_name}"))
    );
    format!("#({}) %H:%M", format_literal(&command))
}

/// A word for `sh`. tmux ends `#(…)` at the first parenthesis without a partner, quoted or not:
/// each in the word becomes a pair.
fn shell_word(word: &str) -> String {
    let mut quoted = String::from("'");
    for letter in word.chars() {
        match letter {
            '\'' => quoted.push_str(r"'\''"),
            '(' => quoted.push_str(r#"'"$(printf '\050')"'"#),
            ')' => quoted.push_str(r#"'"$(printf '\051')"'"#),
            _ => quoted.push(letter),
        }
    }
    quoted.push('\'');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Covers F69: a person's file is read only when named, and what gt needs comes after.
    #[test]
    fn the_generated_file_ends_with_what_gt_needs() {
        insta::assert_snapshot!(server_config(Some(Path::new("/home/me/my tmux.conf"))), @r##"
        # Written by gt at every start. Changes here are lost.
        source-file -q "/home/me/my tmux.conf"
        set-option -s exit-empty off
        set-option -g destroy-unattached off
        set-option -wg remain-on-exit on
        set-option -g history-limit 5000
        set-option -s default-terminal screen-256color
        set-option -s escape-time 20
        set-option -g status-interval 5
        "##);
        assert!(!server_config(None).contains("source-file"));
    }

    /// Covers T17.
    #[test]
    fn the_status_line_quotes_the_path_of_gt() {
        insta::assert_snapshot!(
            status_right("gt-mayor", Path::new("/opt/it's 100% #1 (beta)/gt")),
            @r##"#('/opt/it'\''s 100%% ##1 '"$(printf '\050')"'beta'"$(printf '\051')"'/gt' status-line '--session=gt-mayor' 2>/dev/null) %H:%M"##
        );
    }
}
