//! The service that `gt daemon install` makes, where there is one.

use std::io;
use std::path::Path;

use gt_api::view::Check;
use gt_host::environment::variable;

use super::{Patient, ok, unseen, warning};
use crate::commands::service::Service;

const NAME: &str = "service";

/// Where systemd marks the users whose services run without them.
const LINGERING: &str = "/var/lib/systemd/linger";

/// Whether the service outlives a log-out, and whether the daemon is the one it started.
pub(super) fn service(patient: &Patient<'_>) -> Option<Check> {
    let service = Service::of(patient).ok().filter(Service::is_installed)?;
    if cfg!(target_os = "macos") {
        return Some(ok(NAME, format!("installed as {}", service.file.display())));
    }
    if service.manager_answers() {
        let daemon = patient.daemon_pid();
        let started = match service.main_process() {
            Ok(started) => started,
            Err(problem) => return Some(unseen(NAME, problem.sentence())),
        };
        if let Some(beside) = beside(daemon, started) {
            return Some(beside);
        }
    }
    let Some(user) = variable("USER").or_else(|| variable("LOGNAME")) else {
        return Some(unseen(NAME, "USER is not set"));
    };
    Some(lingers(
        &user,
        fs_err::metadata(Path::new(LINGERING).join(&user)).map(drop),
    ))
}

/// A daemon that runs beside the service: nothing restarts it.
fn beside(daemon: Option<u32>, started: Option<u32>) -> Option<Check> {
    let daemon = daemon.filter(|daemon| started != Some(*daemon))?;
    Some(warning(
        NAME,
        format!("it is installed, but the daemon (pid {daemon}) was not started by it"),
        "`gt daemon install` hands the daemon over; the agents go on",
    ))
}

fn lingers(user: &str, marked: io::Result<()>) -> Check {
    match marked {
        Ok(()) => ok(NAME, "installed, and goes on after a log-out"),
        Err(problem) if problem.kind() == io::ErrorKind::NotFound => warning(
            NAME,
            format!("it is installed, and ends with the last log-out of {user}"),
            "`loginctl enable-linger` lets it go on",
        ),
        Err(problem) => unseen(NAME, problem),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gt_api::view::CheckResult;

    #[test]
    fn a_daemon_beside_its_service_is_told() {
        assert_eq!(beside(Some(7), Some(7)), None);
        assert_eq!(
            beside(None, None),
            None,
            "whether it runs is another check's matter"
        );
        assert_eq!(beside(Some(7), None).unwrap().result, CheckResult::Warning);
        assert_eq!(
            beside(Some(7), Some(8)).unwrap().result,
            CheckResult::Warning
        );
    }

    #[test]
    fn a_service_that_ends_with_the_log_out_is_told_and_what_is_unknown_is_not_well() {
        let failed = |kind: io::ErrorKind| lingers("me", Err(kind.into())).result;
        assert_eq!(lingers("me", Ok(())).result, CheckResult::Ok);
        assert_eq!(failed(io::ErrorKind::NotFound), CheckResult::Warning);
        assert_eq!(
            failed(io::ErrorKind::PermissionDenied),
            CheckResult::Warning
        );
    }
}
