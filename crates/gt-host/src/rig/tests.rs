use super::*;
use crate::git::tests::{act, remote, sandbox};
use crate::git::{Git, GitUrl};
use gt_core::observed::chain;

struct World {
    directory: tempfile::TempDir,
    git: Git,
    paths: TownPaths,
    url: GitUrl,
}

fn world() -> World {
    let (directory, git) = sandbox();
    let url = remote(&git, directory.path());
    let root = directory.path().canonicalize().unwrap().join("town");
    for path in ["mayor", ".gt"] {
        fs_err::create_dir_all(root.join(path)).unwrap();
    }
    let paths = TownPaths::new(&root);
    World {
        directory,
        git,
        paths,
        url,
    }
}

impl World {
    fn request(&self, name: &str) -> AddRig {
        AddRig {
            name: RigName::new(name).unwrap(),
            url: self.url.clone(),
            prefix: None,
            crew: WorkerName::new("main").unwrap(),
            now: "2025-12-20T10:00:00Z".parse().unwrap(),
        }
    }

    fn add(&self, request: &AddRig) -> Result<Added, RigError> {
        add(&self.paths, request, &self.git, &mut |_| {})
    }

    /// The names in the town's root, to see what a failure left behind.
    fn left(&self) -> Vec<String> {
        let mut names: Vec<String> = fs_err::read_dir(self.paths.root())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

fn name(name: &str) -> RigName {
    RigName::new(name).unwrap()
}

#[test]
fn a_rig_is_made_in_the_originals_layout() {
    let world = world();
    let mut steps = Vec::new();
    let request = world.request("gastown");
    let added = add(&world.paths, &request, &world.git, &mut |step| {
        steps.push(step);
    })
    .unwrap();
    let rig = world.paths.root().join("gastown");
    assert_eq!(
        (added.directory, added.prefix.as_str()),
        (rig.clone(), "ga")
    );
    let config: serde_json::Value =
        serde_json::from_slice(&fs_err::read(rig.join("config.json")).unwrap()).unwrap();
    let expect = serde_json::json!({
        "type": "rig", "version": 1, "name": "gastown", "git_url": world.url.as_str(),
        "created_at": "2025-12-20T10:00:00Z", "beads": {"prefix": "ga"},
    });
    assert_eq!(config, expect);
    for path in [
        "mayor/state.json",
        "refinery/state.json",
        "witness/state.json",
        "polecats",
        ".beads/config.yaml",
        "mayor/rig/.git",
        "refinery/rig/.git",
        "crew/main/.git",
    ] {
        assert!(rig.join(path).exists(), "{path} is missing");
    }
    assert_eq!(steps.len(), 4);
    let mode =
        std::os::unix::fs::PermissionsExt::mode(&fs_err::metadata(&rig).unwrap().permissions());
    assert_eq!(mode & 0o077, 0o055, "others may look, as in the original");
    assert_eq!(
        world.left(),
        [".gt", "gastown", "mayor"],
        "no building site is left"
    );
}

/// A rig that was taken out of the registry, or whose registry is lost, comes back as it was.
#[test]
fn a_rig_that_is_there_is_registered_as_it_is() {
    let world = world();
    let gas = name("gas");
    let mut request = world.request("gas");
    request.prefix = Some(Prefix::new("own").unwrap());
    world.add(&request).unwrap();
    let adopt = || adopt(&world.paths, &gas, None, request.now, &world.git);
    assert!(matches!(adopt(), Err(RigError::AlreadyRegistered { .. })));
    let work = world.paths.root().join("gas/crew/main/work");
    fs_err::write(&work, "not committed").unwrap();
    let before = Registry::read(&world.paths.rigs_json()).unwrap();
    fs_err::remove_file(world.paths.rigs_json()).unwrap();
    let adopted = adopt().unwrap();
    assert_eq!(adopted.prefix.as_str(), "own");
    assert_eq!(Registry::read(&world.paths.rigs_json()).unwrap(), before);
    assert_eq!(fs_err::read_to_string(&work).unwrap(), "not committed");
}

#[test]
fn a_directory_without_a_clone_is_no_rig() {
    let world = world();
    fs_err::create_dir_all(world.paths.root().join("notes/refinery/rig")).unwrap();
    for absent in ["notes", "nothing"] {
        let adopted = adopt(
            &world.paths,
            &name(absent),
            None,
            Timestamp::UNIX_EPOCH,
            &world.git,
        );
        assert!(
            matches!(adopted, Err(RigError::NoClone { .. })),
            "{adopted:?}"
        );
    }
    assert!(!world.paths.rigs_json().exists());
}

/// Covers M22: a clone is clean from birth, and the project's own CLAUDE.md is untouched.
#[test]
fn every_clone_is_clean_at_the_same_commit() {
    let world = world();
    let added = world.add(&world.request("gas")).unwrap();
    for clone in ["mayor/rig", "refinery/rig", "crew/main"] {
        let clone = added.directory.join(clone);
        assert_eq!(world.git.status(&clone).unwrap(), [], "{}", clone.display());
        assert_eq!(world.git.head(&clone).unwrap().as_ref(), Some(&added.head));
        assert_eq!(world.git.origin(&clone).unwrap(), world.url.as_str());
        let text = fs_err::read_to_string(clone.join("CLAUDE.md")).unwrap();
        assert_eq!(text, "the project's own\n");
        act(&world.git, &clone, &["fetch", "-q", "origin"]);
    }
}

#[test]
fn a_rig_is_listed_with_its_workers_until_it_is_removed() {
    let world = world();
    world.add(&world.request("gas")).unwrap();
    fs_err::create_dir(world.paths.root().join("gas/polecats/toast")).unwrap();
    let facts = show(&world.paths, &name("gas")).unwrap();
    assert_eq!(list(&world.paths).unwrap(), std::slice::from_ref(&facts));
    assert_eq!(
        (facts.crew[0].as_str(), facts.polecats[0].as_str()),
        ("main", "toast")
    );
    assert!(facts.has_directory && facts.has_witness && facts.has_refinery && facts.has_mayor);
    remove(&world.paths, &name("gas")).unwrap();
    assert!(
        world.paths.root().join("gas/crew/main").exists(),
        "work is never deleted"
    );
    assert_eq!(list(&world.paths).unwrap(), []);
    let again = remove(&world.paths, &name("gas")).unwrap_err();
    assert_eq!(again.to_string(), "no rig `gas` in this town");
}

#[test]
fn what_is_there_already_is_refused_and_left() {
    let world = world();
    world.add(&world.request("gas")).unwrap();
    let twice = world.add(&world.request("gas")).unwrap_err();
    assert!(
        matches!(twice, RigError::AlreadyRegistered { .. }),
        "{twice}"
    );
    fs_err::create_dir(world.paths.root().join("notes")).unwrap();
    let in_the_way = world.add(&world.request("notes")).unwrap_err();
    assert!(
        matches!(in_the_way, RigError::InTheWay { .. }),
        "{in_the_way}"
    );
}

#[test]
fn a_shared_prefix_is_named() {
    let world = world();
    world.add(&world.request("gas")).unwrap();
    let prefix = Some(Prefix::new("gas").unwrap());
    let added = world
        .add(&AddRig {
            prefix,
            ..world.request("oil")
        })
        .unwrap();
    assert_eq!(added.prefix_shared_with, ["gas"]);
}

/// Covers M26: a clone that fails leaves neither directory nor entry.
#[test]
fn a_failed_clone_leaves_nothing() {
    let mut world = world();
    world.url = GitUrl::new("/no/such/repository", Path::new("/")).unwrap();
    let error = chain(&world.add(&world.request("gas")).unwrap_err());
    assert!(
        error.starts_with("cannot make the clone `refinery/rig` of rig `gas`: `git clone` of `/no/such/repository` ended with 128:\n    fatal: "),
        "{error}"
    );
    assert!(error.contains("does not exist"), "{error}");
    assert_eq!(world.left(), [".gt", "mayor"]);
    assert!(!world.paths.rigs_json().exists());
}

#[test]
fn a_repository_without_commits_is_refused_whole() {
    let mut world = world();
    let empty = world.directory.path().join("empty.git");
    act(
        &world.git,
        world.directory.path(),
        &["init", "-q", "--bare", empty.to_str().unwrap()],
    );
    world.url = GitUrl::new(empty.to_str().unwrap(), Path::new("/")).unwrap();
    let error = world.add(&world.request("gas")).unwrap_err();
    assert!(matches!(error, RigError::NoCommits { .. }), "{error}");
    assert_eq!(world.left(), [".gt", "mayor"]);
}

/// Covers M26: when the registry cannot be saved at the end, the rig's directory goes too.
#[test]
fn a_registry_that_breaks_meanwhile_takes_the_directory_back() {
    let world = world();
    let request = world.request("gas");
    let error = add(&world.paths, &request, &world.git, &mut |step| {
        if step == Step::Registering {
            fs_err::write(world.paths.rigs_json(), "{damaged").unwrap();
        }
    });
    assert!(
        matches!(error, Err(RigError::Registry(RegistryError::Read(_)))),
        "{error:?}"
    );
    assert_eq!(world.left(), [".gt", "mayor"]);
    assert_eq!(
        fs_err::read_to_string(world.paths.rigs_json()).unwrap(),
        "{damaged"
    );
}

/// Covers M24: a damaged registry stops the addition before anything is cloned.
#[test]
fn a_damaged_registry_is_found_before_anything_is_cloned() {
    let world = world();
    fs_err::write(world.paths.rigs_json(), "").unwrap();
    let mut steps = 0;
    let request = world.request("gas");
    let result = add(&world.paths, &request, &world.git, &mut |_| steps += 1);
    assert!(matches!(result, Err(RigError::Registry(_))));
    assert_eq!(steps, 0);
}

/// Another `gt` that adds the same rig meanwhile wins; what it made is not touched.
#[test]
fn a_rig_that_came_into_place_meanwhile_is_not_replaced() {
    let world = world();
    let request = world.request("gas");
    let place = world.paths.root().join("gas");
    let result = add(&world.paths, &request, &world.git, &mut |step| {
        if step == Step::Registering {
            fs_err::create_dir(&place).unwrap();
        }
    });
    assert!(
        matches!(result, Err(RigError::InTheWay { .. })),
        "{result:?}"
    );
    assert_eq!(world.left(), [".gt", "gas", "mayor"]);
    assert_eq!(fs_err::read_dir(&place).unwrap().count(), 0);
}

/// Covers T17: a rig's own colours hold, and its named theme where they are no colours.
#[test]
fn a_theme_is_read_from_the_rigs_settings() {
    let world = world();
    let settings = world.paths.root().join("gas/.gastown");
    fs_err::create_dir_all(&settings).unwrap();
    let theme = |agent: AgentId| super::theme(&world.paths, &agent).name;
    let witness = AgentId::Witness(name("gas"));
    let unset = theme_of(&witness, None).name;
    assert_eq!(theme(witness.clone()), unset);
    fs_err::write(settings.join("config.json"), r#"{"theme":{"name":"wine"}}"#).unwrap();
    assert_ne!(unset, "wine");
    assert_eq!(theme(witness.clone()), "wine");
    assert_eq!(theme(AgentId::Mayor), "mayor");
    let custom = |bg: &str| {
        let text =
            format!(r##"{{"theme":{{"name":"wine","custom":{{"bg":"{bg}","fg":"#eeeeee"}}}}}}"##);
        fs_err::write(settings.join("config.json"), text).unwrap();
        let theme = super::theme(&world.paths, &witness);
        (theme.name, theme.background)
    };
    assert_eq!(custom("#112233"), ("custom".into(), "#112233".into()));
    assert_eq!(
        custom("#[bold]").0,
        "wine",
        "no colour goes into tmux unread"
    );
}
