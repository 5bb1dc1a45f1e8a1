use super::status::ChangeKind;
use super::*;

/// A git with an identity and a home of its own, and a directory to work in.
pub(crate) fn sandbox() -> (tempfile::TempDir, Git) {
    let directory = tempfile::tempdir().unwrap();
    let mut git = Git::new()
        .env("HOME", directory.path())
        .env("XDG_CONFIG_HOME", directory.path())
        .env("GIT_CONFIG_NOSYSTEM", "1");
    for role in ["AUTHOR", "COMMITTER"] {
        git = git
            .env(format!("GIT_{role}_NAME"), "Test")
            .env(format!("GIT_{role}_EMAIL"), "test@example.org");
    }
    (directory, git)
}

/// A bare repository with two branches, a tag and one commit each.
pub(crate) fn remote(git: &Git, directory: &Path) -> GitUrl {
    let bare = directory.join("remote.git");
    let seed = directory.join("seed");
    let path = |path: &Path| path.to_str().unwrap().to_owned();
    act(
        git,
        directory,
        &["init", "-q", "--bare", "-b", "main", &path(&bare)],
    );
    act(git, directory, &["init", "-q", "-b", "main", &path(&seed)]);
    fs_err::write(seed.join("CLAUDE.md"), "the project's own\n").unwrap();
    act(git, &seed, &["add", "."]);
    act(git, &seed, &["commit", "-qm", "first"]);
    act(git, &seed, &["tag", "v1"]);
    act(
        git,
        &seed,
        &["push", "-q", &path(&bare), "main", "main:feature", "v1"],
    );
    GitUrl::new(&path(&bare), Path::new("/")).unwrap()
}

pub(crate) fn act(git: &Git, directory: &Path, arguments: &[&str]) -> String {
    git.ask(directory, LOCAL, arguments).unwrap()
}

#[test]
fn a_local_clone_knows_what_a_remote_one_knows() {
    let (directory, git) = sandbox();
    let url = remote(&git, directory.path());
    let (first, second) = (directory.path().join("a"), directory.path().join("b"));
    git.clone_remote(&url, &first).unwrap();
    git.clone_local(&first, &url, &second).unwrap();
    let refs = |at: &Path| {
        act(
            &git,
            at,
            &["for-each-ref", "--format=%(refname) %(objectname)"],
        )
    };
    assert_eq!(refs(&second), refs(&first));
    assert!(
        refs(&second).contains("refs/remotes/origin/feature"),
        "{}",
        refs(&second)
    );
    assert_eq!(git.origin(&second).unwrap(), url.as_str());
    assert_eq!(git.head(&second).unwrap(), git.head(&first).unwrap());
    assert_eq!(git.branch(&second).unwrap().as_deref(), Some("main"));
    assert_eq!(git.status(&second).unwrap(), []);
    assert!(second.join("CLAUDE.md").exists());
}

/// Covers M5: the first line's file keeps its first letter.
#[test]
fn a_changed_file_is_named_whole() {
    let (directory, git) = sandbox();
    let clone = directory.path().join("a");
    git.clone_remote(&remote(&git, directory.path()), &clone)
        .unwrap();
    fs_err::write(clone.join("CLAUDE.md"), "changed").unwrap();
    fs_err::write(clone.join(" odd \u{e9}"), "new").unwrap();
    let mut found = git.status(&clone).unwrap();
    found.sort_by(|a, b| b.path.cmp(&a.path));
    let change = |kind, path: &str| Change {
        kind,
        path: path.into(),
    };
    let expect = [
        change(ChangeKind::Tracked, "CLAUDE.md"),
        change(ChangeKind::Untracked, " odd \u{e9}"),
    ];
    assert_eq!(found, expect);
}

/// Covers M3, F47: a directory without a repository of its own is told from one that has it.
#[test]
fn the_work_tree_around_a_directory_is_named() {
    let (directory, git) = sandbox();
    let clone = directory.path().canonicalize().unwrap().join("a");
    git.clone_remote(&remote(&git, directory.path()), &clone)
        .unwrap();
    fs_err::create_dir(clone.join("inner")).unwrap();
    assert_eq!(git.work_tree(&clone.join("inner")).unwrap(), clone);
    let outside = git.work_tree(directory.path()).unwrap_err();
    assert!(
        matches!(outside, GitError::NotARepository { .. }),
        "{outside}"
    );
    assert!(matches!(
        git.head(directory.path()),
        Err(GitError::NotARepository { .. })
    ));
}

#[test]
fn a_repositorys_hooks_do_not_run() {
    use std::os::unix::fs::PermissionsExt as _;
    let (directory, git) = sandbox();
    let hooks = directory.path().join("template/hooks");
    fs_err::create_dir_all(&hooks).unwrap();
    let hook = hooks.join("post-checkout");
    fs_err::write(
        &hook,
        format!("#!/bin/sh\ntouch {}/ran\n", directory.path().display()),
    )
    .unwrap();
    fs_err::set_permissions(&hook, std::fs::Permissions::from_mode(0o755)).unwrap();
    let git = git.env("GIT_TEMPLATE_DIR", directory.path().join("template"));
    let url = remote(&git, directory.path());
    git.clone_remote(&url, &directory.path().join("a")).unwrap();
    assert!(!directory.path().join("ran").exists());
}

#[test]
fn a_failing_clone_names_the_reason_and_no_password() {
    let (directory, git) = sandbox();
    let url = GitUrl::new("http://me:s3cret@127.0.0.1:1/x", Path::new("/")).unwrap();
    let error = git
        .clone_remote(&url, &directory.path().join("a"))
        .unwrap_err();
    let text = gt_core::observed::chain(&error);
    assert!(
        text.contains("`git clone`") && !text.contains("s3cret"),
        "{text}"
    );
}

#[test]
fn the_version_is_read_from_every_vendors_answer() {
    assert_eq!(
        parse_version("git version 2.39.5 (Apple Git-154)"),
        Some((2, 39))
    );
    assert_eq!(
        parse_version("git version 2.47.rc1.windows.2"),
        Some((2, 47))
    );
    assert_eq!(parse_version("gitte 2.47"), None);
    assert!(sandbox().1.version().unwrap() >= MINIMUM_VERSION);
}

/// A gt that was started from a git hook acts on the directory it means, not on the hook's.
#[test]
fn variables_of_a_hook_lead_nowhere() {
    let (directory, git) = sandbox();
    let clone = directory.path().canonicalize().unwrap().join("a");
    git.clone_remote(&remote(&git, directory.path()), &clone)
        .unwrap();
    let found = program_without(&["GIT_DIR", "GIT_INDEX_FILE"], &clone, LOCAL)
        .env("GIT_DIR", "/nowhere")
        .env("GIT_INDEX_FILE", "/nowhere")
        .args(["rev-parse", "--show-toplevel"])
        .output();
    assert_eq!(found.unwrap(), clone.display().to_string());
}

/// A person's own configuration changes neither the remote's name nor the other clones.
#[test]
fn a_persons_configuration_changes_no_clone() {
    let (directory, git) = sandbox();
    let config = "[clone]\ndefaultRemoteName = upstream\n[fetch]\nprune = true\n";
    fs_err::write(directory.path().join(".gitconfig"), config).unwrap();
    let url = remote(&git, directory.path());
    let (first, second) = (directory.path().join("a"), directory.path().join("b"));
    git.clone_remote(&url, &first).unwrap();
    git.clone_local(&first, &url, &second).unwrap();
    for clone in [&first, &second] {
        assert_eq!(act(&git, clone, &["remote"]), "origin");
        assert_eq!(act(&git, clone, &["branch", "-r"]).lines().count(), 3);
    }
}

#[test]
fn a_repository_without_commits_has_no_head() {
    let (directory, git) = sandbox();
    act(&git, directory.path(), &["init", "-q", "-b", "main"]);
    assert_eq!(git.head(directory.path()).unwrap(), None);
    assert_eq!(
        git.branch(directory.path()).unwrap().as_deref(),
        Some("main")
    );
}
