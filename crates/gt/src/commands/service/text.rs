//! The text of a service's file. Names and paths come from people: each is quoted by the rules of
//! the file it is written into.

/// What a service's file says.
#[derive(Debug)]
pub(super) struct Unit<'a> {
    /// The service's name.
    pub(super) name: &'a str,
    /// The town's name.
    pub(super) town: &'a str,
    /// The town's root.
    pub(super) root: &'a str,
    /// The program.
    pub(super) gt: String,
    /// Where the daemon finds tmux and git: a service manager's own `PATH` is a short one.
    pub(super) path: String,
}

/// A systemd user unit.
///
/// An orderly end is a person's wish (`gt down`, `gt daemon stop`) and stands; every other end is
/// mended, however often, more slowly each time where systemd is new enough to know how. Only the
/// daemon itself is ended with the service: tmux, holders and agents go on, and neither their
/// number nor one that runs out of memory is counted against it.
pub(super) fn systemd(unit: &Unit<'_>) -> String {
    format!(
        "[Unit]
Description=Gas Town daemon of {town}
StartLimitIntervalSec=0

[Service]
Type=notify
NotifyAccess=main
ExecStart={gt} --town {root} daemon run
Environment={path}
Restart=always
RestartPreventExitStatus=0
RestartSec=5
RestartSteps=8
RestartMaxDelaySec=300
WatchdogSec=60
TimeoutStartSec=60
TimeoutStopSec=30
KillMode=process
OOMPolicy=continue
TasksMax=infinity

[Install]
WantedBy=default.target
",
        town = specifiers(&one_line(unit.town)),
        gt = quoted(&unit.gt),
        root = argument(unit.root),
        path = quoted(&format!("PATH={}", one_line(&unit.path))),
    )
}

/// A launchd agent. launchd has no watchdog; the rest is as in [`systemd`].
pub(super) fn launchd(unit: &Unit<'_>) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>
<!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" \"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">
<plist version=\"1.0\">
<dict>
  <key>Label</key>
  <string>{name}</string>
  <key>ProgramArguments</key>
  <array>
    <string>{gt}</string>
    <string>--town</string>
    <string>{root}</string>
    <string>daemon</string>
    <string>run</string>
  </array>
  <key>EnvironmentVariables</key>
  <dict>
    <key>PATH</key>
    <string>{path}</string>
  </dict>
  <key>RunAtLoad</key>
  <true/>
  <key>KeepAlive</key>
  <dict>
    <key>SuccessfulExit</key>
    <false/>
  </dict>
  <key>ThrottleInterval</key>
  <integer>10</integer>
  <key>AbandonProcessGroup</key>
  <true/>
</dict>
</plist>
",
        name = xml(unit.name),
        gt = xml(&unit.gt),
        root = xml(unit.root),
        path = xml(&one_line(&unit.path)),
    )
}

/// An argument of `ExecStart`, where `$` begins a variable.
fn argument(text: &str) -> String {
    quoted(text).replace('$', "$$")
}

/// In quotes, so that spaces and `;` are nothing special.
fn quoted(text: &str) -> String {
    let escaped = text.replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"{}\"", specifiers(&escaped))
}

/// `%` begins a specifier everywhere in a unit.
fn specifiers(text: &str) -> String {
    text.replace('%', "%%")
}

fn one_line(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_control()).collect()
}

fn xml(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit() -> Unit<'static> {
        Unit {
            name: "gt-home-01234567",
            town: "home\n100%",
            root: "/home/me/my $town & 50%",
            gt: "/opt/a \"b\"/gt".to_owned(),
            path: "/usr/local/bin:/usr/bin".to_owned(),
        }
    }

    #[test]
    fn a_systemd_unit_restarts_all_but_an_orderly_end_and_leaves_the_agents_alone() {
        insta::assert_snapshot!(systemd(&unit()));
    }

    #[test]
    fn a_launchd_agent_says_the_same() {
        insta::assert_snapshot!(launchd(&unit()));
    }
}
