//! Watching what agents' screens show: tmux is asked which panes were drawn in, and only those are
//! looked at.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use gt_core::incarnation::IncarnationId;
use gt_core::screen::Look;
use gt_host::clock;
use gt_host::preset::Preset;
use gt_host::tmux::{Drawn, PaneId};
use tokio::sync::oneshot;

use crate::daemon::{Daemon, Hands};
use crate::event::Event;

/// The pause between two questions while nothing is drawn.
const PAUSE: Duration = Duration::from_millis(650);

/// The pause while something is: what has to be seen twice is told within a second of the first
/// question's pause.
const SHORT_PAUSE: Duration = Duration::from_millis(250);

/// After so many seconds everything is looked at anew: what was drawn before its run was known of
/// was nobody's then.
const SWEEP: i64 = 300;

/// A screen that was drawn, of a run that is watched.
#[derive(Debug)]
pub(crate) struct Watched {
    incarnation: IncarnationId,
    pane: PaneId,
    preset: Arc<Preset>,
    is_still: bool,
}

/// Watches until the loop has ended.
pub(crate) fn watch(hands: &Rc<Hands>) {
    let hands = Rc::clone(hands);
    tokio::task::spawn_local(async move {
        let mut watch = Watch::default();
        let mut pause = PAUSE;
        loop {
            tokio::time::sleep(pause).await;
            pause = match watch.look(&hands).await {
                Some(Saw::Nothing) => PAUSE,
                Some(Saw::Something) => SHORT_PAUSE,
                None => return,
            };
        }
    });
}

/// Whether anything was drawn.
#[derive(Debug, Clone, Copy)]
enum Saw {
    Nothing,
    Something,
}

/// What was seen so far.
#[derive(Debug, Default)]
struct Watch {
    canvas: Canvas,
    /// The last question was not answered.
    is_blind: bool,
}

impl Watch {
    /// One question, and a look at every screen that may be new. None once the loop has ended.
    async fn look(&mut self, hands: &Hands) -> Option<Saw> {
        let now = clock::now().as_second();
        let Ok(rows) = hands.terminal.drawn_since(self.canvas.since(now)).await else {
            if !std::mem::replace(&mut self.is_blind, true) {
                // The loop finds out why, and tells of it.
                hands.events.send(Event::LookAtTmux).await.ok()?;
            }
            return Some(Saw::Nothing);
        };
        self.is_blind = false;
        let drawn = self.canvas.take(rows, now);
        if drawn.is_empty() {
            return Some(Saw::Nothing);
        }
        let (reply, watched) = oneshot::channel();
        hands
            .events
            .send(Event::Drawn { drawn, reply })
            .await
            .ok()?;
        for one in watched.await.ok()? {
            self.look_at(one, hands).await?;
        }
        Some(Saw::Something)
    }

    async fn look_at(&mut self, watched: Watched, hands: &Hands) -> Option<()> {
        let at = clock::now();
        let Ok(capture) = hands.terminal.look(&watched.pane.to_string()).await else {
            self.canvas.forget(&watched.pane);
            return Some(());
        };
        let look = Look {
            reading: watched.preset.screen.explain(&capture),
            at,
            is_still: watched.is_still,
        };
        let seen = Event::Seen(watched.incarnation, Box::new(look));
        hands.events.send(seen).await.ok()
    }
}

/// When each pane was drawn, as far as it has to be known: tmux tells the second alone, and what
/// was drawn in the second of the last look may have been drawn after it.
#[derive(Debug, Default)]
struct Canvas {
    /// The latest second in which anything was drawn.
    latest: i64,
    /// In which second everything was last looked at.
    swept: i64,
    /// The panes that were looked at after the second in which they were last drawn.
    still: BTreeMap<PaneId, i64>,
}

/// A pane to look at, and whether nothing was drawn in it within this second.
pub(crate) type Fresh = (Drawn, bool);

impl Canvas {
    /// From which second on a drawing may be new. A clock that was set back makes everything so.
    fn since(&mut self, now: i64) -> i64 {
        if self.latest > now || now - self.swept >= SWEEP {
            *self = Self {
                swept: now,
                ..Self::default()
            };
        }
        self.latest
    }

    /// What of this has to be looked at, now.
    fn take(&mut self, rows: Vec<Drawn>, now: i64) -> Vec<Fresh> {
        self.latest = rows
            .iter()
            .map(|row| row.second)
            .fold(self.latest, i64::max);
        let latest = self.latest;
        let known = std::mem::take(&mut self.still);
        let mut fresh = Vec::new();
        for row in rows {
            let is_still = now > row.second;
            if is_still && row.second >= latest {
                self.still.insert(row.pane_id.clone(), row.second);
            }
            if known.get(&row.pane_id) != Some(&row.second) {
                fresh.push((row, is_still));
            }
        }
        fresh
    }

    /// The pane was not looked at after all.
    fn forget(&mut self, pane: &PaneId) {
        self.still.remove(pane);
    }
}

impl Daemon {
    /// Of which runs these panes are. What nobody's run is shown in is nobody's business.
    pub(crate) fn watched(&self, drawn: Vec<Fresh>) -> Vec<Watched> {
        let mut by_process: BTreeMap<u32, Fresh> = drawn
            .into_iter()
            .map(|(row, is_still)| (row.pane_pid, (row, is_still)))
            .collect();
        let seats = self.seats.values();
        seats
            .filter_map(|seat| {
                let (incarnation, ..) = seat.running()?;
                let (row, is_still) = by_process.remove(&seat.first_process?)?;
                Some(Watched {
                    incarnation,
                    pane: row.pane_id,
                    preset: Arc::clone(seat.preset()),
                    is_still,
                })
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(pane: u32, second: i64) -> Drawn {
        Drawn {
            pane_id: format!("%{pane}").parse().unwrap(),
            pane_pid: pane,
            second,
        }
    }

    /// The panes that are to be looked at, with a mark where they rest.
    fn take(canvas: &mut Canvas, rows: &[(u32, i64)], now: i64) -> Vec<(u32, bool)> {
        let since = canvas.since(now);
        let rows = rows.iter().filter(|(_, second)| *second >= since);
        let rows = rows.map(|(pane, second)| drawn(*pane, *second)).collect();
        let fresh = canvas.take(rows, now);
        fresh
            .into_iter()
            .map(|(row, is_still)| (row.pane_pid, is_still))
            .collect()
    }

    #[test]
    fn everything_is_looked_at_once_and_then_what_was_drawn() {
        let mut canvas = Canvas::default();
        let rows = [(1, 10), (2, 12)];
        assert_eq!(take(&mut canvas, &rows, 20), [(1, true), (2, true)]);
        assert_eq!(take(&mut canvas, &rows, 20), []);
        assert_eq!(take(&mut canvas, &[(1, 21), (2, 12)], 22), [(1, true)]);
        assert_eq!(take(&mut canvas, &[(1, 21), (2, 12)], 23), []);
        let later = 20 + SWEEP;
        assert_eq!(
            take(&mut canvas, &[(1, 21), (2, 12)], later),
            [(1, true), (2, true)]
        );
    }

    #[test]
    fn what_is_being_drawn_is_looked_at_until_it_rests() {
        let mut canvas = Canvas::default();
        assert_eq!(take(&mut canvas, &[(1, 20)], 20), [(1, false)]);
        assert_eq!(take(&mut canvas, &[(1, 20)], 20), [(1, false)]);
        assert_eq!(take(&mut canvas, &[(1, 20)], 21), [(1, true)]);
        assert_eq!(take(&mut canvas, &[(1, 20)], 21), []);
        // Another one, drawn in the same second as the latest that rests.
        assert_eq!(take(&mut canvas, &[(1, 20), (2, 20)], 22), [(2, true)]);
    }

    #[test]
    fn a_clock_that_is_set_back_hides_nothing() {
        let mut canvas = Canvas::default();
        assert_eq!(take(&mut canvas, &[(1, 500)], 501), [(1, true)]);
        assert_eq!(take(&mut canvas, &[(1, 100)], 101), [(1, true)]);
    }
}
