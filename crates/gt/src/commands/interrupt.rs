//! `gt interrupt AGENT`: its work is stopped, and it goes on at its prompt.

use std::time::Duration;

use gt_core::AgentId;
use gt_core::screen::{Capture, Screen, ScreenRules};
use gt_host::clock;
use gt_host::preset::Preset;
use gt_host::tmux::{Forked, PaneRow, request};

use crate::commands::peek;
use crate::context::Context;
use crate::error::{CliError, CliResult, Doing as _};
use crate::printer;

/// How long tmux may take.
const TMUX: Duration = Duration::from_secs(5);

/// Between two keys: in one write they would be another one, Escape with Alt.
const BETWEEN: Duration = Duration::from_millis(300);

/// How long a program may take to show that it was interrupted.
const SHOWN: Duration = Duration::from_secs(5);

/// How often it is looked at meanwhile, and after which time it must still rest.
const LOOK: Duration = Duration::from_millis(500);

/// One agent's terminal.
struct Terminal<'a> {
    agent: &'a AgentId,
    preset: &'a Preset,
    pane: &'a PaneRow,
    tmux: &'a Forked,
}

/// Presses the keys that interrupt it, each only while its screen shows work: at a prompt or in a
/// dialog they mean something else.
pub(crate) fn interrupt(context: &Context, agent: &str) -> CliResult {
    let agent = context.agent(agent)?;
    let config = context.config()?;
    let tmux = Forked::new(context.tmux_server(TMUX)?);
    let terminal = Terminal {
        preset: &config.role(agent.role()).agent,
        pane: &peek::own_pane(context, &agent, &tmux)?,
        agent: &agent,
        tmux: &tmux,
    };
    let before = terminal.look()?;
    if !terminal.rules().is_at_work(&before) {
        let shown = terminal.rules().explain(&before);
        return Err(
            CliError::failed(format!("{agent} shows no work to interrupt: {shown}"))
                .hint(format!("`gt peek {agent}` prints its screen")),
        );
    }
    terminal.press()?;
    match terminal.until_it_rests()? {
        Screen::Draft => {
            printer::talk(format!("{agent} is interrupted, and its row holds a text"));
            printer::talk(format!(
                "hint: until that is sent or wiped, nothing else is typed; `gt attach {agent}`"
            ));
        }
        _ => printer::talk(format!("{agent} is interrupted: it is at its empty prompt")),
    }
    Ok(())
}

impl Terminal<'_> {
    fn rules(&self) -> &ScreenRules {
        &self.preset.screen
    }

    fn look(&self) -> CliResult<Capture> {
        let look = request::look(&self.pane.pane_id);
        self.tmux.ask(look).doing("capture the screen")
    }

    fn press(&self) -> CliResult {
        if self.pane.in_mode {
            let leave = request::leave_mode(&self.pane.pane_id);
            self.tmux.ask(leave).doing("leave the scrolling")?;
        }
        for (number, key) in self.preset.interrupt.iter().enumerate() {
            if number > 0 {
                clock::pause(BETWEEN);
                if !self.rules().is_at_work(&self.look()?) {
                    return Ok(());
                }
            }
            let press = request::key(&self.pane.pane_id, key);
            self.tmux.ask(press).doing("press a key")?;
        }
        Ok(())
    }

    /// What it shows once it is at its prompt, and still is a while later.
    fn until_it_rests(&self) -> CliResult<Screen> {
        let until = clock::monotonic() + SHOWN;
        let mut rested = false;
        loop {
            clock::pause(LOOK);
            let shown = self.look()?;
            let screen = self.rules().read(&shown);
            let rests = matches!(screen, Screen::Prompt | Screen::Draft);
            if rests && rested {
                return Ok(screen);
            }
            rested = rests;
            if clock::monotonic() > until {
                return Err(self.goes_on(&shown));
            }
        }
    }

    fn goes_on(&self, shown: &Capture) -> CliError {
        let agent = self.agent;
        let keys = self.preset.interrupt.join(", ");
        let reading = self.rules().explain(shown);
        CliError::failed(format!(
            "{agent} is not back at its prompt after {keys}: it is {}, {reading}",
            reading.state
        ))
        .hint(format!("`gt attach {agent}` goes to its terminal"))
    }
}
