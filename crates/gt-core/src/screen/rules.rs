//! The patterns of one program's screen, and how they are read.
//!
//! Two questions are answered. *May something be typed?* is the guard's ([`ScreenRules::read`]): a
//! dialog wins over everything, work over a prompt, and what is not known to be an empty prompt is
//! none. *What is it doing?* ([`ScreenRules::explain`]) refines the guard's answer and never
//! contradicts it: a screen that the guard takes for a dialog is never idle.

use std::collections::BTreeMap;

use regex_lite::{Match, Regex, RegexBuilder};

use super::draft::{is_all_of, shows, stands_in};
use super::{Capture, Reading, Reset, Screen, ScreenState};

/// How many of the last non-empty lines are read. Old spinner and prompt lines further up are the
/// classic false reading; a vendor's dialog with its choices fits within this.
const BOTTOM_LINES: usize = 24;

/// The patterns of one program, as written: the keys of `[agents.NAME]`. They are matched line by
/// line (`^` and `$` are the ends of a line) against the bottom of the screen.
#[derive(Debug, Clone, Default)]
pub struct RuleTexts {
    /// The screen shows a prompt. A group named `draft` holds what is in the input row.
    pub ready: Option<String>,
    /// The screen shows a dialog.
    pub blocked: Option<String>,
    /// The program is at work, whatever prompt it shows.
    pub busy: Option<String>,
    /// What stands in the input row in place of a long text that was pasted.
    pub pasted: Option<String>,
    /// What in a text the program changes when it is typed, or shows so that it cannot be known again.
    pub untypable: Option<String>,
    /// Where the last turn begins in the transcript: `states` but for dialogs are read from there.
    pub turn: Option<String>,
    /// What tells the states apart, within what the guard allows.
    pub states: BTreeMap<ScreenState, String>,
    /// What the terminal's title says.
    pub titles: BTreeMap<ScreenState, String>,
}

/// The same, compiled.
#[derive(Debug, Clone)]
pub struct ScreenRules {
    ready: Option<Regex>,
    blocked: Option<Regex>,
    busy: Option<Regex>,
    pasted: Option<Regex>,
    untypable: Option<Regex>,
    turn: Option<Regex>,
    states: BTreeMap<ScreenState, Regex>,
    titles: BTreeMap<ScreenState, Regex>,
}

/// A pattern that is no regular expression.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{pattern}` is not a regular expression: {message}")]
pub struct PatternError {
    /// As written.
    pub pattern: String,
    /// What the parser said.
    pub message: String,
}

/// Why a text cannot be typed at a program.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CannotType {
    /// The pattern of the prompt lacks.
    #[error("no `ready` pattern says when something can be typed at it")]
    Ready,
    /// That of a long text lacks, which no program shows as it is.
    #[error(
        "no `pasted` pattern says how it shows a text of several lines or over {SHORT} characters"
    )]
    Pasted,
    /// The program does something else with one of this length.
    #[error("it does not take a text of more than {longest} bytes as it is")]
    Long {
        /// The longest that it takes, in bytes.
        longest: u64,
    },
    /// The program would not take it as it is.
    #[error("it does not take {} as it is, in line {line} of the text", .what.escape_debug())]
    Untypable {
        /// What in the text.
        what: String,
        /// In which line, counted from one.
        line: usize,
    },
}

/// As much of a text, in characters, as any program shows as it is in its input row: less than half of
/// the rows of a small screen. Copilot showed 1,500 whole, and Aider more.
const SHORT: usize = 1000;

/// Whether a pattern can be compiled.
///
/// # Errors
/// [`PatternError`] says why not.
pub fn check_pattern(pattern: &str) -> Result<(), PatternError> {
    compile(pattern).map(drop)
}

/// Whether a pattern can match a text of nothing, and so matches every screen. One that is no pattern
/// matches none.
pub fn matches_nothing(pattern: &str) -> bool {
    compile(pattern).is_ok_and(|pattern| pattern.is_match(""))
}

impl ScreenRules {
    /// Compiles the patterns.
    ///
    /// # Errors
    /// [`PatternError`] names the first that does not parse.
    pub fn new(texts: &RuleTexts) -> Result<Self, PatternError> {
        let one = |text: &Option<String>| text.as_deref().map(compile).transpose();
        let all = |texts: &BTreeMap<ScreenState, String>| {
            let compiled = texts
                .iter()
                .map(|(state, text)| Ok((*state, compile(text)?)));
            compiled.collect::<Result<BTreeMap<_, _>, PatternError>>()
        };
        Ok(Self {
            ready: one(&texts.ready)?,
            blocked: one(&texts.blocked)?,
            busy: one(&texts.busy)?,
            pasted: one(&texts.pasted)?,
            untypable: one(&texts.untypable)?,
            turn: one(&texts.turn)?,
            states: all(&texts.states)?,
            titles: all(&texts.titles)?,
        })
    }

    /// Whether the program takes this text as it is, and the rules can tell that it was typed whole.
    ///
    /// # Errors
    /// [`CannotType`] names the pattern that lacks, or what in the text is in the way.
    pub fn check_text(&self, text: &str) -> Result<(), CannotType> {
        if !self.can_type() {
            return Err(CannotType::Ready);
        }
        let is_long = text.contains('\n') || text.chars().count() > SHORT;
        if is_long && self.pasted.is_none() {
            return Err(CannotType::Pasted);
        }
        // What looks like a placeholder, or like nothing, could not be known again.
        let in_the_way = self.untypable.as_ref().and_then(|it| it.find(text));
        let in_the_way = in_the_way.or_else(|| self.pasted.as_ref()?.find(text));
        if in_the_way.is_none() && !shows(text) {
            let what = text.to_owned();
            return Err(CannotType::Untypable { what, line: 1 });
        }
        match in_the_way {
            Some(found) => Err(CannotType::Untypable {
                what: found.as_str().to_owned(),
                line: 1 + text[..found.start()].matches('\n').count(),
            }),
            None => Ok(()),
        }
    }

    /// Whether anything can ever be typed: not without a `ready` pattern.
    pub fn can_type(&self) -> bool {
        self.ready.is_some()
    }

    /// Reads what a terminal showed: whether something may be typed.
    ///
    /// A dialog wins over work, and work over a prompt. If the `draft` group of the `ready` pattern
    /// took part in the match and is not blank, the input row is not empty.
    pub fn read(&self, capture: &Capture) -> Screen {
        let bottom = bottom_of(&capture.text);
        let title = &capture.title;
        if self.dialog(title, &bottom).is_some() {
            Screen::Dialog
        } else if is_dead(&bottom)
            || self.viewer(&bottom).is_some()
            || self.work(title, &bottom).is_some()
        {
            Screen::Busy
        } else {
            match self.input_row(&bottom) {
                None => Screen::Busy,
                Some("") => Screen::Prompt,
                Some(_) => Screen::Draft,
            }
        }
    }

    /// What stands in the input row of a captured screen that is a [`Screen::Draft`]: to tell
    /// what was pasted from what a person typed.
    pub fn draft(&self, capture: &Capture) -> Option<String> {
        let drafted = self.read(capture) == Screen::Draft;
        let bottom = bottom_of(&capture.text);
        self.input_row(&bottom)
            .filter(|_| drafted)
            .map(str::to_owned)
    }

    /// Whether what stands in the input row is nothing but this text.
    pub fn holds(&self, capture: &Capture, text: &str) -> bool {
        self.draft(capture)
            .is_some_and(|draft| is_all_of(&draft, text, self.pasted.as_ref()))
    }

    /// Whether Enter submits this text and nothing of a person's. Where the pattern does not say what
    /// is in the input row, nothing of a person's is known to be there.
    pub fn may_submit(&self, capture: &Capture, text: &str) -> bool {
        match self.read(capture) {
            Screen::Prompt => !self.knows_draft(),
            Screen::Draft => self.holds(capture, text),
            Screen::Dialog | Screen::Busy => false,
        }
    }

    /// Whether anything stands in the input row, whatever else the screen shows.
    pub fn has_draft(&self, capture: &Capture) -> bool {
        let bottom = bottom_of(&capture.text);
        self.input_row(&bottom).is_some_and(|row| !row.is_empty())
    }

    /// Whether an empty prompt stands below this text: it was submitted.
    pub fn shows_taken(&self, capture: &Capture, text: &str) -> bool {
        self.read(capture) == Screen::Prompt && stands_in(&capture.text, text, self.pasted.as_ref())
    }

    /// Whether its pattern says what is in the input row.
    fn knows_draft(&self) -> bool {
        let names = self.ready.as_ref().map(Regex::capture_names);
        names
            .into_iter()
            .flatten()
            .any(|name| name == Some("draft"))
    }

    /// Whether a turn is under way, whatever trouble it has, and nobody is asked anything.
    pub fn is_at_work(&self, capture: &Capture) -> bool {
        let bottom = bottom_of(&capture.text);
        self.read(capture) == Screen::Busy && self.work(&capture.title, &bottom).is_some()
    }

    /// Reads what the screen says the program is doing, and on what evidence.
    pub fn explain(&self, capture: &Capture) -> Reading {
        let bottom = bottom_of(&capture.text);
        let title = &capture.title;
        let turn = self.last_turn(&bottom);
        if let Some(dialog) = self.dialog(title, &bottom) {
            let kinds = [ScreenState::AuthDead, ScreenState::Limited];
            return self.state(&kinds, turn).unwrap_or(dialog);
        }
        if is_dead(&bottom) {
            return Reading::unknown();
        }
        if let Some(viewer) = self.viewer(&bottom) {
            return viewer;
        }
        let trouble = &[
            ScreenState::AuthDead,
            ScreenState::Limited,
            ScreenState::ModelUnavailable,
            ScreenState::ContextFull,
        ];
        if let Some(work) = self.work(title, &bottom) {
            return self.state(trouble, turn).unwrap_or(work);
        }
        let Some(prompt) = self.prompt(&bottom) else {
            return self.state(trouble, turn).unwrap_or_else(Reading::unknown);
        };
        let rest = [ScreenState::BackgroundWork];
        self.state(trouble, turn)
            .or_else(|| self.state(&rest, turn))
            .unwrap_or(prompt)
    }

    /// What shows that a person is asked something.
    fn dialog(&self, title: &str, bottom: &str) -> Option<Reading> {
        let asked = ScreenState::NeedsApproval;
        self.state(&[asked], bottom)
            .or_else(|| {
                let found = self.blocked.as_ref()?.find(bottom)?;
                Some(evidence(ScreenState::NeedsAnswer, "blocked", bottom, found))
            })
            .or_else(|| self.title(asked, title))
    }

    /// What shows that something was opened to look at, over a prompt or in its place.
    fn viewer(&self, bottom: &str) -> Option<Reading> {
        self.state(&[ScreenState::Viewer], bottom)
    }

    /// What shows that a turn is under way.
    fn work(&self, title: &str, bottom: &str) -> Option<Reading> {
        let working = ScreenState::Working;
        let busy = self.busy.as_ref().and_then(|busy| busy.find(bottom));
        busy.map(|found| evidence(working, "busy", bottom, found))
            .or_else(|| self.state(&[working], self.last_turn(bottom)))
            .or_else(|| self.title(working, title))
    }

    fn prompt(&self, bottom: &str) -> Option<Reading> {
        let found = self.ready.as_ref()?.find_iter(bottom).last()?;
        Some(evidence(ScreenState::Idle, "ready", bottom, found))
    }

    /// The first of these states whose pattern matches.
    fn state(&self, states: &[ScreenState], text: &str) -> Option<Reading> {
        states.iter().find_map(|state| {
            let found = self.states.get(state)?.find_iter(text).last()?;
            let rule = format!("states.{state}");
            Some(evidence(*state, &rule, text, found))
        })
    }

    fn title(&self, state: ScreenState, title: &str) -> Option<Reading> {
        let found = self.titles.get(&state)?.find(title)?;
        let rule = format!("titles.{state}");
        Some(evidence(state, &rule, title, found))
    }

    /// The bottom from where its last turn begins; all of it where no beginning is seen. The input
    /// row looks like one, and is none.
    fn last_turn<'b>(&self, bottom: &'b str) -> &'b str {
        let ready = self.ready.as_ref();
        let prompt = ready.and_then(|ready| ready.find_iter(bottom).last());
        let transcript = &bottom[..prompt.map_or(bottom.len(), |prompt| prompt.start())];
        let turn = self.turn.as_ref();
        let begin = turn.and_then(|turn| turn.find_iter(transcript).last());
        begin.map_or(bottom, |begin| &bottom[begin.start()..])
    }

    /// The input row without the space around it; none where there is no prompt.
    fn input_row<'b>(&self, bottom: &'b str) -> Option<&'b str> {
        let found = self.ready.as_ref()?.captures_iter(bottom).last()?;
        Some(
            found
                .name("draft")
                .map_or("", |draft| draft.as_str().trim()),
        )
    }
}

/// Whether tmux says that the program has ended: what else is shown is its last word.
fn is_dead(bottom: &str) -> bool {
    let last = bottom.lines().next_back().unwrap_or_default();
    last.starts_with("Pane is dead (")
}

fn evidence(state: ScreenState, rule: &str, text: &str, found: Match<'_>) -> Reading {
    let begin = text[..found.start()].rfind('\n').map_or(0, |at| at + 1);
    let is_ruled = |line: &&str| line.chars().all(|c| c == '─');
    let line = text[begin..].lines().find(|line| !is_ruled(line));
    let line = line.unwrap_or_default();
    let reset = || {
        // A narrow screen breaks the sentence.
        let sentence: Vec<&str> = text[begin..].lines().take(2).map(str::trim).collect();
        Reset::find(&sentence.join(" "))
    };
    let is_limit = state == ScreenState::Limited;
    Reading {
        state,
        rule: Some(rule.to_owned()),
        line: Some(line.to_owned()),
        reset: is_limit.then(reset).flatten(),
    }
}

fn compile(pattern: &str) -> Result<Regex, PatternError> {
    RegexBuilder::new(pattern)
        .multi_line(true)
        .size_limit(1 << 20)
        .build()
        .map_err(|error| PatternError {
            pattern: pattern.to_owned(),
            message: error.to_string(),
        })
}

/// The last lines that are not blank, with non-breaking spaces read as spaces (F68) and trailing
/// space cut.
fn bottom_of(captured: &str) -> String {
    let lines: Vec<String> = captured
        .lines()
        .map(|line| line.replace('\u{a0}', " ").trim_end().to_owned())
        .filter(|line| !line.is_empty())
        .collect();
    lines[lines.len().saturating_sub(BOTTOM_LINES)..].join("\n")
}

#[cfg(test)]
mod tests;
