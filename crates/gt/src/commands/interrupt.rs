//! `gt interrupt AGENT`: its work is stopped, and it goes on at its prompt.

use std::time::Duration;

use gt_core::AgentId;
use gt_core::screen::{Reading, ScreenState};
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

/// How often it is looked at meanwhile.
const LOOK: Duration = Duration::from_millis(100);

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
    if before.state != ScreenState::Working {
        return Err(
            CliError::failed(format!("{agent} shows no work to interrupt: {before}"))
                .hint(format!("`gt peek {agent}` prints its screen")),
        );
    }
    terminal.press()?;
    let after = terminal.until_it_rests()?;
    let state = after.state;
    printer::talk(format!("{agent} is interrupted: it is {state} ({after})"));
    Ok(())
}

impl Terminal<'_> {
    fn look(&self) -> CliResult<Reading> {
        let look = request::look(&self.pane.pane_id);
        let shown = self.tmux.ask(look).doing("capture the screen")?;
        Ok(self.preset.screen.explain(&shown))
    }

    fn press(&self) -> CliResult {
        for (number, key) in self.preset.interrupt.iter().enumerate() {
            if number > 0 {
                clock::pause(BETWEEN);
                if self.look()?.state != ScreenState::Working {
                    return Ok(());
                }
            }
            let press = request::key(&self.pane.pane_id, key);
            self.tmux.ask(press).doing("press a key")?;
        }
        Ok(())
    }

    /// What it shows once it does not work any more.
    fn until_it_rests(&self) -> CliResult<Reading> {
        let until = clock::monotonic() + SHOWN;
        loop {
            let shown = self.look()?;
            if shown.state != ScreenState::Working {
                return Ok(shown);
            }
            if clock::monotonic() > until {
                let agent = self.agent;
                let keys = self.preset.interrupt.join(", ");
                return Err(
                    CliError::failed(format!("{agent} goes on: {shown}")).hint(format!(
                        "{keys} did not interrupt it; `gt attach {agent}` goes to its terminal"
                    )),
                );
            }
            clock::pause(LOOK);
        }
    }
}
