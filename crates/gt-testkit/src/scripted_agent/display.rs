//! The picture of an agent: what its state looks like in a terminal of a given size.

use super::transcript::{Transcript, on_one_row};

/// Rows and columns of the terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Size {
    /// How many lines it shows.
    pub(super) rows: u16,
    /// How many characters fit into a line.
    pub(super) columns: u16,
}

/// What stands below the transcript.
#[derive(Debug)]
pub(super) enum Panel<'a> {
    /// The input row of an agent that waits for a prompt.
    Idle {
        /// Not yet submitted text.
        draft: &'a str,
    },
    /// The input row of an agent at work.
    Working {
        /// Not yet submitted text.
        draft: &'a str,
        /// Since when it works.
        seconds: u64,
    },
    /// A question, in place of input row and footer.
    Dialog,
}

/// The bytes that draw the whole screen.
///
/// Lines that are too long end at the terminal's edge (autowrap is off meanwhile), so that the
/// rows are right whatever the width of a character.
pub(super) fn frame(size: Size, transcript: &Transcript, panel: &Panel<'_>) -> Vec<u8> {
    let panel_rows = panel_rows(size, panel);
    let room = usize::from(size.rows).saturating_sub(panel_rows.len());
    let shown: Vec<&str> = transcript.last(room).collect();
    let mut text = String::from("\x1b[?25l\x1b[?7l\x1b[H");
    let rows: Vec<&str> = shown
        .iter()
        .copied()
        .chain(panel_rows.iter().map(String::as_str))
        .collect();
    for (index, row) in rows.iter().enumerate() {
        if index > 0 {
            text.push_str("\r\n");
        }
        text.push_str(row);
        text.push_str("\x1b[K");
    }
    text.push_str("\x1b[J\x1b[?7h");
    if !matches!(panel, Panel::Dialog) {
        // The input row is the second of the panel; the cursor stands behind the draft.
        let row = shown.len() + 2;
        let column = panel_rows[INPUT_ROW].chars().count() + 1;
        text.push_str(&format!("\x1b[{row};{column}H\x1b[?25h"));
    }
    text.into_bytes()
}

/// Where the input row is among the rows of an agent without a dialog.
const INPUT_ROW: usize = 1;

fn panel_rows(size: Size, panel: &Panel<'_>) -> Vec<String> {
    let (draft, footer) = match panel {
        Panel::Dialog => {
            return [
                "Do you want to proceed?",
                "❯ 1. Yes",
                "  2. No",
                "Esc to cancel",
            ]
            .map(str::to_owned)
            .to_vec();
        }
        Panel::Idle { draft } => (draft, "? for shortcuts".to_owned()),
        Panel::Working { draft, seconds } => {
            (draft, format!("* working… ({seconds}s · esc to interrupt)"))
        }
    };
    let rule = "─".repeat(usize::from(size.columns));
    let input = format!("> {}", end_of(&on_one_row(draft), size.columns));
    vec![rule.clone(), input, rule, footer]
}

/// As much of the end of a draft as fits behind `> ` with room for the cursor.
fn end_of(draft: &str, columns: u16) -> String {
    let room = usize::from(columns).saturating_sub(3);
    let characters = draft.chars().filter(|character| !character.is_control());
    let count = characters.clone().count();
    if count <= room {
        return characters.collect();
    }
    let end = characters.skip(count - room.saturating_sub(1));
    std::iter::once('…').chain(end).collect()
}

#[cfg(test)]
mod tests {
    use gt_core::screen::{Capture, Screen};

    use super::super::screen_rules;
    use super::*;

    const SIZE: Size = Size {
        rows: 24,
        columns: 40,
    };

    #[track_caller]
    fn check(panel: &Panel<'_>, expect: Screen) {
        let screen = format!(
            "❯ 1. Yes\n> old\n{}\n\n\n",
            panel_rows(SIZE, panel).join("\n")
        );
        let shown = Capture::untitled(&screen);
        assert_eq!(screen_rules().read(&shown), expect, "{screen}");
    }

    #[test]
    fn each_state_is_read_as_what_it_is() {
        let seconds = 3;
        check(&Panel::Idle { draft: "" }, Screen::Prompt);
        check(&Panel::Idle { draft: "half a" }, Screen::Draft);
        check(&Panel::Idle { draft: "\nb" }, Screen::Draft);
        check(
            &Panel::Idle {
                draft: &"x".repeat(500),
            },
            Screen::Draft,
        );
        check(&Panel::Working { draft: "", seconds }, Screen::Busy);
        check(
            &Panel::Working {
                draft: "next",
                seconds,
            },
            Screen::Busy,
        );
        check(&Panel::Dialog, Screen::Dialog);
    }

    #[test]
    fn a_transcript_that_quotes_a_prompt_is_no_prompt() {
        let quoted = ">\n────\n? for shortcuts\nand so on";
        assert_eq!(
            screen_rules().read(&Capture::untitled(quoted)),
            Screen::Busy
        );
    }

    #[test]
    fn a_small_terminal_shows_the_end_of_the_transcript() {
        let mut transcript = Transcript::default();
        transcript.push("one\ntwo\nthree");
        let size = Size {
            rows: 6,
            columns: 10,
        };
        let frame = frame(
            size,
            &transcript,
            &Panel::Idle {
                draft: "abcdefghij",
            },
        );
        let frame = String::from_utf8(frame).unwrap();
        assert!(
            !frame.contains("one") && frame.contains("two\x1b[K"),
            "{frame}"
        );
        assert!(frame.contains("> …efghij\x1b[K"), "{frame}");
        assert!(frame.ends_with("\x1b[4;10H\x1b[?25h"), "{frame}");
    }
}
