//! What may happen to a town.

use gt_core::lifecycle::Action as Asked;
use gt_core::{Desire, IncarnationId};

/// One thing that happens. A `usize` is the place of an agent in the roster, counted round.
#[derive(Debug, Clone)]
pub enum Event {
    /// So many seconds pass.
    Wait(u32),
    /// The agent's program ends by itself.
    Exit(usize),
    /// The agent's program behaves like this from now on.
    Behave(usize, Manner),
    /// The holder is killed; whether its agent survives it.
    KillHolder {
        /// Whose.
        seat: usize,
        /// The agent ignores the hang-up.
        survives: bool,
    },
    /// The tmux server dies with every session and holder.
    KillTmux,
    /// The processes that a killed holder left end by themselves.
    LeftoversEnd(usize),
    /// Whether what the agent's runs leave survives every signal from now on.
    Stubborn(usize, bool),
    /// Whether a person's window keeps the name of the agent's session from now on. One that is
    /// opened beside the agent's pane keeps it when that pane is gone.
    NameTaken(usize, bool),
    /// A message comes in.
    Mail(usize),
    /// A person reads the agent's mail.
    MailRead(usize),
    /// A person attaches and types.
    Attach(usize),
    /// The person leaves.
    Detach(usize),
    /// Whether tmux answers from now on.
    TmuxAnswers(bool),
    /// Whether the holder answers from now on.
    HolderAnswers(usize, bool),
    /// What the store can do from now on.
    Store(StoreHealth),
    /// Whether a successor could be started: yes, no, or not to be found out.
    Launch(usize, Option<bool>),
    /// Whether actions on the host and the store fail from now on.
    ActionsFail(bool),
    /// How many beats an action takes from now on.
    ActionsTake(u8),
    /// The daemon dies and is started again at once.
    RestartDaemon,
    /// The daemon dies in its next action, after what it stores first; whether the world had been
    /// changed by then.
    CrashInNextAction {
        /// It had.
        acted: bool,
    },
    /// Somebody sets the clock by so many seconds.
    SetClock(i32),
    /// The machine sleeps for so many seconds.
    Sleep(u32),
    /// Somebody asks for something.
    Ask {
        /// Of which agent.
        seat: usize,
        /// What.
        action: Asked,
        /// On whose behalf.
        whose: Whose,
        /// How many seconds it is good for.
        good_for: u16,
    },
    /// The last request is sent once more, with an id of its own.
    AskAgain,
    /// A request for an agent that the town does not have.
    AskNobody,
    /// A wish is stored.
    Wish {
        /// For which agent.
        seat: usize,
        /// What.
        desire: Desire,
        /// By a person, or else by the mayor.
        by_person: bool,
    },
    /// `gt down` or `gt up`.
    TownDown(bool),
    /// Whether the town was told to be down cannot be seen any more.
    TownUnseen,
}

/// How an agent's program behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// It shows a prompt, and answers and reads its mail when it is poked.
    Healthy,
    /// It shows a prompt and answers nothing, until it is started afresh.
    Hung,
    /// The same in every run.
    Deaf,
    /// Its screen stands still without a prompt, until it is started afresh.
    Frozen,
    /// Its screen moves and shows no prompt.
    Working,
    /// It waits for a person to answer a dialog.
    Asking,
    /// Somebody's half-typed line is at its prompt.
    HalfTyped,
    /// Every run ends after so many seconds.
    Crashing(u8),
}

/// What the store can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreHealth {
    /// Everything.
    Good,
    /// It is read and takes no writes: a full disk.
    Full,
    /// Nothing.
    Broken,
}

/// On whose behalf a request is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// The run that is there asks for itself.
    PresentRun,
    /// A run that is gone had asked for itself.
    FormerRun,
    /// A person asks, and means whichever run there is.
    Person,
    /// Another agent asks.
    Stranger,
}

/// The run that no agent ever had.
pub(super) const FORMER_RUN: IncarnationId = IncarnationId(uuid::Uuid::nil());
