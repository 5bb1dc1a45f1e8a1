//! What is answered to a request.

use std::fmt;
use std::time::Duration;

use serde_json::Value;

use super::directive::{self, Directive};
use super::request::Request;

/// An answer, with the time before it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Reply {
    /// How long the model thinks.
    pub(super) wait: Duration,
    /// What it then says.
    pub(super) answer: Answer,
}

/// What a model says.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Answer {
    /// A turn of the conversation.
    Turn {
        /// What is said and asked for.
        turn: Turn,
        /// How it comes.
        flow: Flow,
    },
    /// An error.
    Failure(Failure),
}

/// A turn of the model.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Turn {
    /// What is said; may be empty before calls.
    pub(super) text: String,
    /// The tools asked for.
    pub(super) calls: Vec<Call>,
}

/// A tool that is asked for.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Call {
    /// The tool's name.
    pub(super) name: String,
    /// What it is called with.
    pub(super) input: Value,
}

/// What happens in the middle of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flow {
    /// Nothing.
    Steady,
    /// A rest.
    Pause(Duration),
    /// The connection is closed.
    Drop,
}

/// An error that the vendor would send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    /// The HTTP status.
    pub(super) status: u16,
    /// Seconds after which to come again.
    pub(super) retry_after: Option<u32>,
    /// What it says, when it is not the vendor's own text.
    pub(super) message: Option<String>,
}

/// Decides what a request is answered, after it has failed so often.
pub(super) fn decide(request: &Request, failures: u32) -> Reply {
    let directives = directive::find(&request.news.user);
    // Agents put a prompt into the message of a result that came late: of a call that was refused
    // before the prompt was written, or that ran while it was.
    if request.news.tool_result && directives.is_empty() {
        return Reply {
            wait: Duration::ZERO,
            answer: said("done"),
        };
    }
    let wait = directives
        .iter()
        .map(|directive| match directive {
            Directive::Wait(time) => *time,
            _ => Duration::ZERO,
        })
        .sum();
    let failure = directives
        .iter()
        .find_map(|directive| failure(directive, failures));
    let answer = failure.map_or_else(|| turn(request, directives), Answer::Failure);
    Reply { wait, answer }
}

fn said(text: &str) -> Answer {
    Answer::Turn {
        turn: Turn {
            text: text.to_owned(),
            calls: Vec::new(),
        },
        flow: Flow::Steady,
    }
}

fn failure(directive: &Directive, failures: u32) -> Option<Failure> {
    match directive {
        Directive::Status {
            code,
            times,
            retry_after,
            message,
        } if times.is_none_or(|times| failures < times) => Some(Failure {
            status: *code,
            retry_after: *retry_after,
            message: message.clone(),
        }),
        _ => None,
    }
}

fn turn(request: &Request, directives: Vec<Directive>) -> Answer {
    let (mut texts, mut calls, mut flow) = (Vec::new(), Vec::new(), Flow::Steady);
    for directive in directives {
        match directive {
            Directive::Say(text) => texts.push(text),
            Directive::Long(count) => texts.push(numbered_lines(count)),
            Directive::Run(command) => calls.push(request.protocol.shell_call(&command)),
            Directive::Tool { name, input } => calls.push(Call { name, input }),
            Directive::Pause(time) => flow = Flow::Pause(time),
            Directive::Drop => flow = Flow::Drop,
            Directive::Wait(_) | Directive::Status { .. } => {}
        }
    }
    // A request without tools is an errand of the agent (a title, a summary) about a prompt that
    // it was given, and cannot be answered by a call.
    calls.retain(|call| request.tools.contains(&call.name));
    if texts.is_empty() && calls.is_empty() {
        texts.push("ok".to_owned());
    }
    let text = texts.join("\n");
    Answer::Turn {
        turn: Turn { text, calls },
        flow,
    }
}

fn numbered_lines(count: u32) -> String {
    let lines: Vec<_> = (1..=count).map(|number| format!("line {number}")).collect();
    lines.join("\n")
}

/// For the journal: `wait 5s; say ok; call Bash {…}; drop`.
impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.wait.is_zero() {
            write!(f, "wait {:?}; ", self.wait)?;
        }
        match &self.answer {
            Answer::Turn { turn, flow } => write!(f, "{turn}{flow}"),
            Answer::Failure(failure) => failure.fmt(f),
        }
    }
}

impl fmt::Display for Turn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let said = (!self.text.is_empty()).then(|| format!("say {}", self.text));
        let calls = self.calls.iter().map(Call::to_string);
        let parts: Vec<_> = said.into_iter().chain(calls).collect();
        f.write_str(&parts.join("; "))
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "call {} {}", self.name, self.input)
    }
}

impl fmt::Display for Flow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Steady => Ok(()),
            Self::Pause(time) => write!(f, "; pause {time:?}"),
            Self::Drop => f.write_str("; drop"),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "status {}", self.status)?;
        if let Some(seconds) = self.retry_after {
            write!(f, " retry-after {seconds}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::protocol::Protocol;
    use super::super::request::News;
    use super::*;

    fn asked(user: &str) -> Request {
        Request {
            protocol: Protocol::Anthropic,
            session: None,
            model: "scripted".to_owned(),
            news: News::new([user.to_owned()].into_iter(), false),
            system: Vec::new(),
            messages: 1,
            tools: vec!["Bash".to_owned(), "Edit".to_owned()],
            stream: true,
        }
    }

    #[track_caller]
    fn check(user: &str, expect: &str) {
        assert_eq!(decide(&asked(user), 0).to_string(), expect, "{user}");
    }

    #[test]
    fn a_prompt_without_directives_is_answered_ok() {
        check("do your work", "say ok");
        check("", "say ok");
    }

    #[test]
    fn directives_add_up_to_one_answer() {
        check(
            "[wait 1s] [say first] [run ls -l] [wait 500ms] [long 2] [pause 2s]",
            "wait 1.5s; say first\nline 1\nline 2; \
             call Bash {\"command\":\"ls -l\",\"description\":\"Scripted command\"}; pause 2s",
        );
        check("[drop]", "say ok; drop");
    }

    #[test]
    fn a_tool_that_is_not_offered_is_not_asked_for() {
        check("[tool Edit {}]", "call Edit {}");
        check("[tool Fly {}]", "say ok");
        let mut errand = asked("name this conversation: [run ls]");
        errand.tools.clear();
        assert_eq!(decide(&errand, 0).to_string(), "say ok");
    }

    #[test]
    fn the_result_of_a_tool_is_answered_done() {
        let mut result = asked("");
        result.news.tool_result = true;
        assert_eq!(decide(&result, 0).to_string(), "say done");
    }

    #[test]
    fn a_prompt_beside_the_result_of_a_tool_is_answered_as_it_says() {
        let mut result = asked("[Request interrupted by user]\n[say go on]");
        result.news.tool_result = true;
        assert_eq!(decide(&result, 0).to_string(), "say go on");
    }

    #[test]
    fn a_failure_with_a_number_ends() {
        let request = asked("[status 500 x2] [say better]");
        let answers = [0, 1, 2].map(|failures| decide(&request, failures).to_string());
        assert_eq!(answers, ["status 500", "status 500", "say better"]);
        check("[status 429 retry-after 10]", "status 429 retry-after 10");
        assert_eq!(decide(&asked("[status 429]"), 99).to_string(), "status 429");
    }
}
