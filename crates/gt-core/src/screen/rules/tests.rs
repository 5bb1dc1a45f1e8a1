use super::*;

#[track_caller]
fn check(captured: &str, expect: Screen) {
    let rules = ScreenRules::new(&RuleTexts {
        ready: Some("^> ?(?P<draft>.*)$".to_owned()),
        blocked: Some("^Do you want to proceed|^ *1\\. Yes".to_owned()),
        ..RuleTexts::default()
    });
    assert_eq!(
        rules.unwrap().read(&Capture::untitled(captured)),
        expect,
        "{captured}"
    );
}

#[test]
fn an_empty_input_row_is_a_prompt() {
    check("hello\n\n> \n\n", Screen::Prompt);
    check("hello\n>\n  ? for shortcuts", Screen::Prompt);
}

/// Covers F68: a non-breaking space is a space.
#[test]
fn a_prompt_with_a_non_breaking_space_is_empty() {
    check(">\u{a0}\u{a0}", Screen::Prompt);
}

/// Covers F61: a half-typed line is seen, and only the last input row counts.
#[test]
fn a_half_typed_line_is_a_draft() {
    check("> what I said\nanswer\n> rm -r", Screen::Draft);
    check("> what I said\nanswer\n> ", Screen::Prompt);
}

/// Covers F67: a dialog wins over the prompt that shows through around it.
#[test]
fn a_dialog_is_no_prompt() {
    check(
        "> \nDo you want to proceed?\n 1. Yes\n 2. No",
        Screen::Dialog,
    );
    check(" 1. Yes\n> ", Screen::Dialog);
}

/// Covers F66: what is not known to be a prompt is none.
#[test]
fn anything_else_is_busy() {
    check("", Screen::Busy);
    check("$ ", Screen::Busy);
    check("Thinking...", Screen::Busy);
}

#[test]
fn a_prompt_far_above_the_bottom_is_old() {
    let scrolled = format!("> \n{}", "working\n".repeat(30));
    check(&scrolled, Screen::Busy);
    let dialog = format!("Do you want to proceed?\n{}> ", "line\n".repeat(30));
    check(&dialog, Screen::Prompt);
}

#[test]
fn nothing_is_typed_without_a_ready_pattern() {
    let rules = ScreenRules::new(&RuleTexts {
        blocked: Some("Yes".to_owned()),
        ..RuleTexts::default()
    });
    let rules = rules.unwrap();
    assert!(!rules.can_type());
    assert_eq!(rules.check_text("a"), Err(CannotType::Ready));
    assert_eq!(rules.read(&Capture::untitled("> ")), Screen::Busy);
}

/// Covers F59: a text to which something was added was not submitted.
#[test]
fn a_row_that_holds_more_than_the_text_is_not_empty() {
    let rules = ScreenRules::new(&texts()).unwrap();
    let holds = |screen: &str| rules.has_draft(&Capture::untitled(screen));
    assert!(holds("> hello there"));
    assert!(holds("> hello thereX"));
    assert!(!holds("> hello there\n> "));
    assert!(!holds("working"));
}

/// Covers F60: a text that would arrive changed is refused, and what is in the way is named.
#[test]
fn a_text_that_the_program_would_change_is_refused() {
    let rules = ScreenRules::new(&RuleTexts {
        untypable: Some(r"\t|[\u{300}-\u{36f}]".to_owned()),
        pasted: Some("lines".to_owned()),
        ..texts()
    });
    let rules = rules.unwrap();
    assert_eq!(rules.check_text("a\nb é"), Ok(()));
    let error = rules.check_text("a\nb\tc").unwrap_err();
    assert_eq!(
        error.to_string(),
        "it does not take \\t as it is, in line 2 of the text"
    );
    assert!(rules.check_text("e\u{301}").is_err());
    for unknowable in [">", " > ", "3 lines"] {
        assert!(rules.check_text(unknowable).is_err(), "{unknowable}");
    }
}

#[test]
fn a_text_of_several_lines_needs_a_pattern_to_be_known_by() {
    let rules = |pasted: Option<&str>| {
        let pasted = pasted.map(str::to_owned);
        ScreenRules::new(&RuleTexts { pasted, ..texts() }).unwrap()
    };
    assert_eq!(rules(None).check_text("a"), Ok(()));
    assert_eq!(rules(None).check_text("a\nb"), Err(CannotType::Pasted));
    assert_eq!(
        rules(None).check_text(&"x".repeat(1001)),
        Err(CannotType::Pasted)
    );
    assert_eq!(rules(Some("lines")).check_text("a\nb"), Ok(()));
}

#[test]
fn a_broken_pattern_is_named() {
    let error = check_pattern("(oops").unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("`(oops` is not a regular expression: ")
    );
}

fn texts() -> RuleTexts {
    let states = [
        (ScreenState::NeedsApproval, "^May I"),
        (ScreenState::Limited, "limit reached"),
        (ScreenState::BackgroundWork, "1 shell still running"),
    ];
    let titles = [
        (ScreenState::Working, "^WORK"),
        (ScreenState::NeedsApproval, "^ASK"),
    ];
    RuleTexts {
        ready: Some("^> ?(?P<draft>.*)$".to_owned()),
        blocked: Some("^Choose:".to_owned()),
        busy: Some("esc to interrupt".to_owned()),
        untypable: None,
        pasted: None,
        turn: Some("^> .+$".to_owned()),
        states: states.map(|(state, text)| (state, text.to_owned())).into(),
        titles: titles.map(|(state, text)| (state, text.to_owned())).into(),
    }
}

fn shown(title: &str, text: &str) -> Capture {
    Capture {
        title: title.to_owned(),
        text: text.to_owned(),
    }
}

#[track_caller]
fn check_state(title: &str, captured: &str, expect: &str) {
    let reading = ScreenRules::new(&texts())
        .unwrap()
        .explain(&shown(title, captured));
    assert_eq!(format!("{}: {reading}", reading.state), expect);
}

#[test]
fn a_state_is_told_with_the_rule_and_the_line() {
    check_state("", "hello\n> ", "idle: `ready` matches `>`");
    check_state(
        "",
        "May I run `rm`?\n 1. Yes\n> ",
        "needs-approval: `states.needs-approval` matches `May I run `rm`?`",
    );
    check_state(
        "",
        "Choose:\n red",
        "needs-answer: `blocked` matches `Choose:`",
    );
    check_state(
        "",
        "* Thinking (esc to interrupt)\n> ",
        "working: `busy` matches `* Thinking (esc to interrupt)`",
    );
    check_state("", "$ ", "unknown: no pattern matches");
}

/// Covers F67: what an earlier turn said is history.
#[test]
fn trouble_counts_only_in_the_last_turn() {
    check_state(
        "",
        "> go\nlimit reached\n> ",
        "limited: `states.limited` matches `limit reached`",
    );
    check_state(
        "",
        "> go\nlimit reached\n> go on\ndone\n> ",
        "idle: `ready` matches `>`",
    );
    check_state(
        "",
        "> go\n1 shell still running\n> ",
        "background-work: `states.background-work` matches `1 shell still running`",
    );
}

/// Covers F66: a title can say that it works or asks where the screen does not, and never that it
/// rests.
#[test]
fn a_title_is_evidence_against_a_prompt() {
    check_state(
        "WORK garden",
        "> ",
        "working: `titles.working` matches `WORK garden`",
    );
    check_state(
        "ASK garden",
        "> ",
        "needs-approval: `titles.needs-approval` matches `ASK garden`",
    );
    let rules = ScreenRules::new(&texts()).unwrap();
    assert_eq!(rules.read(&shown("WORK", "> ")), Screen::Busy);
}

/// Covers F61, F60: no Enter into a dialog, or behind what a person typed.
#[test]
fn a_screen_takes_enter_for_what_is_in_its_input_row() {
    let rules = ScreenRules::new(&RuleTexts {
        ready: Some("^> ?(?<draft>.*)$".to_owned()),
        blocked: Some("Allow".to_owned()),
        ..RuleTexts::default()
    });
    let rules = rules.unwrap();
    let text = "HEARTBEAT: check your rigs";
    let shows = |screen: &str| rules.may_submit(&Capture::untitled(screen), text);
    assert!(shows(&format!("> {text}")));
    assert!(
        !shows("> "),
        "it would bring nothing, and look as if it had"
    );
    assert!(!shows("> fix the"));
    assert!(!shows("Allow? [y/n]"));
    assert!(!shows("working"));
    let plain = RuleTexts {
        ready: Some("^>$".to_owned()),
        ..RuleTexts::default()
    };
    let plain = ScreenRules::new(&plain).unwrap();
    assert!(plain.may_submit(&Capture::untitled(">"), text));
}
