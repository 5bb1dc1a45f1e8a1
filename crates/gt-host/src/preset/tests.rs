use gt_core::screen::{Capture, Screen};

use gt_core::session::SessionId;

use super::*;
use crate::config::Config;

#[track_caller]
fn check(preset: &str, screen: &str, expect: Screen) {
    let config = Config::default();
    let found = config
        .agent(preset)
        .unwrap()
        .screen
        .read(&Capture::untitled(screen));
    assert_eq!(found, expect, "{preset} on:\n{screen}");
}

const RULE: &str = "────────────────────────────────────────────────────────────";

/// Claude Code's box with this input row and footer, below this output.
fn claude(output: &str, row: &str, footer: &str) -> String {
    format!("{output}\n\n{RULE}\n{row}\n{RULE}\n  {footer}\n\n")
}

const IDLE: &str = "⏵⏵ bypass permissions on (shift+tab to cycle)";

/// Covers F68: the space after the prompt's sign is a non-breaking one.
#[test]
fn claudes_empty_box_is_a_prompt() {
    check(
        "claude",
        &claude("✻ Brewed for 4s · done 3:29 PM", "❯\u{a0}", IDLE),
        Screen::Prompt,
    );
    check(
        "claude",
        &claude("● Done.", "❯ ", "⏸ manual mode on · ? for shortcuts"),
        Screen::Prompt,
    );
    let agents = "⏵⏵ auto mode on (shift+tab to cycle) · ← for agents";
    check(
        "claude",
        &claude("❯ do it\n● Done.", "❯\u{a0}", agents),
        Screen::Prompt,
    );
    let placeholder = "❯\u{a0}Resend your message to try again";
    check(
        "claude",
        &claude("● API Error: Request rejected (429)", placeholder, IDLE),
        Screen::Prompt,
    );
    check(
        "claude",
        &claude("", "❯\u{a0}Try \"fix lint errors\"", IDLE),
        Screen::Prompt,
    );
}

/// Covers F61: a half-typed line is a draft, also when its first row is empty.
#[test]
fn claudes_filled_box_is_a_draft() {
    check(
        "claude",
        &claude("● Done.", "❯\u{a0}please also", IDLE),
        Screen::Draft,
    );
    check(
        "claude",
        &claude("● Done.", "❯\u{a0}one\n  two\n  three", IDLE),
        Screen::Draft,
    );
    check(
        "claude",
        &claude("", "❯\u{a0}[Pasted text #1 +30 lines]", IDLE),
        Screen::Draft,
    );
    let second_row = claude("● Done.", "❯\u{a0}\n  below", IDLE);
    check("claude", &second_row, Screen::Busy);
}

/// Covers F62: the box is drawn while claude works.
#[test]
fn claude_at_work_is_no_prompt() {
    let footer = "⏵⏵ bypass permissions on (shift+tab to cycle) · esc to interrupt";
    let spinner = "✽ Dilly-dallying… (7s · ↓ 2 tokens)";
    check("claude", &claude(spinner, "❯\u{a0}", footer), Screen::Busy);
    check(
        "claude",
        &claude(
            "● Scripted command · 2s\n⎿  $ sleep 4; …",
            "❯\u{a0}",
            footer,
        ),
        Screen::Busy,
    );
    check("claude", &claude(spinner, "❯\u{a0}", IDLE), Screen::Busy);
    let agents = "⏵⏵ bypass permissions on (shift+tab to cycle) · esc to interrupt · ← for agents";
    check("claude", &claude("", "❯\u{a0}", agents), Screen::Busy);
    let queued = "❯\u{a0}Press up to edit queued messages";
    check(
        "claude",
        &claude("⎿  Queued · ctrl+x ctrl+s to send now", queued, footer),
        Screen::Busy,
    );
    let retrying = "✻ 429 This request would exceed your account's rate limit. · retrying in 2s · attempt 3/10";
    check("claude", &claude(retrying, "❯\u{a0}", footer), Screen::Busy);
    let older = "✶ Thinking… (4s · ↓ 88 tokens · esc to interrupt)";
    check(
        "claude",
        &claude(older, "❯\u{a0}", "? for shortcuts"),
        Screen::Busy,
    );
}

#[test]
fn claude_before_its_box_is_busy() {
    check("claude", "", Screen::Busy);
    check("claude", "user@host:~$ claude", Screen::Busy);
    check("claude", "❯ ls", Screen::Busy);
    check(
        "claude",
        "Resume this session with:\nclaude --resume 0199",
        Screen::Busy,
    );
}

/// Covers F67: every dialog that was seen, with its own words.
#[test]
fn claudes_dialogs_are_dialogs() {
    let dialogs = [
        "Accessing workspace:\n/t\nQuick safety check: Is this a project you created or one you trust?\n❯ No, exit\n  Yes, I trust this folder",
        "Detected a custom API key in your environment\nANTHROPIC_API_KEY: sk-ant-...dummy-key\nDo you want to use this API key?\n  Yes\n❯ No (recommended)",
        "Make auto mode your default permission mode?\n❯ Yes, set auto mode as my default\n  No, keep manual mode",
        "WARNING: Claude Code running in Bypass Permissions mode\n❯ No, exit\n  Yes, I accept",
        "Do you want to proceed?\n❯ 1. Yes\n  2. Yes, and don't ask again for ls\n  3. No\nEsc to cancel · Tab to amend",
        "Do you want to make this edit to a.rs?\n  1. Yes",
        "Auto mode can't check actions in this session\n  Allow once",
        "Which colour?\n  Red\n  Blue\nEnter to select · Esc to cancel",
        "New MCP server found in .mcp.json: x",
        "  1. Resume from summary\n  2. Resume full session",
        "What do you want to do?\n❯ 1. Stop and wait for limit to reset\n  2. Add funds",
        "Select login method:\n  Claude account",
        "│ Do you trust the files in this folder? │",
    ];
    for dialog in dialogs {
        check("claude", dialog, Screen::Dialog);
        check("claude", &claude(dialog, "❯\u{a0}", IDLE), Screen::Dialog);
    }
    check(
        "claude",
        &claude("", "❯\u{a0}", "Not logged in · run /login"),
        Screen::Dialog,
    );
}

/// A mode named in the footer, or a dialog's words in an agent's own text, are no dialog.
#[test]
fn claudes_own_words_are_no_dialog() {
    let talk = "● The dialog says Do you want to proceed? and the banner\n  Auto mode is now Claude Code's default permission mode.";
    check("claude", &claude(talk, "❯\u{a0}", IDLE), Screen::Prompt);
}

#[test]
fn codex_is_read() {
    check(
        "codex",
        "• Done.\n\n─ Worked for 6s • 15:36 ─\n\n› Ask Codex to do anything\n\n  gpt-5 · ~/proj",
        Screen::Prompt,
    );
    check(
        "codex",
        "› hello\n\n• Hi.\n\n› half a line\n\n  gpt-5 · ~/proj",
        Screen::Draft,
    );
    check(
        "codex",
        "◦ Working (1s • esc to interrupt)\n\n› Ask Codex to do anything\n",
        Screen::Busy,
    );
    check(
        "codex",
        "• Messages to be submitted after next tool call (press esc to interrupt and send immediately)\n  ↳ x\n\n› \n",
        Screen::Busy,
    );
    for dialog in [
        "Would you like to run the following command?\n› 1. Yes, proceed (y)\n  2. Yes, and don't ask again (p)\n  3. No, and tell Codex… (esc)",
        "Trust this folder?\n› 1. Trust and continue\n  2. Back to Agent Command Center",
        "Hooks need review\n  2. Trust all and continue",
        "Press enter to confirm or esc to cancel\n› ",
    ] {
        check("codex", dialog, Screen::Dialog);
    }
}

#[test]
fn gemini_is_read() {
    let boxed = |row: &str| format!("╭────╮\n│ {row} │\n╰────╯\n ~/proj   no sandbox");
    check(
        "gemini",
        &boxed(">   Type your message or @path/to/file"),
        Screen::Prompt,
    );
    check(
        "gemini",
        &boxed("*   Type your message or @path/to/file"),
        Screen::Prompt,
    );
    check("gemini", &boxed("> half a line"), Screen::Draft);
    check("gemini", &boxed("! ls"), Screen::Busy);
    let working = format!(
        "Thinking... (esc to cancel, 4m 9s)\n{}",
        boxed(">   Type your message or @path/to/file")
    );
    check("gemini", &working, Screen::Busy);
    check(
        "gemini",
        "Allow execution of [Shell]?\n● 1. Allow once\n  2. No",
        Screen::Dialog,
    );
}

#[test]
fn opencode_is_read() {
    let boxed = |row: &str, below: &str| {
        format!("  ┃\n  ┃{row}\n  ┃\n  ┃  Build · Some Model\n  ╹▀▀▀▀▀▀▀▀\n   {below}\n")
    };
    let hint = "  Ask anything… \"Fix broken tests\"";
    check("opencode", &boxed(hint, "~/proj"), Screen::Prompt);
    check("opencode", &boxed("", "~/proj"), Screen::Prompt);
    check("opencode", &boxed("  half a line", "~/proj"), Screen::Draft);
    check(
        "opencode",
        &boxed("", "■■■■■■⬝⬝  esc interrupt"),
        Screen::Busy,
    );
    let dialog =
        "  ┃  △ Permission required\n  $ ls\n Allow once   Allow always   Reject\n┃ Ask anything…";
    check("opencode", dialog, Screen::Dialog);
}

#[test]
fn an_unknown_program_is_never_typed_at() {
    let config = Config::default();
    let generic = config.agent("generic").unwrap();
    assert!(!generic.screen.can_type() && generic.command.is_empty());
    check("generic", "> ", Screen::Busy);
}

#[test]
fn every_preset_but_generic_can_be_started() {
    let config = Config::default();
    for name in NAMES.into_iter().filter(|name| *name != "generic") {
        let preset = config.agent(name).unwrap();
        assert!(!preset.command.is_empty(), "{name}");
        assert_eq!(preset.submit, "Enter", "{name}: nothing but Enter is sent");
    }
}

/// Covers F66: a program whose empty prompt nobody has described is never typed at.
#[test]
fn only_programs_with_a_known_prompt_are_typed_at() {
    let config = Config::default();
    let typed_at = NAMES
        .into_iter()
        .filter(|name| config.agent(name).unwrap().screen.can_type());
    let typed_at: Vec<&str> = typed_at.collect();
    assert_eq!(
        typed_at,
        ["claude", "codex", "gemini", "opencode", "aider", "copilot"]
    );
}

/// Covers F60: what a program would take for a name of a file, a shell's line or blanks is refused, as it
/// was measured with each.
#[test]
fn a_text_that_a_program_would_change_is_refused() {
    let config = Config::default();
    let refuses = |name: &str, text: &str| config.agent(name).unwrap().check_text(text).is_err();
    for name in ["codex", "gemini", "opencode", "copilot"] {
        assert!(refuses(name, "please read @notes"), "{name}");
        assert!(
            !refuses(name, "read @notes first, or ask ann@example.com"),
            "{name}"
        );
    }
    for name in ["claude", "copilot"] {
        assert!(refuses(name, "a\tb"), "{name}");
    }
    for name in ["claude", "codex", "copilot", "aider"] {
        assert!(refuses(name, "!important"), "{name}");
    }
    assert!(!refuses("claude", "please read @notes"));
}

#[test]
fn a_text_that_is_too_long_for_a_program_is_refused() {
    let text = "word ".repeat(2000);
    let config = Config::default();
    assert_eq!(config.agent("claude").unwrap().check_text(&text), Ok(()));
    let refused = config.agent("copilot").unwrap().check_text(&text);
    assert_eq!(
        refused.unwrap_err().to_string(),
        "it does not take a text of more than 8192 bytes as it is"
    );
}

/// A bare `>` is the prompt of too many programs: none is taken for Aider's.
#[test]
fn aider_is_read() {
    for screen in ["Aider v0.86\n\n> ", "> /run mysql\nmysql> ", "<!-- a\n-->"] {
        check("aider", screen, Screen::Busy);
    }
    let below = |row: &str| format!("done\n{}\n{row}", "─".repeat(80));
    check("aider", &below("> "), Screen::Prompt);
    check("aider", &below("> fix\n> it"), Screen::Draft);
    check("aider", &below("> fix it\nI shall"), Screen::Busy);
    check("aider", "A box:\n──────────\n>", Screen::Busy);
    check(
        "aider",
        "> fix it\n\nAdd main.c to the chat? (Y)es/(N)o [Yes]: ",
        Screen::Dialog,
    );
}

/// A mistake in a preset's file is named as it is written there.
#[test]
fn a_presets_file_is_checked() {
    let said = |text: &str| -> Vec<String> {
        let mistakes = super::check("mine", text).err().unwrap_or_default();
        mistakes.iter().map(ToString::to_string).collect()
    };
    assert_eq!(said("command = ['aider']\nready = '^>$'"), [""; 0]);
    assert_eq!(
        said("command = ['aider']\nredy = '^> $'\n[states]\nlimitd = 'x'\nworking = '(['\n"),
        [
            "line 2: `redy` is not a key; did you mean `ready`?",
            "line 4: `states.limitd` is not a key; did you mean `states.limited`?",
            "line 5: `states.working` is not a regular expression: found unclosed character class",
        ]
    );
    assert_eq!(
        said("ready = '^>$'"),
        ["line 1: `command` is missing: what is to be started"]
    );
    for (name, text) in TEXTS.into_iter().filter(|(name, _)| *name != "generic") {
        assert_eq!(said(text), [""; 0], "{name}");
    }
}

#[test]
fn a_built_in_preset_is_changed_key_by_key() {
    let text = "ready = '^XX'\n";
    assert!(super::check("claude", text).is_ok());
    let missing = super::check("mine", text).unwrap_err();
    assert_eq!(missing[0].key, "command");
}

/// A program is not asked about the directory that a person put it into, and goes on where it was.
#[test]
fn a_program_is_started_with_what_its_preset_adds() {
    let directory = tempfile::tempdir().unwrap();
    let paths = TownPaths::new(directory.path());
    let text = "[agents.x]\ncommand = ['x', '-a']\ntrust = ['-t', 'dir=\"{directory}\"']\nsession = ['-s={session}']\nresume = ['-r', '{session}']\nmodel = ['-m', '{model}']\n";
    let preset = Config::check(text).unwrap().agent("x").unwrap();
    let session = SessionId::new("s1").unwrap();
    let argv = |work_dir: &str, session| {
        preset.argv(&Launch {
            paths: &paths,
            gt: Path::new("/opt/gt"),
            work_dir: Path::new(work_dir),
            run: IncarnationId(uuid::Uuid::nil()),
            session,
            model: session.map(|_| "big"),
        })
    };
    let named = "-s=00000000-0000-4000-8000-000000000000";
    assert_eq!(
        argv("/t/my rig", None),
        ["x", "-a", "-t", "dir=\"/t/my rig\"", named]
    );
    assert_eq!(
        argv("/t/\"", None),
        ["x", "-a", named],
        "it asks about such a path"
    );
    assert_eq!(
        argv("/t/'", Some(&session)),
        ["x", "-a", "-m", "big", "-r", "s1"]
    );
}
