//! The directives that a prompt gives to the server, anywhere in its text.
//!
//! | directive | what the server does |
//! |---|---|
//! | `[say TEXT]` | answers the text, of one or more lines |
//! | `[long N]` | answers N numbered lines |
//! | `[run COMMAND]` | asks for the agent's shell tool |
//! | `[tool NAME JSON]` | asks for any other tool, with that input |
//! | `[wait 5s]` | lets that time go by before the answer |
//! | `[pause 5s]` | lets that time go by in the middle of the answer |
//! | `[drop]` | closes the connection in the middle of the answer |
//! | `[status CODE]` | fails with that HTTP status, each time |
//! | `[status CODE xN]` | fails so often, then answers |
//! | `[status CODE retry-after SECONDS]` | says when to come again |
//! | `[status CODE MESSAGE]` | fails with that message |
//!
//! A directive ends at the bracket that closes it; brackets within it are counted, not read.
//! Anything else in brackets is no directive, because prompts of people contain such things.

use std::time::Duration;

use serde_json::Value;

/// One thing to do.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Directive {
    /// Answer a text, in which `\n` stands for a line end.
    Say(String),
    /// Answer so many lines.
    Long(u32),
    /// Ask for a shell command.
    Run(String),
    /// Ask for a tool.
    Tool {
        /// The tool's name in the agent.
        name: String,
        /// What it is called with.
        input: Value,
    },
    /// Wait before the answer.
    Wait(Duration),
    /// Wait in the middle of the answer.
    Pause(Duration),
    /// Close the connection in the middle of the answer.
    Drop,
    /// Fail.
    Status {
        /// The HTTP status.
        code: u16,
        /// How often; always when there is no number.
        times: Option<u32>,
        /// Seconds after which to come again.
        retry_after: Option<u32>,
        /// What the error says, when it is not what the vendor would say.
        message: Option<String>,
    },
}

/// All directives of a text, in their order.
pub(super) fn find(text: &str) -> Vec<Directive> {
    let mut directives = Vec::new();
    let mut rest = text;
    while let Some(open) = rest.find('[') {
        let inside = &rest[open + 1..];
        let found = closing_bracket(inside).and_then(|close| {
            let directive = parse(&inside[..close])?;
            Some((directive, &inside[close + 1..]))
        });
        rest = match found {
            Some((directive, after)) => {
                directives.push(directive);
                after
            }
            None => inside,
        };
    }
    directives
}

/// Where the bracket that was opened before `text` is closed.
fn closing_bracket(text: &str) -> Option<usize> {
    let mut depth = 0_u32;
    for (at, character) in text.char_indices() {
        match character {
            '[' => depth += 1,
            ']' if depth == 0 => return Some(at),
            ']' => depth -= 1,
            _ => {}
        }
    }
    None
}

fn parse(inside: &str) -> Option<Directive> {
    let (word, rest) = first_word(inside);
    match word {
        "say" if !rest.is_empty() => Some(Directive::Say(rest.replace(r"\n", "\n"))),
        "long" => rest.parse().ok().map(Directive::Long),
        "run" if !rest.is_empty() => Some(Directive::Run(rest.to_owned())),
        "tool" => {
            let (name, input) = first_word(rest);
            let input = serde_json::from_str(input).ok()?;
            let name = name.to_owned();
            Some(Directive::Tool { name, input })
        }
        "wait" => seconds(rest).map(Directive::Wait),
        "pause" => seconds(rest).map(Directive::Pause),
        "drop" if rest.is_empty() => Some(Directive::Drop),
        "status" => status(rest),
        _ => None,
    }
}

fn status(rest: &str) -> Option<Directive> {
    let (code, mut rest) = first_word(rest);
    let code = code.parse().ok().filter(|it| (400..600).contains(it))?;
    let (mut times, mut retry_after) = (None, None);
    loop {
        let (word, after) = first_word(rest);
        if let Some(count) = word.strip_prefix('x').and_then(|it| it.parse().ok()) {
            times = Some(count);
            rest = after;
        } else if word == "retry-after" {
            let (number, after) = first_word(after);
            retry_after = Some(number.parse().ok()?);
            rest = after;
        } else {
            let message = (!rest.is_empty()).then(|| rest.to_owned());
            return Some(Directive::Status {
                code,
                times,
                retry_after,
                message,
            });
        }
    }
}

fn first_word(text: &str) -> (&str, &str) {
    let text = text.trim();
    let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    (word, rest.trim_start())
}

/// `5s`, `0.5s`, `200ms`.
fn seconds(text: &str) -> Option<Duration> {
    let (number, unit) = match text.strip_suffix("ms") {
        Some(number) => (number, 1e-3),
        None => (text.strip_suffix('s')?, 1.0),
    };
    let number: f64 = number.parse().ok()?;
    Duration::try_from_secs_f64(number * unit).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expect: &[Directive]) {
        assert_eq!(find(text), expect, "{text}");
    }

    fn status(code: u16) -> Directive {
        Directive::Status {
            code,
            times: None,
            retry_after: None,
            message: None,
        }
    }

    #[test]
    fn a_directive_is_found_anywhere_in_the_text() {
        let say = Directive::Say("hello".to_owned());
        check("[say hello]", std::slice::from_ref(&say));
        check(
            "<reminder>x</reminder>\nPlease [wait 5s] and then [say hello], thanks",
            &[Directive::Wait(Duration::from_secs(5)), say],
        );
    }

    #[test]
    fn an_answer_has_lines() {
        check(r"[say one\ntwo]", &[Directive::Say("one\ntwo".to_owned())]);
    }

    #[test]
    fn brackets_within_a_directive_are_part_of_it() {
        check(
            "[run [ -f a ] && echo ${b[0]}] [drop]",
            &[
                Directive::Run("[ -f a ] && echo ${b[0]}".to_owned()),
                Directive::Drop,
            ],
        );
        check(
            r#"[tool Ask {"questions":[{"header":"x"}]}]"#,
            &[Directive::Tool {
                name: "Ask".to_owned(),
                input: serde_json::json!({"questions": [{"header": "x"}]}),
            }],
        );
    }

    #[test]
    fn a_failure_says_how_often_when_and_why() {
        check("[status 429]", &[status(429)]);
        check(
            "[status 429 retry-after 10 x2 try later, please]",
            &[Directive::Status {
                code: 429,
                times: Some(2),
                retry_after: Some(10),
                message: Some("try later, please".to_owned()),
            }],
        );
    }

    #[test]
    fn times_have_a_unit() {
        check(
            "[wait 0.5s][pause 200ms]",
            &[
                Directive::Wait(Duration::from_millis(500)),
                Directive::Pause(Duration::from_millis(200)),
            ],
        );
        check("[wait 5]", &[]);
        check("[wait -1s]", &[]);
    }

    #[test]
    fn other_text_in_brackets_is_no_directive() {
        check(
            "[x] [Pasted text #1] [link](url) [long story] [status 200] [",
            &[],
        );
        check("[ [say a]", &[Directive::Say("a".to_owned())]);
        check("[note [say a]]", &[Directive::Say("a".to_owned())]);
        check("[tool Ask {]", &[]);
    }
}
