//! What a screen has been showing, without what only flickers by.

use jiff::Timestamp;

use super::{Reading, ScreenState};

/// Who says what an agent is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Authority {
    /// Its screen.
    Screen,
    /// Its program, by a hook.
    Hook,
}

/// What the screen of one run has been showing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sighting {
    /// What it shows, with the latest evidence.
    pub reading: Reading,
    /// Since when it shows this state.
    pub since: Timestamp,
    /// Who says so.
    pub authority: Authority,
    /// What the last look showed instead. A program that redraws shows for a moment what it is not.
    doubtful: Option<ScreenState>,
}

/// One look at a screen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    /// What it showed.
    pub reading: Reading,
    /// When.
    pub at: Timestamp,
    /// Whether nothing had been drawn for a while: this is no moment of a redrawing.
    pub is_still: bool,
}

impl Sighting {
    /// The first look at a run's screen.
    pub fn begin(look: Look) -> Self {
        Self::new(look, Authority::Screen)
    }

    /// What the program told first.
    pub fn told(told: Look) -> Self {
        Self::new(told, Authority::Hook)
    }

    fn new(look: Look, authority: Authority) -> Self {
        Self {
            reading: look.reading,
            since: look.at,
            authority,
            doubtful: None,
        }
    }

    /// Takes the next look in; true when the screen shows another state from now on.
    ///
    /// A dialog counts at once: nobody shall type meanwhile. Anything else counts when the screen
    /// rests, or shows it a second time. A screen that was opened to look at something says nothing,
    /// nor does one from before the state was told.
    pub fn take(&mut self, look: Look) -> bool {
        let state = look.reading.state;
        if state == ScreenState::Viewer || look.at < self.since {
            return false;
        }
        if state == self.reading.state {
            self.reading = look.reading;
            self.authority = Authority::Screen;
            self.doubtful = None;
            return false;
        }
        let is_certain = look.is_still || state.is_dialog() || self.doubtful == Some(state);
        if is_certain {
            *self = Self::begin(look);
        } else {
            self.doubtful = Some(state);
        }
        is_certain
    }

    /// Takes in what the program itself tells; true when that is another state. What its screen
    /// shows afterwards can say otherwise: a program does not tell of everything, such as an
    /// interruption.
    pub fn hear(&mut self, told: Look) -> bool {
        self.doubtful = None;
        let is_other = told.reading.state != self.reading.state;
        if is_other {
            *self = Self::told(told);
        }
        is_other
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ScreenState::{Idle, NeedsAnswer, NeedsApproval, Unknown, Viewer, Working};

    fn look(state: ScreenState, second: i64) -> Look {
        Look {
            reading: Reading {
                state,
                rule: Some("rule".to_owned()),
                line: Some(format!("line at {second}")),
                reset: None,
            },
            at: Timestamp::from_second(second).unwrap(),
            is_still: false,
        }
    }

    fn still(state: ScreenState, second: i64) -> Look {
        Look {
            is_still: true,
            ..look(state, second)
        }
    }

    /// Covers F62: the prompt that is drawn for a moment between two calls of tools is no rest.
    #[test]
    fn a_flicker_changes_nothing_and_what_lasts_does() {
        let mut sighting = Sighting::begin(look(Working, 1));
        assert!(!sighting.take(look(Idle, 2)));
        assert!(!sighting.take(look(Working, 3)));
        assert!(!sighting.take(look(Idle, 4)));
        assert!(!sighting.take(look(Unknown, 5)));
        assert_eq!(sighting.reading.state, Working);
        assert_eq!(sighting.since.as_second(), 1);
        assert!(sighting.take(look(Unknown, 6)));
        assert_eq!(sighting.since.as_second(), 6);
    }

    #[test]
    fn a_screen_that_rests_counts_at_once() {
        let mut sighting = Sighting::begin(look(Working, 1));
        assert!(sighting.take(still(Idle, 2)));
        assert_eq!(sighting.reading.state, Idle);
    }

    #[test]
    fn a_dialog_counts_at_once() {
        for state in [NeedsApproval, NeedsAnswer] {
            let mut sighting = Sighting::begin(look(Working, 1));
            assert!(sighting.take(look(state, 2)));
            assert_eq!(sighting.reading.state, state);
        }
    }

    #[test]
    fn a_viewer_changes_nothing() {
        let mut sighting = Sighting::begin(look(Working, 1));
        assert!(!sighting.take(still(Viewer, 2)));
        assert!(!sighting.take(still(Viewer, 3)));
        assert_eq!(sighting.reading.state, Working);
    }

    #[test]
    fn the_evidence_is_the_latest_and_the_time_is_the_first() {
        let mut sighting = Sighting::begin(look(Idle, 1));
        assert!(!sighting.take(look(Idle, 9)));
        assert_eq!(sighting.reading.line.as_deref(), Some("line at 9"));
        assert_eq!(sighting.since.as_second(), 1);
    }

    /// A hook runs while the screen still shows the turn that is over.
    #[test]
    fn what_the_program_tells_holds_until_its_screen_says_otherwise_twice() {
        let mut sighting = Sighting::begin(look(Working, 1));
        assert!(sighting.hear(look(Idle, 5)));
        assert!(!sighting.hear(look(Idle, 6)));
        assert_eq!(sighting.authority, Authority::Hook);
        assert!(!sighting.take(still(Working, 4)), "a look from before");
        assert!(!sighting.take(look(Working, 7)));
        assert!(!sighting.take(look(Idle, 8)));
        assert_eq!(
            (sighting.reading.state, sighting.since.as_second()),
            (Idle, 5)
        );
        assert!(!sighting.take(look(Working, 9)));
        assert!(sighting.take(look(Working, 10)));
    }
}
