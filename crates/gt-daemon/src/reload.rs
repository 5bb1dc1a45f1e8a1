//! Configuration, registry and directories: who has a seat in the town.

use gt_api::request::Response;
use gt_core::event::EventKind;
use gt_core::observed::chain;
use gt_core::policy::Run;
use gt_core::snapshot::Holder;
use gt_core::{AgentId, Roll};
use gt_host::agent_environment::Captured;
use gt_host::json_file::JsonFileError;
use gt_host::roster::{self, TownRoster};

use crate::daemon::Daemon;
use crate::files::{Extent, Settings, TownFiles};
use crate::seat::Seat;

impl Daemon {
    /// Reads town.toml and the registry anew.
    pub(crate) fn reload(&mut self) {
        if self.is_in_place() {
            self.read_files(Extent::Everything);
            self.read_store();
        }
    }

    /// Takes over what the files say. What is wrong is shown, and the last good one stays in force.
    pub(crate) fn take_files(&mut self, files: TownFiles) {
        // What is read while a town is being moved or deleted is half of it.
        if self.is_in_place() {
            self.apply(files);
        }
        self.end_files_reading();
    }

    fn apply(&mut self, files: TownFiles) {
        let before = self.all_problems();
        let agents: Vec<AgentId> = self.seats.keys().cloned().collect();
        let told = files.settings.as_ref().map(|read| match read.config {
            Ok(_) => EventKind::Reloaded,
            Err(_) => EventKind::ReloadFailed,
        });
        let is_changed = files.settings.is_some_and(|read| self.take_settings(read));
        self.take_roster(files.roster, files.with_holders);
        let problems = self.all_problems();
        let is_news = is_changed || problems != before || !self.seats.keys().eq(&agents);
        self.stirred |= is_news;
        // One change of a file is told of several times.
        if let Some(kind) = told.filter(|_| is_news) {
            self.note(kind, None, problems.join("; "));
        }
        for reply in files.replies {
            // The client may have hung up.
            let _ = reply.send(Response::Done);
        }
    }

    pub(crate) fn all_problems(&self) -> Vec<String> {
        [self.problems.as_slice(), &self.roster_problems].concat()
    }

    /// True when the configuration is another.
    fn take_settings(&mut self, read: Settings) -> bool {
        let mut is_changed = false;
        self.problems.clear();
        match read.config {
            Ok(config) => {
                is_changed = self.config != config;
                self.policy = config.policy.clone();
                self.config = config;
            }
            Err(error) => self.problems.push(chain(&error)),
        }
        self.compare_tmux();
        self.take_environment(read.captured);
        is_changed
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
    fn take_roster(&mut self, roster: TownRoster, with_holders: Vec<AgentId>) {
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
        self.add_unlisted(with_holders);
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
