use super::*;

fn paths(text: &str) -> (tempfile::TempDir, TownPaths) {
    let directory = tempfile::tempdir().unwrap();
    let paths = TownPaths::new(directory.path());
    fs_err::create_dir(paths.private()).unwrap();
    fs_err::write(paths.town_toml(), text).unwrap();
    (directory, paths)
}

#[track_caller]
fn check_mistakes(text: &str, expect: &[&str]) {
    let mistakes = Config::check(text).err().unwrap_or_default();
    let found: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
    assert_eq!(found, expect);
}

/// The numbers that decisions were tested with are those of an empty file.
#[test]
fn an_empty_file_gives_the_defaults_of_the_core() {
    let config = Config::check("").unwrap();
    assert_eq!(config.policy.poke, PokePolicy::default());
    assert_eq!(config.policy.restart, RestartPolicy::default());
    assert_eq!(config.policy.attached_quiet, Duration::from_secs(120));
    assert_eq!(config.tmux_socket, TmuxSocket::Town);
    let roles: Vec<String> = Role::ALL
        .iter()
        .map(|role| {
            let role = config.role(*role);
            format!("{} {:?} {:?}", role.agent.name, role.run, role.poke)
        })
        .collect();
    let expect = [
        "claude Always Owed",
        "claude Always Owed",
        "claude OnDemand Owed",
        "claude OnDemand Owed",
        "claude Never Owed",
        "claude Never Owed",
    ];
    assert_eq!(roles, expect);
}

#[test]
fn every_default_is_a_value_of_its_key() {
    for effective in Config::default().effective() {
        let words: Vec<&str> = effective.key.split('.').collect();
        let kind = key::find(&words).unwrap().kind;
        assert_eq!(
            kind.read(&effective.value.to_toml()),
            Ok(effective.value),
            "{}",
            effective.key
        );
    }
}

#[test]
fn a_key_that_is_not_known_is_named_with_line_and_neighbour() {
    check_mistakes(
        "[poke]\n# comment\nfrsh = \"1m\"\n\n[role.mayor]\nrun = \"always\"\n[agents.x]\ncomand = []\n",
        &[
            "line 3: `poke.frsh` is not a key; did you mean `poke.fresh`?",
            "line 5: `role` is not a key; did you mean `roles`?",
            "line 8: `agents.x.comand` is not a key; did you mean `agents.x.command`?",
        ],
    );
    check_mistakes(
        "[roles.mayer]\nrun = \"never\"\n[quux]\n",
        &[
            "line 1: `roles.mayer` is not a key; did you mean `roles.mayor`?",
            "line 3: `quux` is not a key",
        ],
    );
}

#[test]
fn a_value_that_does_not_fit_is_named_with_what_would() {
    check_mistakes(
        "poke = 3\n[restart]\nbudget = 0\nfactor = 0.5\nmax = \"soon\"\n[daemon.heartbeat]\n[roles.mayor]\nrun = \"sometimes\"\n",
        &[
            "line 1: `poke` is a table, not a value",
            "line 3: `restart.budget` takes a whole number of 1 or more",
            "line 4: `restart.factor` takes a number of 1 or more",
            "line 5: `restart.max` takes a time such as \"90s\", \"5m\" or \"1h30m\"",
            "line 6: `daemon.heartbeat` is a value, not a table",
            "line 8: `roles.mayor.run` takes \"always\", \"on_demand\", \"never\"",
        ],
    );
    let bad = Config::check("[agents.x]\nready = '(['\nblocked = ['a', '(']\n").unwrap_err();
    assert!(
        bad[0].problem.starts_with("is not a regular expression: "),
        "{}",
        bad[0]
    );
    assert!(bad[1].problem.ends_with("(`(`)"), "{}", bad[1]);
}

/// Covers F63: nothing is ever submitted by the key that interrupts.
#[test]
fn escape_submits_nothing() {
    for key in [
        "Escape",
        "Esc",
        "C-c",
        "C-d",
        "F99",
        "NoSuchKey",
        "y",
        "-Enter",
        "",
    ] {
        let text = format!("[agents.x]\ncommand = ['x']\nsubmit = '{key}'\n");
        let bad = Config::check(&text).unwrap_err();
        assert!(
            bad[0].problem.contains("takes a key that submits"),
            "{}",
            bad[0]
        );
    }
    for key in ["Enter", "M-Enter", "KPEnter", "C-j"] {
        let text = format!("[agents.x]\ncommand = ['x']\nsubmit = '{key}'\n");
        assert!(Config::check(&text).is_ok(), "{key}");
    }
    let config = Config::default();
    for name in preset::NAMES {
        assert_eq!(config.agent(name).unwrap().submit, "Enter", "{name}");
    }
}

#[test]
fn a_role_may_have_a_model_that_its_program_can_be_told() {
    let config = Config::check("[roles.witness]\nmodel = 'haiku'\n").unwrap();
    assert_eq!(config.role(Role::Witness).model.as_deref(), Some("haiku"));
    assert_eq!(config.role(Role::Mayor).model, None);
    let bad = "[agents.x]\ncommand = ['x']\n[roles.mayor]\nagent = 'x'\nmodel = 'big'\n";
    let bad = Config::check(bad).unwrap_err();
    assert_eq!((bad[0].line, bad[0].key.as_str()), (5, "roles.mayor.model"));
    assert_eq!(
        bad[0].problem,
        "cannot be told to `x`: `agents.x.model` does not say how"
    );
}

/// A message may end with a blank, which no row of a screen does.
#[test]
fn a_pattern_of_a_text_may_want_a_blank_at_the_end() {
    assert!(Config::check("[agents.x]\nuntypable = ' $'\n").is_ok());
    assert!(Config::check("[agents.x]\nready = ' $'\n").is_err());
}

/// An empty `blocked` would keep everything from being typed, and say nothing.
#[test]
fn a_rule_that_says_nothing_is_a_mistake() {
    for pattern in ["", ".*", "x*"] {
        let bad = Config::check(&format!("[agents.x]\nblocked = '{pattern}'\n")).unwrap_err();
        assert!(bad[0].problem.contains("says nothing"), "{}", bad[0]);
    }
    for (key, name) in [
        ("trust", "{directory}"),
        ("session", "{session}"),
        ("resume", "{session}"),
    ] {
        let bad = Config::check(&format!("[agents.x]\n{key} = ['-x']\n")).unwrap_err();
        let problem = format!("needs `{name}` in one of its words");
        assert_eq!(bad[0].problem, problem, "{}", bad[0]);
        assert!(Config::check(&format!("[agents.x]\n{key} = []\n")).is_ok());
    }
}

/// A prompt such as `> ` is cut to `>` with the rest of its line's blanks.
#[test]
fn a_pattern_that_no_screen_can_match_is_a_mistake() {
    let bad = Config::check("[agents.x]\nready = ['^%$', '^> $']\n").unwrap_err();
    let problem = "never matches: blanks at the end of a line are cut off (`^> $`)";
    assert_eq!(bad[0].problem, problem);
    Config::check("[agents.x]\nready = '^> ?$'\n").unwrap();
}

#[test]
fn mistakes_that_show_only_in_the_whole_are_named_too() {
    check_mistakes(
        "[poke]\nmax = \"1m\"\n[roles.crew]\nagent = \"cloude\"\n[roles.witness]\nagent = \"generic\"",
        &[
            "line 2: `poke.base` is longer than `poke.max`",
            "line 6: `roles.witness.agent` names `generic`, which has no command: give `agents.generic.command`",
            "line 4: `roles.crew.agent` names `cloude`, which is neither a preset nor in [agents] (there are aider, amp, claude, codex, copilot, cursor, gemini, generic, opencode); did you mean `claude`?",
        ],
    );
}

#[test]
fn what_is_no_toml_is_named_by_its_line() {
    let mistakes = Config::check("[poke]\nfresh = \n").unwrap_err();
    assert_eq!((mistakes.len(), mistakes[0].line), (1, 2));
}

#[test]
fn what_stands_twice_is_named_with_both_places() {
    check_mistakes(
        "[poke]\nfresh = \"1m\"\n# more\nfresh = \"2m\"\n",
        &["line 4: `poke.fresh` stands twice, first at line 2: merge them into one"],
    );
    check_mistakes(
        "[roles.mayor]\n# agent = \"claude\"\n[roles.crew]\n\n[ roles . \"mayor\" ] # mine\nagent = \"codex\"\n",
        &["line 5: `roles.mayor` stands twice, first at line 1: merge them into one"],
    );
    check_mistakes(
        "roles.mayor.agent = \"codex\"\n[roles.mayor]\n",
        &["line 2: `roles.mayor` stands twice, first at line 1: merge them into one"],
    );
    check_mistakes(
        "roles.mayor = { run = \"never\",\nrun = \"always\" }\n",
        &["line 2: duplicate key"],
    );
}

/// Covers F67: how a screen is read is data; one field of a preset can be changed by itself.
#[test]
fn a_preset_is_changed_field_by_field_and_a_new_one_is_made() {
    let config = Config::check(
        "[agents.claude]\nsettle = \"1s\"\nenv = { A = \"b\" }\n[agents.mine]\ncommand = [\"./x\", \"-y\"]\n\
         [roles.crew]\nagent = \"mine\"\n",
    )
    .unwrap();
    let claude = config.agent("claude").unwrap();
    assert_eq!(claude.settle, Duration::from_secs(1));
    assert_eq!(claude.command, ["claude", "--dangerously-skip-permissions"]);
    assert_eq!(claude.env.get("A").map(String::as_str), Some("b"));
    let mine = &config.role(Role::Crew).agent;
    assert_eq!(
        (mine.name.as_str(), mine.submit.as_str()),
        ("mine", "Enter")
    );
    assert!(
        !mine.screen.can_type(),
        "without a pattern nothing is typed"
    );
}

#[test]
fn a_value_says_where_it_comes_from() {
    let config = Config::check("[poke]\nfresh = \"90s\"\n").unwrap();
    let found = |key: &str| {
        let effective = config.get(key).unwrap()?;
        Some(format!("{} {:?}", effective.value, effective.origin))
    };
    assert_eq!(found("poke.fresh").as_deref(), Some("1m30s File"));
    assert_eq!(
        found("agents.codex.settle").as_deref(),
        Some("500ms Preset")
    );
    assert_eq!(found("roles.deacon.run").as_deref(), Some("always Default"));
    assert_eq!(found("tmux.user_config"), None);
    let error = config.get("poke.bse").unwrap_err().to_string();
    assert_eq!(error, "`poke.bse` is not a key; did you mean `poke.base`?");
    assert!(config.get("").is_err());
}

#[test]
fn a_mistyped_word_inside_a_path_leads_to_the_whole_key() {
    let config = Config::default();
    let said = |key: &str| config.get(key).unwrap_err().to_string();
    let cases = [
        ("roles.mayr.agent", "; did you mean `roles.mayor.agent`?"),
        ("role.mayr.agnt", "; did you mean `roles.mayor.agent`?"),
        ("poke.fresh.now", "; did you mean `poke.fresh`?"),
        ("roles.mayor.colour", ""),
    ];
    for (key, meant) in cases {
        assert_eq!(said(key), format!("`{key}` is not a key{meant}"));
    }
}

#[test]
fn a_table_names_its_keys_and_shows_their_values() {
    let config = Config::default();
    assert_eq!(
        config.get("roles.mayor").unwrap_err().to_string(),
        "`roles.mayor` is a table, not a key; its keys are roles.mayor.agent, roles.mayor.model, roles.mayor.run, roles.mayor.poke"
    );
    let keys = |table: &str| -> Vec<String> {
        let values = config.table(table).into_iter();
        values.map(|one| one.key).collect()
    };
    assert_eq!(keys("daemon"), ["daemon.heartbeat"]);
    assert_eq!(keys("roles.mayor").len(), 3);
    assert_eq!(keys("agents.nobody"), [""; 0]);
}

#[track_caller]
fn check_set(text: &str, key: &str, value: &str, expect: &str) {
    let (_directory, paths) = paths(text);
    set(&paths, key, value).unwrap();
    assert_eq!(fs_err::read_to_string(paths.town_toml()).unwrap(), expect);
}

#[test]
fn a_value_is_set_and_every_comment_stays() {
    check_set(
        "# mine\n[poke] # here\n# why\nfresh = \"1m\" # short\nfactor = 2 # two\n",
        "poke.fresh",
        "90s",
        "# mine\n[poke] # here\n# why\nfresh = \"90s\" # short\nfactor = 2 # two\n",
    );
    check_set(
        "",
        "roles.mayor.run",
        "never",
        "[roles.mayor]\nrun = \"never\"\n",
    );
    check_set(
        "env.pass = [\"A\"]\n",
        "env.pass",
        "[\"A\", \"B\"]",
        "env.pass = [\"A\", \"B\"]\n",
    );
    check_set("", "restart.budget", "3", "[restart]\nbudget = 3\n");
}

#[test]
fn a_value_goes_below_its_commented_default_and_a_table_to_the_end() {
    let before = "# why\n# poke.fresh = \"2m\"\n\n# [agents.claude]\n";
    check_set(
        before,
        "poke.fresh",
        "90s",
        "# why\n# poke.fresh = \"2m\"\npoke.fresh = \"90s\"\n\n# [agents.claude]\n",
    );
    check_set(
        before,
        "agents.mine.submit",
        "C-m",
        &format!("{before}\n[agents.mine]\nsubmit = \"C-m\"\n"),
    );
    check_set(
        "# poke.fresh = \"2m\"\n[poke]\nbase = \"3m\"\n",
        "poke.fresh",
        "90s",
        "# poke.fresh = \"2m\"\n[poke]\nbase = \"3m\"\nfresh = \"90s\"\n",
    );
}

/// What README shows is added to the file of a new town as it is.
#[test]
fn a_table_can_be_added_to_the_file_of_a_new_town() {
    let added = "[roles.mayor]\nagent = \"codex\"\n[agents.claude]\nsettle = \"1s\"\n[poke]\nfresh = \"1m\"\n";
    let config = Config::check(&format!("{}\n{added}", template())).unwrap();
    assert_eq!(config.role(Role::Mayor).agent.name, "codex");
}

#[test]
fn a_value_can_be_set_in_the_file_of_a_new_town() {
    let (_directory, paths) = paths(&template());
    set(&paths, "roles.refinery.agent", "codex").unwrap();
    set(&paths, "roles.refinery.agent", "gemini").unwrap();
    set(&paths, "roles.refinery.agent", "codex").unwrap();
    set(&paths, "agents.mine.env.KEY", "true").unwrap();
    let config = Config::load(&paths.town_toml()).unwrap();
    assert_eq!(config.role(Role::Refinery).agent.name, "codex");
    assert_eq!(config.agent("mine").unwrap().env["KEY"], "true");
}

#[track_caller]
fn check_refused(text: &str, key: &str, value: &str, expect: &str) {
    let (_directory, paths) = paths(text);
    let error = set(&paths, key, value).unwrap_err().to_string();
    let file = format!("{}: ", paths.town_toml().display());
    assert_eq!(error.replace(&file, ""), expect);
    assert_eq!(fs_err::read_to_string(paths.town_toml()).unwrap(), text);
}

#[test]
fn a_refused_value_leaves_the_file_as_it_was() {
    check_refused(
        "",
        "poke.frsh",
        "1m",
        "`poke.frsh` is not a key; did you mean `poke.fresh`?",
    );
    check_refused(
        "",
        "restart.budget",
        "none",
        "`restart.budget` takes a number",
    );
    check_refused(
        "",
        "poke.max",
        "1s",
        "`poke.base` is longer than `poke.max`",
    );
    check_refused(
        "",
        "roles.mayor.agent",
        "codx",
        "`roles.mayor.agent` names `codx`, which is neither a preset nor in [agents] (there are aider, amp, claude, codex, copilot, cursor, gemini, generic, opencode); did you mean `codex`?",
    );
    check_refused("x = 1\n", "poke.max", "1h", "line 1: `x` is not a key");
    check_refused(
        "roles = 1\n",
        "roles.mayor.run",
        "never",
        "`roles.mayor.run` lies in a table that is not one",
    );
}

#[test]
fn two_changes_at_once_are_both_kept() {
    let (_directory, paths) = paths("");
    std::thread::scope(|scope| {
        for (key, value) in [
            ("poke.fresh", "1m"),
            ("restart.budget", "4"),
            ("poke.factor", "2"),
        ] {
            let paths = &paths;
            scope.spawn(move || set(paths, key, value).unwrap());
        }
    });
    let config = Config::load(&paths.town_toml()).unwrap();
    assert_eq!(config.policy.restart.budget, 4);
    assert_eq!(config.policy.poke.fresh, Duration::from_secs(60));
}

#[test]
fn the_file_of_a_new_town_uncommented_is_the_defaults() {
    let text = template();
    let uncommented: Vec<String> = text
        .lines()
        .map(|line| match line.strip_prefix("# ") {
            Some(entry) if entry.contains(" = ") && !entry.contains("\"\"") => entry.to_owned(),
            _ => line.to_owned(),
        })
        .filter(|line| !line.starts_with("env = "))
        .collect();
    let config =
        Config::check(&uncommented.join("\n").replace("command = [\"claude\"", "#")).unwrap();
    let values = |config: &Config| -> Vec<(String, Value)> {
        config
            .effective()
            .into_iter()
            .map(|one| (one.key, one.value))
            .collect()
    };
    assert_eq!(values(&config), values(&Config::default()));
}

#[test]
fn the_schema_has_every_key() {
    let schema = schema();
    for key in KEYS {
        let mut here = &schema;
        for part in key.parts() {
            here = match part {
                "NAME" | "VARIABLE" => &here["additionalProperties"],
                "ROLE" => &here["properties"]["deacon"],
                "STATE" => &here["properties"]["working"],
                part => &here["properties"][part],
            };
        }
        assert_eq!(here["description"], key.doc, "{}", key.path);
    }
    let of_preset = preset_schema();
    assert_eq!(
        of_preset["properties"],
        schema["properties"]["agents"]["additionalProperties"]["properties"]
    );
    assert_eq!(of_preset["additionalProperties"], false);
    assert_eq!(schema["properties"]["poke"]["additionalProperties"], false);
    assert_eq!(
        schema["properties"]["poke"]["properties"]["base"]["default"],
        "5m"
    );
}

/// A person who closed the file to others, or keeps it elsewhere, finds it so afterwards.
#[test]
fn a_closed_file_stays_closed_and_a_symlink_a_symlink() {
    let (directory, paths) = paths("");
    let elsewhere = directory.path().join("dotfiles.toml");
    fs_err::rename(paths.town_toml(), &elsewhere).unwrap();
    fs_err::set_permissions(&elsewhere, std::fs::Permissions::from_mode(0o600)).unwrap();
    std::os::unix::fs::symlink(&elsewhere, paths.town_toml()).unwrap();
    set(&paths, "agents.claude.env.KEY", "s3cret").unwrap();
    assert!(paths.town_toml().is_symlink());
    let written = fs_err::metadata(&elsewhere).unwrap().permissions().mode();
    assert_eq!(written & 0o777, 0o600);
}

#[test]
fn a_value_is_set_inside_an_inline_table() {
    let (_directory, paths) = paths("agents = { x = { settle = \"1s\" } }\n");
    set(&paths, "agents.x.submit", "C-m").unwrap();
    set(&paths, "agents.y.env.KEY", "v").unwrap();
    let config = Config::load(&paths.town_toml()).unwrap();
    let x = config.agent("x").unwrap();
    assert_eq!(
        (x.settle, x.submit.as_str()),
        (Duration::from_secs(1), "C-m")
    );
    assert_eq!(config.agent("y").unwrap().env["KEY"], "v");
}

/// A program of one's own, or another screen of a known one, needs a file and nothing else.
#[test]
fn a_preset_may_have_a_file_of_its_own() {
    let (_directory, paths) =
        paths("[roles.mayor]\nagent = \"mine\"\n[agents.mine]\nsettle = \"2s\"\n");
    let file = |name: &str, text: &str| {
        fs_err::create_dir_all(paths.presets()).unwrap();
        fs_err::write(paths.presets().join(name), text).unwrap();
    };
    file(
        "mine.toml",
        "command = [\"./x\"]\nsettle = \"1s\"\nsubmit = \"C-j\"\n",
    );
    file("claude.toml", "settle = \"3s\"\n");
    file("notes.txt", "no preset");
    let config = Config::load(&paths.town_toml()).unwrap();
    let mine = config.agent("mine").unwrap();
    assert_eq!(
        (mine.command, mine.submit),
        (vec!["./x".to_owned()], "C-j".to_owned())
    );
    assert_eq!(mine.settle, Duration::from_secs(2), "town.toml counts more");
    assert_eq!(
        config.agent("claude").unwrap().settle,
        Duration::from_secs(3)
    );
    let origin = |key| config.get(key).unwrap().unwrap().origin;
    assert_eq!(origin("agents.mine.submit"), Origin::Preset);
    assert_eq!(origin("agents.mine.settle"), Origin::File);
    set(&paths, "roles.deacon.agent", "mine").unwrap();

    file("claude.toml", "\nbusy = \"(\"\nsetle = \"1s\"\n");
    let error = Config::load(&paths.town_toml()).unwrap_err().to_string();
    assert!(error.contains("claude.toml: line 2: `busy`"), "{error}");
    assert!(error.contains("line 3: `setle`"), "{error}");
    file("claude.toml", "");
    file("a b.toml", "");
    let error = Config::load(&paths.town_toml()).unwrap_err().to_string();
    assert!(error.contains("a b.toml"), "{error}");
}

/// A town.toml that is a link into a collection of dotfiles leaves the presets in the town.
#[test]
fn a_linked_file_is_changed_with_the_towns_presets() {
    let (directory, paths) = paths("");
    let elsewhere = directory.path().join("dotfiles");
    fs_err::create_dir_all(&elsewhere).unwrap();
    fs_err::rename(paths.town_toml(), elsewhere.join("town.toml")).unwrap();
    fs_err::os::unix::fs::symlink(elsewhere.join("town.toml"), paths.town_toml()).unwrap();
    fs_err::create_dir_all(paths.presets()).unwrap();
    fs_err::write(paths.presets().join("mine.toml"), "command = [\"./x\"]\n").unwrap();
    set(&paths, "roles.mayor.agent", "mine").unwrap();
    let text = fs_err::read_to_string(elsewhere.join("town.toml")).unwrap();
    assert!(text.contains("mine"), "{text}");
}

/// The README tells of every key, in the words of the table, and of no other.
#[test]
fn the_readme_has_every_key() {
    let readme = concat!(env!("CARGO_MANIFEST_DIR"), "/../../README.md");
    let readme = fs_err::read_to_string(readme).unwrap();
    let table = readme
        .split("\n| key | default | meaning |")
        .nth(1)
        .unwrap();
    let rows = table.split("\n\n").next().unwrap().lines().skip(2);
    let rows: Vec<&str> = rows.collect();
    assert_eq!(rows.len(), KEYS.len());
    for (row, key) in rows.iter().zip(KEYS) {
        let head = match key.default {
            Fallback::Value(value) => format!("| `{}` | `{value}` |", key.path),
            Fallback::ByRole(_) | Fallback::None => format!("| `{}` | ", key.path),
        };
        assert!(row.starts_with(&head), "{row}\n{head}");
        assert!(
            row.ends_with(&format!("| {} |", key.doc)),
            "{row}\n{}",
            key.doc
        );
    }
}
