//! A person at a terminal goes to an agent's. The terminal is a tmux of the test's own.

use std::path::PathBuf;
use std::time::Duration;

use gt_host::command::Program;
use gt_testkit::town::TestTown;

use crate::{add_rig, prompt, town};

/// A person's terminal, on a tmux server that ends with it.
struct Terminal<'a> {
    town: &'a TestTown,
}

impl<'a> Terminal<'a> {
    /// Opens one that runs `gt` with these arguments, and stays when that has ended.
    fn open(town: &'a TestTown, gt: &[&str]) -> Self {
        let configuration = town.beside().join("terminal.conf");
        fs_err::write(&configuration, "set-option -g remain-on-exit on\n").unwrap();
        let terminal = Self { town };
        let configuration = configuration.display().to_string();
        let root = town.root().display().to_string();
        let begin = ["-f", &configuration, "new-session", "-d", "-x100", "-y30"];
        // tmux does not always know how a pane's program ended; the shell does.
        let script = format!(
            "env -u TMUX \"$0\" \"$@\"; echo $? > {}",
            terminal.end_file().display()
        );
        let program = ["-c", &root, "sh", "-c", &script, env!("CARGO_BIN_EXE_gt")];
        terminal.tmux(&[&begin[..], &program, gt].concat());
        terminal
    }

    /// Holds the command's exit code once it has ended.
    fn end_file(&self) -> PathBuf {
        self.town.beside().join("terminal.end")
    }

    fn tmux(&self, arguments: &[&str]) -> String {
        let patience = Duration::from_secs(10);
        let mut tmux = Program::new("tmux", self.town.root(), patience).only(&[]);
        for (variable, value) in self.town.command(self.town.root()).get_envs() {
            tmux = tmux.env(variable, value.unwrap());
        }
        let socket = self.town.beside().join("terminal").display().to_string();
        let output = tmux.args(["-S", &socket]).args(arguments).run().unwrap();
        assert_eq!(output.code, 0, "{}", output.stderr);
        String::from_utf8(output.stdout).unwrap()
    }

    fn press(&self, keys: &[&str]) {
        self.tmux(&[&["send-keys"], keys].concat());
    }

    fn type_line(&self, line: &str) {
        self.press(&["-l", "--", line]);
        self.press(&["Enter"]);
    }

    /// Leaves the tmux within by its own keys, and waits until the command has ended well.
    #[track_caller]
    fn detach(&self) {
        self.press(&["C-b"]);
        // Two keys within a millisecond are a paste to tmux, and no command.
        self.town.wait_for("the prefix to be taken", || {
            let prefixes = ["tmux", "list-clients", "-F", "#{client_prefix}"];
            self.town.gt(&prefixes).ok().contains('1').then_some(())
        });
        self.press(&["d"]);
        self.town.wait_for("the end of the command", || {
            let end = fs_err::read_to_string(self.end_file()).unwrap_or_default();
            (end == "0\n").then_some(())
        });
    }

    #[track_caller]
    fn wait_to_show(&self, text: &str) {
        self.town
            .wait_for(&format!("{text:?} on the terminal"), || {
                self.tmux(&["capture-pane", "-p"])
                    .contains(text)
                    .then_some(())
            });
    }
}

impl Drop for Terminal<'_> {
    fn drop(&mut self) {
        self.tmux(&["kill-server"]);
    }
}

/// The sessions that somebody looks at, one for each terminal.
fn watched(town: &TestTown) -> Vec<String> {
    let clients = town
        .gt(&["tmux", "list-clients", "-F", "#{session_name}"])
        .ok();
    let agents = clients.lines().filter(|name| name.starts_with("gt-"));
    agents.map(str::to_owned).collect()
}

/// Covers T6, T10: attaching starts the agent, shows its one session on a real terminal, passes
/// keys, and ends by a detach that costs the agent nothing. Without a terminal it says so.
#[test]
fn a_person_goes_to_an_agents_terminal_and_leaves_it() {
    let town = town("");
    add_rig(&town, "gas");
    town.gt(&["up"]).ok();
    let refused = town.gt(&["attach", "mayor"]).code(2);
    assert!(
        refused.contains("`gt peek mayor` prints its screen"),
        "{refused}"
    );

    let terminal = Terminal::open(&town, &["witness", "attach", "gas"]);
    terminal.wait_to_show("[gas/witness] witness");
    terminal.wait_to_show("? for shortcuts");
    let witness = town.agent("gas/witness");
    terminal.type_line("/say I can be typed to");
    terminal.wait_to_show("I can be typed to");
    assert_eq!(watched(&town), ["gt-gas-witness"]);
    let names = town
        .gt(&["tmux", "list-sessions", "-F", "#{session_name}"])
        .ok();
    assert_eq!(names.matches("witness").count(), 1, "{names}");

    terminal.detach();
    let after = town.agent("gas/witness");
    assert_eq!(
        (after.pid, after.incarnation),
        (witness.pid, witness.incarnation)
    );
}

/// Covers T16: within the town's own tmux the terminal goes over to the agent's session; no tmux
/// runs within a tmux.
#[test]
fn within_the_towns_tmux_attaching_switches() {
    let town = town("");
    town.gt(&["up"]).ok();
    prompt(&town, "deacon");
    let terminal = Terminal::open(&town, &["tmux", "new-session", "-s", "person", "env", "sh"]);
    terminal.wait_to_show("[person]");
    terminal.type_line(&format!("{} attach deacon", env!("CARGO_BIN_EXE_gt")));
    terminal.wait_to_show("[Deacon] health-check");
    assert_eq!(watched(&town), ["gt-deacon"]);
    let wishes = town.events("intent_changed", "deacon");
    assert_eq!(wishes, 0, "who looks at an agent wants nothing of it");
    town.wait_for("the command to have ended", || {
        let line = "#{pane_current_command}";
        let runs = town
            .gt(&["tmux", "list-panes", "-t", "=person:", "-F", line])
            .ok();
        (runs.trim() == "sh").then_some(())
    });
    terminal.detach();
    town.gt(&["tmux", "kill-session", "-t", "=person"]).ok();
}

/// Covers F45, F69, T15: two towns on one machine have the same names and nothing else in common.
#[test]
fn the_end_of_one_town_is_nothing_to_another() {
    let (one, other) = (town(""), town(""));
    for town in [&one, &other] {
        town.gt(&["up"]).ok();
    }
    let before = other.agent("mayor");
    assert_eq!(one.agent("mayor").session, before.session);
    one.gt(&["down"]).ok();
    one.gt(&["tmux", "list-sessions"]).code(1);
    let after = other.agent("mayor");
    assert_eq!(
        (after.pid, after.incarnation),
        (before.pid, before.incarnation)
    );
    assert_eq!(other.starts("mayor"), 1);
    prompt(&other, "mayor");
}
