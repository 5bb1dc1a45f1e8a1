//! Reading the checkout: its text files, its manifests and its lock file.

use std::path::{Path, PathBuf};

use cargo_metadata::{Metadata, MetadataCommand};

use crate::TaskError;

/// A text file of the checkout.
#[derive(Debug, Clone)]
pub struct TextFile {
    /// Relative to the root of the checkout, with `/` between its parts.
    pub path: String,
    /// What it holds.
    pub text: String,
}

impl TextFile {
    /// Tells whether it holds Rust.
    #[must_use]
    pub fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }
}

/// How much of the dependency graph to ask cargo for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Graph {
    /// The workspace's own manifests; needs no network and no downloaded crate.
    Members,
    /// Every crate of the lock file; cargo downloads those it lacks.
    Everything,
}

/// Directories that hold nothing of ours: build output and other tools' files.
const FOREIGN: [&str; 3] = ["target", ".git", "node_modules"];

/// The root of the checkout this program was built from.
#[must_use]
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .expect("this crate lies in crates/xtask")
        .to_path_buf()
}

/// Reads what people write: Rust, documents, scripts and configuration, in the order of paths.
pub fn text_files(root: &Path) -> Result<Vec<TextFile>, TaskError> {
    let mut files = Vec::new();
    collect(root, root, &mut files).map_err(TaskError::Read)?;
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}

/// Reads one file of the checkout.
pub fn read(root: &Path, path: &str) -> Result<String, TaskError> {
    fs_err::read_to_string(root.join(path)).map_err(TaskError::Read)
}

/// Asks cargo for the workspace.
pub fn metadata(root: &Path, graph: Graph) -> Result<Metadata, TaskError> {
    let mut command = MetadataCommand::new();
    command.manifest_path(root.join("Cargo.toml"));
    match graph {
        Graph::Members => command.no_deps(),
        Graph::Everything => command.other_options(vec!["--locked".to_owned()]),
    };
    command.exec().map_err(TaskError::Metadata)
}

fn collect(root: &Path, directory: &Path, files: &mut Vec<TextFile>) -> std::io::Result<()> {
    for entry in fs_err::read_dir(directory)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let kind = entry.file_type()?;
        if kind.is_dir() && !FOREIGN.contains(&name.as_str()) {
            collect(root, &entry.path(), files)?;
        } else if kind.is_file() && is_written_by_people(directory, &name) {
            let path = entry.path();
            let relative = path.strip_prefix(root).expect("found below the root");
            files.push(TextFile {
                path: relative.to_string_lossy().into_owned(),
                text: fs_err::read_to_string(&path)?,
            });
        }
    }
    Ok(())
}

fn is_written_by_people(directory: &Path, name: &str) -> bool {
    match Path::new(name).extension().and_then(|it| it.to_str()) {
        Some("rs" | "md" | "toml" | "sh" | "sql") => true,
        None => ["script", ".ci"]
            .iter()
            .any(|it| directory.file_name() == Some(it.as_ref())),
        Some(_) => false,
    }
}
