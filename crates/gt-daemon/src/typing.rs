//! Typing into a terminal: only onto an empty prompt, and only with proof.

use std::cell::Cell;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use gt_core::AgentId;
use gt_core::incarnation::IncarnationId;
use gt_core::memory::PokeResult;
use gt_core::nudge::NudgeEnd;
use gt_core::screen::{
    Capture, Reading, Screen, ScreenRules, ScreenState, digest, start_of, times_shown,
};
use gt_core::snapshot::Pane;
use gt_core::time::elapsed;
use gt_host::roster::SeatSpec;
use gt_host::tmux::request;
use gt_host::{atomic, clock, holder};

use crate::act::{Failure, end_message};
use crate::daemon::{Daemon, Hands};
use crate::terminal::{Owner, last_activity, pane_id};

/// How long a program may take to show what was pasted, and to take it after Enter. Claude Code
/// takes 60 to 150 ms.
const TAKEN: Duration = Duration::from_secs(2);

/// How often the screen is looked at meanwhile.
const LOOK: Duration = Duration::from_millis(50);

/// How it went, with what the screen showed where nothing was typed, or not taken.
#[derive(Debug)]
pub(crate) struct Tried {
    pub(crate) result: PokeResult,
    pub(crate) shown: Option<Reading>,
    /// The text, or what an earlier try left, is in the input row.
    pub(crate) is_typed: bool,
}

impl Tried {
    /// Nothing was typed on this screen.
    pub(crate) fn not_typed(rules: &ScreenRules, capture: &Capture) -> Self {
        Self {
            result: PokeResult::NotTyped {
                screen: rules.read(capture),
                digest: digest(&capture.text),
            },
            shown: Some(rules.explain(capture)),
            is_typed: false,
        }
    }

    /// What was typed was not taken on this screen.
    fn not_taken(rules: &ScreenRules, capture: &Capture) -> Self {
        Self {
            is_typed: true,
            ..Self::not_typed(rules, capture)
        }
    }
}

impl From<PokeResult> for Tried {
    /// A result that no screen explains.
    fn from(result: PokeResult) -> Self {
        Self {
            result,
            shown: None,
            is_typed: false,
        }
    }
}

/// Where a message may be typed, and on what terms.
#[derive(Debug)]
pub(crate) struct Keyboard {
    spec: SeatSpec,
    pane: Pane,
    /// Whose pane it must still be.
    owner: Owner,
    /// An attached person's hands must have rested for this long.
    quiet: Duration,
    /// The name of the message: no other of the agent's has it.
    message: String,
    /// Set when the run is to end: nothing is waited for then.
    hush: Rc<Cell<bool>>,
}

impl Keyboard {
    /// That of an agent, in this pane, for a message of this name.
    pub(crate) fn of(daemon: &Daemon, agent: &AgentId, pane: Pane, message: &str) -> Self {
        let seat = &daemon.seats[agent];
        Self {
            spec: seat.spec_of_run(),
            pane,
            owner: seat.owner(),
            quiet: daemon.policy.attached_quiet,
            message: message.to_owned(),
            hush: Rc::clone(&seat.hush),
        }
    }

    /// The paste buffer of the message.
    fn buffer(&self) -> String {
        format!("gt-{}-{}", self.spec.agent.file_stem(), self.message)
    }

    /// What types on it.
    pub(crate) fn with<'a>(&'a self, hands: &'a Hands) -> Typing<'a> {
        Typing {
            keyboard: self,
            hands,
        }
    }
}

/// What was pasted last, and of which message it is.
#[derive(Debug)]
struct Pasted {
    message: String,
    text: String,
}

/// One message on its way.
#[derive(Debug)]
pub(crate) struct Typing<'a> {
    keyboard: &'a Keyboard,
    hands: &'a Hands,
}

impl Typing<'_> {
    /// Whether the pane is still the agent's, and nobody is at it. One that somebody scrolled in and
    /// left is shown as it is again: keys would go to the scrolling.
    pub(crate) async fn is_free(&self) -> bool {
        let Keyboard { pane, owner, .. } = self.keyboard;
        let Ok(Some(row)) = self.hands.terminal.row_of(pane, owner).await else {
            return false;
        };
        if self.is_person_there().await {
            return false;
        }
        let leave = request::leave_mode(&row.pane_id);
        !row.in_mode || self.hands.terminal.ask(leave).await.is_ok()
    }

    /// Whether this run of the agent's is known to have ended, as its holder says.
    pub(crate) fn has_run_ended(&self, run: IncarnationId) -> bool {
        let agent = &self.keyboard.spec.agent;
        let report = holder::read_state_file(self.hands.town.paths(), agent);
        // Without a file nothing is known of it.
        report
            .ok()
            .flatten()
            .is_some_and(|report| report.incarnation != Some(run) || report.exit.is_some())
    }

    /// Looks, pastes, looks again, presses Enter, and looks whether it was taken. What an earlier
    /// try left in the input row is submitted instead. `begin` is asked before anything is typed,
    /// and can refuse; it may take its time.
    pub(crate) async fn bring(
        &self,
        text: &str,
        begin: impl AsyncFnOnce() -> Result<bool, Failure>,
    ) -> Result<Tried, Failure> {
        if let Some(left) = self.leftover().await? {
            return self.submit_leftover(left).await;
        }
        let before = self.look().await?;
        if self.rules().read(&before) != Screen::Prompt {
            return Ok(Tried::not_typed(self.rules(), &before));
        }
        self.load(text).await?;
        let begun = begin().await;
        if !matches!(begun, Ok(true)) {
            self.unload().await;
            return begun.map(|_| PokeResult::NotTried.into());
        }
        self.paste(text).await
    }

    /// Submits what an earlier try left in the input row. Where that is another message, the one at
    /// hand is for the next try.
    async fn submit_leftover(&self, left: Pasted) -> Result<Tried, Failure> {
        let tried = self.submit(&left.text).await?;
        if left.message == self.keyboard.message || tried.is_typed {
            return Ok(tried);
        }
        if tried.result == PokeResult::Delivered
            && let Ok(other) = left.message.parse()
        {
            let reason = "its screen took what was left of an earlier try".to_owned();
            end_message(self.hands, other, NudgeEnd::Confirmed, reason).await?;
        }
        Ok(PokeResult::NotTried.into())
    }

    /// Pastes what is loaded, and submits it, if the prompt is empty and nobody is there at this
    /// very moment: what was seen before is old by now.
    async fn paste(&self, text: &str) -> Result<Tried, Failure> {
        if !self.is_free().await {
            return Ok(PokeResult::NotTried.into());
        }
        let before = self.look().await?;
        if self.rules().read(&before) != Screen::Prompt {
            return Ok(Tried::not_typed(self.rules(), &before));
        }
        let pane = pane_id(&self.keyboard.pane.pane);
        let paste = request::paste(&self.keyboard.buffer(), &pane);
        self.hands.terminal.ask(paste).await?;
        let is_shown = self.is_shown(text, &before).await?;
        if self.keyboard.hush.get() {
            return Ok(PokeResult::NotTried.into());
        }
        if !is_shown {
            // Its file stays: what is drawn late is known by it at the next try.
            let shown = self.look().await?;
            return Ok(Tried::not_typed(self.rules(), &shown));
        }
        tokio::time::sleep(self.keyboard.spec.preset.settle).await;
        self.submit(text).await
    }

    /// Finds out what became of a text whose typing was begun and whose end nobody saw: submits it
    /// if it is in the input row, and takes it for submitted where it stands above an empty one. It
    /// is pasted only if its buffer shows that it was not.
    pub(crate) async fn find(&self, text: &str) -> Result<Tried, Failure> {
        if let Some(left) = self.leftover().await? {
            return self.submit_leftover(left).await;
        }
        let loaded = request::is_loaded(&self.keyboard.buffer());
        let is_loaded = self.hands.terminal.ask(loaded).await?;
        if is_loaded {
            return self.paste(text).await;
        }
        let shown = self.look().await?;
        if !self.rules().shows_taken(&shown, text) {
            return Ok(Tried::not_typed(self.rules(), &shown));
        }
        self.forget_paste();
        Ok(PokeResult::Delivered.into())
    }

    /// Presses Enter, once more if the first press was not taken, and each time only when that
    /// submits the text and nothing else: a dialog that came up meanwhile is not answered, and what
    /// a person began to type is not sent.
    async fn submit(&self, text: &str) -> Result<Tried, Failure> {
        let submit = &self.keyboard.spec.preset.submit;
        for _ in 0..2 {
            if self.keyboard.hush.get() || !self.is_free().await {
                return Ok(PokeResult::NotTried.into());
            }
            let shown = self.look().await?;
            if !self.rules().may_submit(&shown, text) {
                return Ok(Tried::not_taken(self.rules(), &shown));
            }
            self.hands
                .terminal
                .ask(request::key(&pane_id(&self.keyboard.pane.pane), submit))
                .await?;
            if self.was_taken(text, &shown).await? {
                self.forget_paste();
                return Ok(PokeResult::Delivered.into());
            }
        }
        let shown = self.look().await?;
        Ok(Tried::not_taken(self.rules(), &shown))
    }

    /// Whether somebody is at the terminal; when that cannot be said, somebody is.
    async fn is_person_there(&self) -> bool {
        match self.hands.terminal.people().await {
            Ok(people) => last_activity(&people, &self.keyboard.pane.session)
                .is_some_and(|at| elapsed(at, clock::now()) < self.keyboard.quiet),
            Err(_) => true,
        }
    }

    fn rules(&self) -> &ScreenRules {
        &self.keyboard.spec.preset.screen
    }

    /// Whether the program draws what was pasted. Enter at a prompt that still is empty would bring
    /// nothing, and look as if it had.
    async fn is_shown(&self, text: &str, before: &Capture) -> Result<bool, Failure> {
        let start = start_of(text);
        let count = |capture: &Capture| capture.text.matches(start).count();
        let drawn = count(before);
        self.comes_true(|capture| {
            // A `ready` pattern without a `draft` group takes a full input row for an empty one.
            let is_empty = self.rules().read(capture) == Screen::Prompt;
            self.rules().holds(capture, text) || (is_empty && count(capture) > drawn)
        })
        .await
    }

    /// After Enter the input row of a screen that is known must be empty: a text to which something was
    /// added was not submitted. A dialog hides the row, and may have come up before and had the key:
    /// the text has to stand in the transcript above it.
    async fn was_taken(&self, text: &str, before: &Capture) -> Result<bool, Failure> {
        let drawn = times_shown(&before.text, text);
        self.comes_true(|capture| {
            let stands = drawn > 0 && times_shown(&capture.text, text) >= drawn;
            let is_known = match self.rules().explain(capture).state {
                ScreenState::Unknown | ScreenState::Viewer => false,
                state => !state.is_dialog(),
            };
            (is_known || stands) && !self.rules().has_draft(capture)
        })
        .await
    }

    /// Looks until the screen is as wanted, or the time for it is over.
    async fn comes_true(&self, wanted: impl Fn(&Capture) -> bool) -> Result<bool, Failure> {
        let until = clock::monotonic() + TAKEN;
        while clock::monotonic() < until && !self.keyboard.hush.get() {
            if wanted(&self.look().await?) {
                return Ok(true);
            }
            tokio::time::sleep(LOOK).await;
        }
        Ok(false)
    }

    async fn look(&self) -> Result<Capture, Failure> {
        Ok(self.hands.terminal.look(&self.keyboard.pane.pane).await?)
    }

    /// What the input row holds, if that is just what a daemon pasted that did not get to press
    /// Enter. A person's half-typed line is never that, and is left alone.
    async fn leftover(&self) -> Result<Option<Pasted>, Failure> {
        let Ok(text) = fs_err::read_to_string(self.paste_file()) else {
            return Ok(None);
        };
        // One without a name is none of those that are still to be brought.
        let message = fs_err::read_to_string(self.name_file()).unwrap_or_default();
        let is_own = self.rules().holds(&self.look().await?, &text);
        Ok(is_own.then_some(Pasted { message, text }))
    }

    /// Makes the text ready to be pasted in one step, which tmux does once.
    async fn load(&self, text: &str) -> Result<(), Failure> {
        let file = self.paste_file();
        atomic::write_for_boot(&file, text.as_bytes())?;
        atomic::write_for_boot(&self.name_file(), self.keyboard.message.as_bytes())?;
        let load = request::load(&self.keyboard.buffer(), &file);
        match self.hands.terminal.ask(load).await? {
            true => Ok(()),
            false => Err(Failure("tmux did not take its text".to_owned())),
        }
    }

    /// What was loaded is not pasted.
    pub(crate) async fn unload(&self) {
        // One that is not there needs no end.
        let unload = request::unload(&self.keyboard.buffer());
        let _ = self.hands.terminal.ask(unload).await;
    }

    /// The files stay until their text was taken: they tell whose text is in the input row.
    fn forget_paste(&self) {
        // One that stays is replaced by the next paste.
        let _ = fs_err::remove_file(self.name_file());
        let _ = fs_err::remove_file(self.paste_file());
    }

    /// Which message the pasted text is.
    fn name_file(&self) -> PathBuf {
        self.paste_file().with_extension("message")
    }

    fn paste_file(&self) -> PathBuf {
        self.hands
            .town
            .paths()
            .pastes()
            .join(self.keyboard.spec.agent.file_stem())
    }
}
