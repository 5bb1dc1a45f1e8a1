//! The one table of configuration keys. Reading, checking, `get`, `set`, `show`, the commented file
//! of a new town and the schema all come from it.

use std::time::Duration;

use gt_core::Role;
use gt_core::screen::ScreenState;

use super::kind::Kind;
use crate::hook::style::HookStyle;

/// One key. Its path is written with `.`; the parts in capitals stand for any name of their sort.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// Such as `poke.fresh`, `roles.ROLE.run` or `agents.NAME.env.VARIABLE`.
    pub path: &'static str,
    /// Which values it takes.
    pub kind: Kind,
    /// What holds without it.
    pub default: Fallback,
    /// What it is for, in one sentence.
    pub doc: &'static str,
}

/// What holds where the file says nothing, written as in the file.
#[derive(Debug, Clone, Copy)]
pub enum Fallback {
    /// The preset's value, or nothing.
    None,
    /// This.
    Value(&'static str),
    /// This, by role.
    ByRole(fn(Role) -> &'static str),
}

/// Every key, in the order in which they are shown.
///
/// The numbers of `[poke]` are the original's. Those of `[restart]` follow from what is bad: the
/// first restart is at once, because most deaths happen once; from then on the pause doubles, so
/// that eight restarts of a program that dies at start take two minutes and then stop: enough for
/// a hiccup of the network, too few to empty a quota.
pub const KEYS: &[Key] = &[
    key(
        "daemon.heartbeat",
        AT_LEAST_A_SECOND,
        "\"5m\"",
        "The longest time between two looks at everything; events wake the daemon at once.",
    ),
    key(
        "roles.ROLE.agent",
        Kind::Agent,
        "\"claude\"",
        "The preset or [agents.NAME] that the role's agents run.",
    ),
    Key {
        path: "roles.ROLE.model",
        kind: Kind::Text,
        default: Fallback::None,
        doc: "The model that the role's agents are started with, by the name that their program gives it; without it the program chooses.",
    },
    Key {
        path: "roles.ROLE.run",
        kind: Kind::Word(&["always", "on_demand", "never"]),
        default: Fallback::ByRole(run_of),
        doc: "When they run unasked: always, while they owe something (on_demand), or never.",
    },
    key(
        "roles.ROLE.poke",
        Kind::Word(&["always", "owed", "never"]),
        "\"owed\"",
        "When they are poked: whenever they are not fresh (always), only if they also owe something (owed), or never.",
    ),
    key(
        "poke.fresh",
        SPAN,
        "\"2m\"",
        "Activity younger than this is fresh: no poke.",
    ),
    key(
        "poke.very_stale",
        SPAN,
        "\"5m\"",
        "Activity older than this is very stale: a poke that is not answered then counts as a miss.",
    ),
    key(
        "poke.base",
        AT_LEAST_A_SECOND,
        "\"5m\"",
        "The first interval between pokes.",
    ),
    key(
        "poke.factor",
        Kind::Factor,
        "1.5",
        "What an unanswered poke multiplies the interval by.",
    ),
    key(
        "poke.max",
        AT_LEAST_A_SECOND,
        "\"30m\"",
        "The longest interval between pokes.",
    ),
    key(
        "poke.slot_max_age",
        SPAN,
        "\"5m\"",
        "A poke that could not be brought is tried again after this at the latest.",
    ),
    key(
        "poke.unanswered_before_restart",
        Kind::CountFromOne,
        "3",
        "How many pokes in a row may go unanswered before the agent is restarted.",
    ),
    key(
        "restart.first_delay",
        SPAN,
        "\"0s\"",
        "The pause before the first restart.",
    ),
    key(
        "restart.base",
        SPAN,
        "\"1s\"",
        "The pause before the second restart within the window.",
    ),
    key(
        "restart.factor",
        Kind::Factor,
        "2.0",
        "What each further restart multiplies the pause by.",
    ),
    key("restart.max", SPAN, "\"5m\"", "The longest pause."),
    key(
        "restart.budget",
        Kind::CountFromOne,
        "8",
        "How many restarts within the window stop the restarting.",
    ),
    key(
        "restart.window",
        AT_LEAST_A_SECOND,
        "\"10m\"",
        "Restarts older than this no longer count.",
    ),
    key(
        "restart.half_open",
        AT_LEAST_A_SECOND,
        "\"1h\"",
        "How long to wait before one more try after that; doubled each time.",
    ),
    key(
        "restart.stop_grace",
        SPAN,
        "\"5s\"",
        "How long a stopped agent has to end by itself.",
    ),
    key(
        "tmux.socket",
        Kind::Socket,
        "\"town\"",
        "The tmux server: the town's own (town), the user's (default), or a socket's path. A town that is up stays where it is until `gt down`.",
    ),
    Key {
        path: "tmux.user_config",
        kind: Kind::Path,
        default: Fallback::None,
        doc: "A tmux configuration that the town's own server reads first.",
    },
    key(
        "tmux.attached_quiet",
        SPAN,
        "\"2m\"",
        "Nothing is typed where an attached person was active within this time.",
    ),
    key(
        "env.pass",
        Kind::Variables,
        "[]",
        "Variables that agents get from your environment besides the usual ones; a * at the end stands for the rest.",
    ),
    Key {
        path: "agents.NAME.command",
        kind: Kind::Command,
        default: Fallback::None,
        doc: "The program and its arguments; no shell reads them.",
    },
    Key {
        path: "agents.NAME.env.VARIABLE",
        kind: Kind::Text,
        default: Fallback::None,
        doc: "A variable set for the program.",
    },
    key(
        "agents.NAME.pass",
        Kind::Variables,
        "[]",
        "Variables that the program gets from your environment, as in [env] pass.",
    ),
    Key {
        path: "agents.NAME.ready",
        kind: Kind::Pattern,
        default: Fallback::None,
        doc: "The screen shows a prompt when this matches; a group named draft holds what is in the input row. Without it nothing is ever typed.",
    },
    Key {
        path: "agents.NAME.blocked",
        kind: Kind::Pattern,
        default: Fallback::None,
        doc: "The screen shows a dialog when this matches: nothing is typed.",
    },
    Key {
        path: "agents.NAME.busy",
        kind: Kind::Pattern,
        default: Fallback::None,
        doc: "The program is at work when this matches, whatever prompt it shows: nothing is typed.",
    },
    Key {
        path: "agents.NAME.pasted",
        kind: Kind::Pattern,
        default: Fallback::None,
        doc: "What stands in the input row in place of a long text that was pasted: such a text is known by it.",
    },
    key(
        "agents.NAME.longest",
        Kind::Size,
        "\"100KiB\"",
        "The longest text that is typed at the program; a longer one is refused.",
    ),
    Key {
        path: "agents.NAME.untypable",
        kind: Kind::TextPattern,
        default: Fallback::None,
        doc: "What in a text the program changes when it is typed, or shows so that it cannot be known again: such a text is refused.",
    },
    Key {
        path: "agents.NAME.turn",
        kind: Kind::Pattern,
        default: Fallback::None,
        doc: "Where the last turn begins in the transcript: what an earlier one said of limits and errors is history.",
    },
    Key {
        path: "agents.NAME.states.STATE",
        kind: Kind::Pattern,
        default: Fallback::None,
        doc: "The screen shows this state when it matches. Approvals, viewers and work are looked for anywhere, the rest in the last turn.",
    },
    Key {
        path: "agents.NAME.titles.STATE",
        kind: Kind::Pattern,
        default: Fallback::None,
        doc: "The terminal's title shows that it works or asks for approval when this matches, whatever the screen shows.",
    },
    key(
        "agents.NAME.hooks",
        Kind::Word(HookStyle::WORDS),
        "\"none\"",
        "How the program is made to tell what it does and to take messages by its hooks: as Claude Code takes them, by --settings (claude), as Codex does, by -c (codex), by a plug-in of OpenCode's (opencode), or not at all (none).",
    ),
    key(
        "agents.NAME.trust",
        Kind::WordsWith("{directory}"),
        "[]",
        "The arguments with which the program takes its work directory for trusted instead of asking; {directory} stands for it.",
    ),
    key(
        "agents.NAME.model",
        Kind::WordsWith("{model}"),
        "[]",
        "The arguments with which the program is told its model; {model} stands for what [roles.ROLE] model says.",
    ),
    key(
        "agents.NAME.session",
        Kind::WordsWith("{session}"),
        "[]",
        "The arguments with which the program begins a session under the name that stands for {session}, a UUID; for a program whose hooks tell of none.",
    ),
    key(
        "agents.NAME.resume",
        Kind::WordsWith("{session}"),
        "[]",
        "The arguments with which the program goes on, after a crash, with the session that its hooks told of or that `session` named; {session} stands for its name. Without them every run begins afresh.",
    ),
    key(
        "agents.NAME.keep",
        Kind::Words,
        "[]",
        "Programs that are left running when the agent is stopped, such as shared build daemons.",
    ),
    key(
        "agents.NAME.submit",
        Kind::KeyName,
        "\"Enter\"",
        "The key that submits a line, by tmux's name.",
    ),
    key(
        "agents.NAME.interrupt",
        Kind::Keys,
        "[\"Escape\"]",
        "The keys that interrupt its work, by tmux's names, one after the other: `gt interrupt` presses them.",
    ),
    key(
        "agents.NAME.settle",
        SPAN,
        "\"300ms\"",
        "How long to wait between the text and that key.",
    ),
];

/// Any length of time.
const SPAN: Kind = Kind::Duration(Duration::ZERO);

/// For what would keep a processor busy if it were shorter.
const AT_LEAST_A_SECOND: Kind = Kind::Duration(Duration::from_secs(1));

const fn key(path: &'static str, kind: Kind, default: &'static str, doc: &'static str) -> Key {
    Key {
        path,
        kind,
        default: Fallback::Value(default),
        doc,
    }
}

/// The deacon is the town's heartbeat and the mayor its ear; a rig's agents cost money only when
/// there is work; crew belongs to its person; a polecat is started with its task.
fn run_of(role: Role) -> &'static str {
    match role {
        Role::Mayor | Role::Deacon => "\"always\"",
        Role::Witness | Role::Refinery => "\"on_demand\"",
        Role::Crew | Role::Polecat => "\"never\"",
    }
}

impl Key {
    /// The parts of its path.
    pub fn parts(&self) -> impl Iterator<Item = &'static str> + use<> {
        self.path.split('.')
    }

    /// The parts that follow `path`; none when the key does not lie in it.
    fn after(&self, path: &[&str]) -> Option<impl Iterator<Item = &'static str> + use<>> {
        let mut parts = self.parts();
        let lies_in = path
            .iter()
            .all(|word| parts.next().is_some_and(|part| is_word(part, word)));
        lies_in.then_some(parts)
    }

    /// What holds at `path` without an entry, written as in the file.
    pub fn fallback(&self, path: &[&str]) -> Option<&'static str> {
        match self.default {
            Fallback::None => None,
            Fallback::Value(value) => Some(value),
            Fallback::ByRole(by_role) => path
                .iter()
                .find_map(|part| Role::from_word(part))
                .map(by_role),
        }
    }
}

/// The key that a path names.
pub(super) fn find(path: &[&str]) -> Option<&'static Key> {
    let is_named = |key: &&Key| {
        key.after(path)
            .is_some_and(|mut rest| rest.next().is_none())
    };
    KEYS.iter().find(is_named)
}

/// Whether `path` is a table: some key lies in it.
pub(super) fn is_table(path: &[&str]) -> bool {
    KEYS.iter().any(|key| {
        key.after(path)
            .is_some_and(|mut rest| rest.next().is_some())
    })
}

/// The paths of the keys in a table, with its own words where the table of keys has capitals.
pub(super) fn paths_in(table: &[&str]) -> Vec<String> {
    let inside = KEYS.iter().filter_map(|key| {
        let rest: Vec<&str> = key.after(table)?.collect();
        (!rest.is_empty()).then(|| [table, &rest].concat().join("."))
    });
    inside.collect()
}

/// The words that may follow `path`: those of the table, and the roles where one is due.
pub(super) fn next_words(path: &[&str]) -> Vec<&'static str> {
    let mut words = Vec::new();
    for next in KEYS.iter().filter_map(|key| key.after(path)?.next()) {
        match next {
            "ROLE" => words.extend(Role::ALL.map(Role::as_str)),
            "STATE" => words.extend(ScreenState::NAMED.map(ScreenState::as_str)),
            "NAME" | "VARIABLE" => {}
            word => words.push(word),
        }
    }
    words.dedup();
    words
}

/// Whether `word` may stand where the table has `part`.
fn is_word(part: &str, word: &str) -> bool {
    let inner = |c: char| c.is_ascii_alphanumeric() || c == '_';
    match part {
        "ROLE" => Role::from_word(word).is_some(),
        "NAME" => !word.is_empty() && word.chars().all(|c| inner(c) || c == '-'),
        "VARIABLE" => super::kind::is_variable(word),
        "STATE" => ScreenState::from_word(word).is_some(),
        part => part == word,
    }
}
