//! Configuration, registry and directories: who has a seat in the town.

use gt_core::event::EventKind;
use gt_core::observed::chain;
use gt_core::policy::Run;
use gt_core::snapshot::Holder;
use gt_core::{AgentId, Roll};
use gt_host::agent_environment::Captured;
use gt_host::config::Config;
use gt_host::json_file::JsonFileError;
use gt_host::roster;

use crate::daemon::Daemon;
use crate::files::{Found, Settings};
use crate::seat::Seat;

impl Daemon {
    /// Reads town.toml and the registry anew.
    pub(crate) fn reload(&mut self) {
        if self.is_in_place() {
            self.read_settings();
            self.read_rigs();
            self.read_store();
        }
    }

    /// Takes over who is in the town.
    pub(crate) fn take_found(&mut self, found: Found) {
        // What is read while a town is being moved or deleted is half of it.
        if self.is_in_place() {
            let before = (self.roster_problems.clone(), None);
            let agents: Vec<AgentId> = self.seats.keys().cloned().collect();
            self.take_roster(found);
            let after = (self.roster_problems.clone(), self.silence());
            if after != before || !self.seats.keys().eq(&agents) {
                self.tell_reload(EventKind::Reloaded);
            }
        }
        self.end_rigs_reading();
    }

    /// Takes over what the configuration says. What is wrong is shown, and the last good one stays in
    /// force.
    pub(crate) fn take_settings(&mut self, read: Settings) {
        if self.is_in_place() {
            let before = std::mem::take(&mut self.problems);
            let mut kind = EventKind::Reloaded;
            let mut is_changed = false;
            match read.config {
                Ok(config) => is_changed = self.follow(config),
                Err(error) => {
                    self.problems.push(chain(&error));
                    kind = EventKind::ReloadFailed;
                }
            }
            self.compare_tmux();
            self.take_environment(read.captured);
            if is_changed || self.problems != before {
                self.tell_reload(kind);
            }
        }
        self.end_settings_reading();
    }

    /// True when the configuration is another, for each seat as well.
    fn follow(&mut self, config: Config) -> bool {
        let is_changed = self.config != config;
        self.policy = config.policy.clone();
        self.config = config;
        if let Some(discovery) = self.discovery.clone().filter(|_| is_changed) {
            let with_holders = Vec::new();
            self.take_roster(Found {
                discovery,
                with_holders,
            });
        }
        is_changed
    }

    /// One change of a file is told of several times, and said once.
    fn tell_reload(&mut self, kind: EventKind) {
        self.stirred = true;
        self.note(kind, None, self.all_problems().join("; "));
    }

    pub(crate) fn all_problems(&self) -> Vec<String> {
        let silence = self.silence().map(str::to_owned);
        let known = [self.problems.as_slice(), &self.roster_problems].concat();
        known.into_iter().chain(silence).collect()
    }

    /// Says so when the town is told to be on another tmux server than it is on.
    pub(crate) fn compare_tmux(&mut self) {
        let used = &self.hands.tmux_socket;
        if self.config.tmux_socket_path(self.hands.town.paths()) != *used {
            self.problems.push(format!(
                "`tmux.socket` is another than the town is on, `{}`: `gt down` and `gt up` move it",
                used.display()
            ));
        }
    }

    /// Reads the environment that a person's `gt up` captured last.
    pub(crate) fn read_environment(&mut self) {
        self.take_environment(Captured::read(self.hands.town.paths()));
    }

    fn take_environment(&mut self, read: Result<Option<Captured>, JsonFileError>) {
        match read {
            Ok(captured) => self.captured = captured.unwrap_or_default(),
            Err(error) => self.problems.push(chain(&error)),
        }
    }

    /// Gives every agent of the roster a seat. One that is no longer in it keeps its seat for as
    /// long as something of it runs, and is never started again.
    pub(crate) fn take_roster(&mut self, found: Found) {
        let roster = roster::of(self.hands.town.paths(), &self.config, found.discovery);
        self.roster_problems = roster.problems;
        self.discovery = Some(roster.discovery);
        for seat in self.seats.values_mut() {
            seat.spec.is_listed = false;
            seat.spec.run = Run::Never;
        }
        for spec in roster.seats {
            match self.seats.get_mut(&spec.agent) {
                Some(seat) => seat.take_spec(spec),
                None => self.add_seat(spec),
            }
        }
        self.clear_seats();
        self.add_unlisted(found.with_holders);
    }

    /// Clears the seats that are empty, of agents that are not in the roster any more.
    pub(crate) fn clear_seats(&mut self) {
        let is_over = |_: &AgentId, seat: &mut Seat| {
            let is_empty = seat.holder.known() == Some(&Holder::Gone) && seat.in_flight.is_none();
            is_empty && !seat.spec.is_listed
        };
        for (agent, seat) in self.seats.extract_if(.., is_over) {
            // It has told all that it had to tell. One that stays is looked at once more.
            let _ = fs_err::remove_file(self.hands.town.paths().holder_state(&agent));
            if let Some(remembered) = &mut self.remembered {
                remembered.keep(seat);
            }
        }
    }

    fn add_seat(&mut self, spec: roster::SeatSpec) {
        let agent = spec.agent.clone();
        let mut seat = Seat::new(spec);
        if let Some(remembered) = &mut self.remembered {
            remembered.give_to(&mut seat);
        }
        self.seats.insert(agent.clone(), seat);
        self.connect(&agent);
        self.look_at_tmux();
    }

    /// Holders of agents that the roster does not know, such as those of a rig that was removed:
    /// shown, and left as they are.
    fn add_unlisted(&mut self, with_holders: Vec<AgentId>) {
        for agent in with_holders {
            if !self.seats.contains_key(&agent) {
                let spec = roster::unlisted(self.hands.town.paths(), &self.config, &agent);
                self.add_seat(spec);
            }
        }
    }

    /// Everyone who has a seat, to resolve names against.
    pub(crate) fn roll(&self) -> Roll {
        let rigs: Vec<_> = self
            .seats
            .keys()
            .filter_map(|agent| agent.rig().cloned())
            .collect();
        let mut rigs = rigs;
        rigs.sort();
        rigs.dedup();
        Roll::new(rigs, self.seats.keys().cloned())
    }
}
