//! Where a rig is cloned from: checked when made, so that it is no option, no command and no
//! surprise to git.

use std::fmt;
use std::path::Path;

/// Schemes that git speaks itself. Others run a program of that name (`ext::`, `fd::`).
const SCHEMES: &[&str] = &["https", "http", "ssh", "git", "file", "git+ssh", "ssh+git"];

/// A URL, `user@host:path` or an absolute path that git can clone from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GitUrl(String);

/// Why a text is not one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GitUrlError {
    /// Nothing was given.
    #[error("no URL to clone from was given")]
    Empty,
    /// It would be read as an option, by git or by ssh.
    #[error("`{url}` begins with `-`, or its host does")]
    LooksLikeAnOption {
        /// As given.
        url: String,
    },
    /// It holds a control character.
    #[error("`{url}` holds a control character")]
    ControlCharacter {
        /// As given, escaped.
        url: String,
    },
    /// Its scheme is not one that git speaks itself.
    #[error("`{scheme}` is no scheme to clone by (known are {})", SCHEMES.join(", "))]
    Scheme {
        /// Its scheme.
        scheme: String,
    },
}

impl GitUrl {
    /// Checks `text`. A relative path is taken from `here`, since git runs elsewhere, and written
    /// without its `..` where it leads to something.
    ///
    /// # Errors
    /// [`GitUrlError`].
    pub fn new(text: &str, here: &Path) -> Result<Self, GitUrlError> {
        if text.is_empty() {
            return Err(GitUrlError::Empty);
        }
        if text.chars().any(char::is_control) {
            return Err(GitUrlError::ControlCharacter {
                url: text.escape_default().to_string(),
            });
        }
        if text.starts_with('-') || host(text).is_some_and(|host| host.starts_with('-')) {
            return Err(GitUrlError::LooksLikeAnOption {
                url: text.to_owned(),
            });
        }
        if let Some(scheme) = scheme(text) {
            return match SCHEMES.contains(&scheme) {
                true => Ok(Self(text.to_owned())),
                false => Err(GitUrlError::Scheme {
                    scheme: scheme.to_owned(),
                }),
            };
        }
        if host(text).is_some() {
            return Ok(Self(text.to_owned()));
        }
        let path = here.join(text);
        let path = match Path::new(text).is_relative() {
            true => path.canonicalize().unwrap_or(path),
            false => path,
        };
        Ok(Self(path.to_string_lossy().into_owned()))
    }

    /// The URL as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for GitUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&without_passwords(self.0.clone()))
    }
}

/// What stands before `://` or `::`.
fn scheme(text: &str) -> Option<&str> {
    let (before, _) = text.split_once("://").or_else(|| text.split_once("::"))?;
    (!before.contains('/') && !before.is_empty()).then_some(before)
}

/// The host of `scheme://user@host/path`, or of `user@host:path` as scp writes it.
fn host(text: &str) -> Option<&str> {
    let authority = match text.split_once("://") {
        Some((_, rest)) => rest.split('/').next()?,
        None => {
            text.split_once(':')
                .filter(|(before, _)| !before.contains('/'))?
                .0
        }
    };
    Some(authority.rsplit('@').next().unwrap_or(authority))
}

/// The text with the password of every URL in it replaced.
pub(super) fn without_passwords(text: String) -> String {
    let Ok(password) = regex_lite::Regex::new(r"(://[^/@:\s]*):[^/@\s]*@") else {
        return text;
    };
    password.replace_all(&text, "${1}:***@").into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expect: &str) {
        let found = match GitUrl::new(text, Path::new("/here")) {
            Ok(url) => url.as_str().to_owned(),
            Err(error) => error.to_string(),
        };
        assert_eq!(found, expect);
    }

    #[test]
    fn what_git_can_clone_from_is_taken() {
        for good in [
            "https://example.org/x.git",
            "ssh://git@example.org:22/x",
            "git@example.org:group/x.git",
            "file:///srv/x.git",
            "/srv/x.git",
            "/srv/a:b",
        ] {
            check(good, good);
        }
        check("../x", "/here/../x");
        let here = tempfile::tempdir().unwrap();
        let here = here.path().canonicalize().unwrap();
        fs_err::create_dir(here.join("town")).unwrap();
        let url = GitUrl::new("..", &here.join("town")).unwrap();
        assert_eq!(Path::new(url.as_str()), here);
    }

    /// Covers M25: a URL is never an option, never a program to run and never garbles a terminal.
    #[test]
    fn a_url_that_would_be_an_option_or_a_program_is_refused() {
        check("-uevil", "`-uevil` begins with `-`, or its host does");
        check(
            "ssh://-oProxyCommand=x/y",
            "`ssh://-oProxyCommand=x/y` begins with `-`, or its host does",
        );
        check(
            "-oProxyCommand=x:y",
            "`-oProxyCommand=x:y` begins with `-`, or its host does",
        );
        check("a@-oX:y", "`a@-oX:y` begins with `-`, or its host does");
        check("", "no URL to clone from was given");
        check(
            "https://x\u{1b}[2J",
            "`https://x\\u{1b}[2J` holds a control character",
        );
        let known = "(known are https, http, ssh, git, file, git+ssh, ssh+git)";
        check(
            "ext::sh -c evil",
            &format!("`ext` is no scheme to clone by {known}"),
        );
        check(
            "gopher://x",
            &format!("`gopher` is no scheme to clone by {known}"),
        );
    }

    #[test]
    fn a_password_is_never_shown() {
        let url = GitUrl::new("https://me:s3cret@example.org/x", Path::new("/")).unwrap();
        assert_eq!(url.to_string(), "https://me:***@example.org/x");
    }
}
