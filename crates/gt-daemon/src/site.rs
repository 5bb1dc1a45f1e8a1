//! The town's directory, moved or deleted under its daemon.

use std::time::Duration;

use gt_api::request::Reach;
use gt_core::event::EventKind;
use gt_core::observed::chain;
use gt_host::lock::{Lock, LockError, LockFile};
use gt_host::town::site::Whereabouts;

use crate::daemon::Daemon;
use crate::event::Event;

/// Whoever looks whether the lock is held holds it for microseconds.
const PROBE: Duration = Duration::from_millis(20);

/// How long tmux may take to be left.
const LEAVE: Duration = Duration::from_secs(5);

impl Daemon {
    /// Looks whether the town is whole and where it was; only then is what its files say to be
    /// believed. Whoever runs in a town that was deleted is out of reach of every command: the
    /// daemon brings it down.
    pub(crate) fn is_in_place(&mut self) -> bool {
        let paths = self.hands.town.paths();
        let is_gutted = matches!(paths.town_json().try_exists(), Ok(false));
        let problem = match self.hands.site.look() {
            Ok(Whereabouts::There) if !is_gutted => return true,
            Ok(Whereabouts::There) => "`mayor/town.json` is gone".to_owned(),
            Ok(Whereabouts::Replaced) if !is_gutted => {
                self.give_way();
                return false;
            }
            // An empty directory may be where a disk is to be mounted again.
            Ok(Whereabouts::Moved | Whereabouts::Replaced) => format!(
                "the town was moved away from `{}`: `gt down` and `gt up` where it is now",
                paths.root().display()
            ),
            Ok(Whereabouts::Deleted) => {
                self.lose_town();
                return false;
            }
            Err(error) => chain(&error),
        };
        if !self.problems.contains(&problem) {
            self.note(EventKind::Unobservable, None, problem.clone());
            self.problems = vec![problem];
        }
        // What is being deleted is soon gone, and what is being moved may come back.
        self.hands.tell_again(Event::Reload);
        false
    }

    /// Another town is where this one was: nothing is done any more by paths that lead into it.
    pub(crate) fn has_given_way(&mut self) -> bool {
        let is_replaced = matches!(self.hands.site.look(), Ok(Whereabouts::Replaced));
        if !self.is_displaced && is_replaced && self.hands.town.paths().town_json().exists() {
            self.give_way();
        }
        self.is_displaced
    }

    fn give_way(&mut self) {
        self.is_displaced = true;
        self.ending = true;
        let root = self.hands.town.paths().root().display().to_string();
        let text = format!(
            "the town was moved away from `{root}`, where another town is now: this daemon ends; \
             `gt up` where the town is now brings up another"
        );
        self.note(EventKind::Unobservable, None, text);
    }

    /// A lock whose file was removed is taken anew, and one that another daemon has by now is left to it.
    pub(crate) fn look_at_lock(&mut self) {
        let found = self.lock.borrow().look();
        if matches!(found, Ok(LockFile::There) | Err(_)) {
            return;
        }
        let is_over = self.is_down() && matches!(found, Ok(LockFile::Replaced));
        let path = self.hands.town.paths().daemon_lock();
        match Lock::acquire(&path, PROBE) {
            Ok(lock) if !is_over => drop(self.lock.replace(lock)),
            Ok(_) | Err(LockError::Held { .. }) => {
                self.is_displaced = true;
                self.ending = true;
                let text = "its lock was removed, and another daemon has taken one: this one ends";
                self.note(EventKind::Unobservable, None, text);
            }
            // Tried again at the next look.
            Err(LockError::Io { .. }) => {}
        }
    }

    fn lose_town(&mut self) {
        if !self.is_lost {
            self.is_lost = true;
            let text = "the town's directory was deleted: it shall be down";
            self.note(EventKind::IntentChanged, None, text);
        }
    }

    /// Leaves the tmux of a town that is over. A server of the town's own is ended by whoever brings
    /// the town down, unless nobody can any more.
    pub(crate) async fn leave_tmux(&self) {
        if self.is_displaced {
            return;
        }
        let is_own = self.hands.tmux_socket == self.hands.town.paths().tmux_socket();
        let leave = async {
            if is_own && self.is_lost {
                self.hands.terminal.end().await;
            } else if self.is_down() {
                self.hands.terminal.leave(is_own).await;
            }
        };
        // A tmux that hangs does not keep the daemon.
        let _ = tokio::time::timeout(LEAVE, leave).await;
    }

    /// A daemon without a town ends once nothing runs any more, and one that brought the town down, even
    /// if whoever asked for that has gone.
    pub(crate) fn end_if_over(&mut self) {
        let mut agents = self.seats.keys();
        let is_over = self.is_lost || (self.told_down && self.waiters.is_empty());
        if is_over && agents.all(|agent| self.has_reached(agent, Reach::Stopped)) {
            self.ending = true;
        }
    }
}
