//! Bringing a message into a terminal: only onto an empty prompt, and only with proof.

use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use gt_core::incarnation::IncarnationId;
use gt_core::memory::PokeResult;
use gt_core::plan::Step;
use gt_core::screen::{Capture, Reading, Screen, ScreenRules, digest};
use gt_core::snapshot::Pane;
use gt_core::time::elapsed;
use gt_host::roster::SeatSpec;
use gt_host::tmux::{Key, request};
use gt_host::{atomic, clock};
use jiff::Timestamp;

use crate::act::{self, Failure, Outcome};
use crate::daemon::{Daemon, Hands};
use crate::terminal::{Owner, last_activity, pane_id};

/// How long a program may take to show what was pasted, and to take it after Enter. Claude Code
/// takes 60 to 150 ms.
const TAKEN: Duration = Duration::from_secs(2);

/// How often the screen is looked at meanwhile.
const LOOK: Duration = Duration::from_millis(50);

/// What to bring where.
#[derive(Debug)]
pub(crate) struct Message {
    pub(crate) incarnation: IncarnationId,
    pub(crate) pane: Pane,
    pub(crate) text: String,
    pub(crate) misses: u32,
}

/// When it may be brought.
struct Terms {
    /// An attached person's hands must have rested for this long.
    quiet: Duration,
    /// Whose pane it must still be.
    owner: Owner,
}

/// A poke that was tried.
#[derive(Debug)]
pub(crate) struct Poked {
    pub(crate) incarnation: IncarnationId,
    pub(crate) misses: u32,
    pub(crate) tried: Tried,
    /// When.
    pub(crate) at: Timestamp,
}

/// How it went, with what the screen showed where nothing was typed.
#[derive(Debug)]
pub(crate) struct Tried {
    pub(crate) result: PokeResult,
    pub(crate) shown: Option<Reading>,
}

impl Tried {
    /// Nothing was typed, or not taken, on this screen.
    fn not_typed(rules: &ScreenRules, capture: &Capture) -> Self {
        Self {
            result: PokeResult::NotTyped {
                screen: rules.read(capture),
                digest: digest(&capture.text),
            },
            shown: Some(rules.explain(capture)),
        }
    }
}

impl From<PokeResult> for Tried {
    /// A result that no screen explains.
    fn from(result: PokeResult) -> Self {
        Self {
            result,
            shown: None,
        }
    }
}

/// Begins to bring a message to its agent.
pub(crate) fn poke(daemon: &Daemon, step: &Step, message: Message) {
    let seat = &daemon.seats[&step.agent];
    let spec = seat.spec.clone();
    let terms = Terms {
        quiet: daemon.policy.attached_quiet,
        owner: seat.owner(),
    };
    act::spawn(daemon, &step.agent, step.action.kind(), |hands| {
        bring(hands, spec, message, terms)
    });
}

/// Brings the message, or says why not.
async fn bring(
    hands: Rc<Hands>,
    spec: SeatSpec,
    message: Message,
    terms: Terms,
) -> Result<Outcome, Failure> {
    // From before the first key: an agent may answer sooner than its screen shows that it took the
    // message, and that is an answer to this poke.
    let at = clock::now();
    let typing = Typing {
        hands: &hands,
        spec: &spec,
        pane: &message.pane,
        quiet: terms.quiet,
    };
    let its_own = hands.terminal.is_of(&message.pane, &terms.owner).await;
    let tried = if !its_own.unwrap_or(false) || typing.is_person_there().await {
        PokeResult::NotTried.into()
    } else {
        let brought = typing.bring(&message.text).await;
        brought.unwrap_or_else(|_| PokeResult::NotTried.into())
    };
    Ok(Outcome::Poked(Poked {
        incarnation: message.incarnation,
        misses: message.misses,
        tried,
        at,
    }))
}

/// The last look before a silent run is stopped: what spares it, if something does. A dialog waits
/// for a person, not the other way round, and a person at the terminal is no silence. Whoever is
/// attached and rests is told. What cannot be looked at is an error: nothing is stopped on it.
pub(crate) async fn look_before_stop(
    hands: &Hands,
    spec: &SeatSpec,
    pane: Option<Pane>,
    quiet: Duration,
) -> Result<Option<Tried>, Failure> {
    let pane = pane.ok_or_else(|| Failure("its pane is not known".to_owned()))?;
    let people = hands.terminal.people().await?;
    let active = last_activity(&people, &pane.session);
    if active.is_some_and(|at| elapsed(at, clock::now()) < quiet) {
        return Ok(Some(PokeResult::NotTried.into()));
    }
    let captured = hands.terminal.look(&pane.pane).await?;
    let rules = &spec.preset.screen;
    if rules.read(&captured) == Screen::Dialog {
        return Ok(Some(Tried::not_typed(rules, &captured)));
    }
    for person in people
        .iter()
        .filter(|person| person.session_id.to_string() == pane.session)
    {
        let text = format!("gt restarts {}: it left pokes unanswered", spec.agent);
        // The stop does not depend on its announcement.
        let _ = hands.terminal.ask(request::announce(person, &text)).await;
    }
    Ok(None)
}

/// As much of a text as no program cuts or wraps, and as no person types by chance.
const START: usize = 12;

/// Whether a draft is nothing but this text, however often: what a program that stood still was
/// given, it draws all at once when it goes on. Of a text that is wrapped, the rows may be known or
/// only the first.
fn is_all_of(draft: &str, text: &str) -> bool {
    let squeezed = |text: &str| -> String {
        text.chars()
            .filter(|&c| !c.is_whitespace() && !matches!(c, '│' | '┃'))
            .collect()
    };
    let (draft, text) = (squeezed(draft), squeezed(text));
    let is_start = draft.chars().count() >= START && text.starts_with(&draft);
    let is_whole = !draft.is_empty() && !text.is_empty() && draft.split(&text).all(str::is_empty);
    is_start || is_whole
}

/// Whether Enter submits this text and nothing of a person's. An input row that is empty, or whose
/// pattern does not say what is in it, holds nothing of a person's that is known.
fn may_submit(rules: &ScreenRules, capture: &Capture, text: &str) -> bool {
    match rules.read(capture) {
        Screen::Prompt => true,
        Screen::Draft => rules
            .draft(capture)
            .is_some_and(|draft| is_all_of(&draft, text)),
        Screen::Dialog | Screen::Busy => false,
    }
}

/// One message on its way.
struct Typing<'a> {
    hands: &'a Hands,
    spec: &'a SeatSpec,
    pane: &'a Pane,
    /// An attached person's hands must have rested for this long.
    quiet: Duration,
}

impl Typing<'_> {
    /// Looks, pastes, looks again, presses Enter, and looks whether it was taken.
    async fn bring(&self, text: &str) -> Result<Tried, Failure> {
        if let Some(pasted) = self.own_draft().await? {
            return self.submit(&pasted).await;
        }
        let before = self.look().await?;
        if self.rules().read(&before) != Screen::Prompt {
            return Ok(Tried::not_typed(self.rules(), &before));
        }
        self.paste(text).await?;
        if !self.is_shown(text, &before).await? {
            // Its file stays: what is drawn late is known by it at the next try.
            let shown = self.look().await?;
            return Ok(Tried::not_typed(self.rules(), &shown));
        }
        tokio::time::sleep(self.spec.preset.settle).await;
        self.submit(text).await
    }

    /// Presses Enter, once more if the first press was not taken, and each time only when that
    /// submits the text and nothing else: a dialog that came up meanwhile is not answered, and what
    /// a person began to type is not sent.
    async fn submit(&self, text: &str) -> Result<Tried, Failure> {
        let submit = &Key::Named(self.spec.preset.submit.clone());
        for _ in 0..2 {
            if self.is_person_there().await {
                return Ok(PokeResult::NotTried.into());
            }
            let shown = self.look().await?;
            if !may_submit(self.rules(), &shown, text) {
                return Ok(Tried::not_typed(self.rules(), &shown));
            }
            self.hands
                .terminal
                .ask(request::key(&pane_id(&self.pane.pane), submit))
                .await?;
            if self.was_taken().await? {
                self.forget_paste();
                return Ok(PokeResult::Delivered.into());
            }
        }
        let shown = self.look().await?;
        Ok(Tried::not_typed(self.rules(), &shown))
    }

    /// Whether somebody is at the terminal; when that cannot be said, somebody is.
    async fn is_person_there(&self) -> bool {
        match self.hands.terminal.people().await {
            Ok(people) => last_activity(&people, &self.pane.session)
                .is_some_and(|at| elapsed(at, clock::now()) < self.quiet),
            Err(_) => true,
        }
    }

    fn rules(&self) -> &ScreenRules {
        &self.spec.preset.screen
    }

    /// Whether the program draws what was pasted. Enter at a prompt that still is empty would bring
    /// nothing, and look as if it had.
    async fn is_shown(&self, text: &str, before: &Capture) -> Result<bool, Failure> {
        let start: String = text.chars().take(START).collect();
        let count = |capture: &Capture| capture.text.matches(&start).count();
        let drawn = count(before);
        self.comes_true(|capture| {
            // A `ready` pattern without a `draft` group takes a full input row for an empty one.
            self.rules().read(capture) != Screen::Prompt || count(capture) > drawn
        })
        .await
    }

    /// After Enter the input row must become empty or the program busy: the text is gone from it.
    async fn was_taken(&self) -> Result<bool, Failure> {
        self.comes_true(|capture| self.rules().read(capture) != Screen::Draft)
            .await
    }

    /// Looks until the screen is as wanted, or the time for it is over.
    async fn comes_true(&self, wanted: impl Fn(&Capture) -> bool) -> Result<bool, Failure> {
        let until = clock::monotonic() + TAKEN;
        while clock::monotonic() < until {
            if wanted(&self.look().await?) {
                return Ok(true);
            }
            tokio::time::sleep(LOOK).await;
        }
        Ok(false)
    }

    async fn look(&self) -> Result<Capture, Failure> {
        Ok(self.hands.terminal.look(&self.pane.pane).await?)
    }

    /// What the input row holds, if that is just what a daemon pasted that ended before it pressed
    /// Enter. A person's half-typed line is never that, and is left alone.
    async fn own_draft(&self) -> Result<Option<String>, Failure> {
        let Ok(pasted) = fs_err::read_to_string(self.paste_file()) else {
            return Ok(None);
        };
        let draft = self.rules().draft(&self.look().await?);
        let is_own = draft.is_some_and(|draft| is_all_of(&draft, &pasted));
        Ok(is_own.then_some(pasted))
    }

    async fn paste(&self, text: &str) -> Result<(), Failure> {
        let file = self.paste_file();
        atomic::write_for_boot(&file, text.as_bytes())?;
        Ok(self.hands.terminal.paste(&self.pane.pane, &file).await?)
    }

    /// The file stays until its text was taken: it tells whose text is in the input row.
    fn forget_paste(&self) {
        // One that stays is replaced by the next paste.
        let _ = fs_err::remove_file(self.paste_file());
    }

    fn paste_file(&self) -> PathBuf {
        self.hands
            .town
            .paths()
            .pastes()
            .join(self.spec.agent.file_stem())
    }
}

#[cfg(test)]
mod tests {
    use gt_core::screen::RuleTexts;

    use super::*;

    const TEXT: &str = "HEARTBEAT: check your rigs; 2 unread messages";

    /// Covers F61: Enter never sends what a person began to type, alone or behind the text.
    #[test]
    fn only_the_text_itself_is_submitted() {
        let check = |draft: &str, own| assert_eq!(is_all_of(draft, TEXT), own, "{draft:?}");
        check(TEXT, true);
        check(&format!("{TEXT}{TEXT}"), true);
        check(&TEXT.replace("; ", ";\n  "), true);
        check(&TEXT.replace("; ", ";\n ┃  "), true);
        check("HEARTBEAT: check your rigs;", true);
        check(&format!("{TEXT} and fix"), false);
        check(&format!("no, {TEXT}"), false);
        check("HEART", false);
        check("fix the", false);
        check("", false);
    }

    #[test]
    fn a_screen_takes_enter_for_what_is_in_its_input_row() {
        let rules = ScreenRules::new(&RuleTexts {
            ready: Some("^> ?(?<draft>.*)$".to_owned()),
            blocked: Some("Allow".to_owned()),
            ..RuleTexts::default()
        });
        let rules = rules.unwrap();
        let shows = |text: &str| {
            let capture = Capture {
                title: String::new(),
                text: text.to_owned(),
            };
            may_submit(&rules, &capture, TEXT)
        };
        assert!(shows(&format!("> {TEXT}")));
        assert!(shows("> "));
        assert!(!shows("> fix the"));
        assert!(!shows("Allow? [y/n]"));
        assert!(!shows("working"));
    }
}
