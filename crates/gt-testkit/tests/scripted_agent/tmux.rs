//! The agent in a pane of a real tmux, driven as a town drives it.

use std::path::PathBuf;
use std::time::Duration;

use gt_core::screen::{Capture, Screen};
use gt_host::clock;
use gt_host::command::Program;
use gt_testkit::scripted_agent::{JOURNAL_VARIABLE, screen_rules};
use tempfile::TempDir;

use super::seat::{PATIENCE, program};

/// A tmux server of the test's own, ended when dropped.
struct Server {
    directory: TempDir,
}

impl Server {
    fn start() -> Self {
        let server = Self {
            directory: tempfile::tempdir().unwrap(),
        };
        let journal = format!("{JOURNAL_VARIABLE}={}", server.journal().display());
        let program = program();
        let program = program.to_str().unwrap();
        let session = ["new-session", "-d", "-s", "agent", "-e", &journal];
        // Two words: tmux gives a single one to the account's shell, which may be none.
        server.tmux(&[&session[..], &["env", program]].concat());
        server
    }

    fn journal(&self) -> PathBuf {
        self.directory.path().join("journal")
    }

    fn tmux(&self, arguments: &[&str]) -> String {
        let socket = self.directory.path().join("tmux.sock");
        Program::new("tmux", self.directory.path(), Duration::from_secs(30))
            .without_marks()
            .args(["-u", "-f", "/dev/null", "-S", socket.to_str().unwrap()])
            .args(arguments)
            .output()
            .unwrap()
    }

    #[track_caller]
    fn wait_for(&self, expect: Screen) {
        let rules = screen_rules();
        let until = clock::monotonic() + PATIENCE;
        loop {
            let screen = self.tmux(&["capture-pane", "-p", "-t", "agent"]);
            if rules.read(&Capture::untitled(&screen)) == expect {
                return;
            }
            assert!(clock::monotonic() < until, "no {expect:?}:\n{screen}");
        }
    }

    fn paste(&self, text: &str) {
        self.tmux(&["set-buffer", "-b", "message", text]);
        self.tmux(&["paste-buffer", "-p", "-d", "-b", "message", "-t", "agent"]);
    }

    fn enter(&self) {
        self.tmux(&["send-keys", "-t", "agent", "Enter"]);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.tmux(&["kill-server"]);
    }
}

#[test]
fn a_pane_shows_each_state_and_takes_a_paste_as_one_prompt() {
    let server = Server::start();
    server.wait_for(Screen::Prompt);
    server.paste("one\ntwo\nthree");
    server.wait_for(Screen::Draft);
    server.enter();
    server.wait_for(Screen::Prompt);
    let journal = fs_err::read_to_string(server.journal()).unwrap();
    assert!(
        journal.ends_with(" - prompt one\\ntwo\\nthree\n"),
        "{journal}"
    );

    server.paste("/dialog danger");
    server.wait_for(Screen::Draft);
    server.enter();
    server.wait_for(Screen::Dialog);
    server.tmux(&["send-keys", "-t", "agent", "Escape"]);
    server.wait_for(Screen::Prompt);
    server.paste("/busy 1000");
    server.wait_for(Screen::Draft);
    server.enter();
    server.wait_for(Screen::Busy);
}
