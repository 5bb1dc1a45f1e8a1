//! `gt agent conformance`: what a town can do with a program, tried and not promised. The program
//! runs in a town of its own against a scripted model on loopback; nothing of the person's is read.

mod cases;
mod nudges;
mod results;
mod stand;
mod subject;
mod witness;

use gt_host::clock;

use crate::cli::Conformance;
use crate::error::{CliError, CliResult, Kind};
use crate::printer;
use cases::CASES;
use results::{Column, Outcome};
use stand::Stand;
use subject::Subject;

/// The case of many messages.
const NUDGES: &str = "nudges";

/// Tries each program in every case, and fails if one of them did not pass.
pub(super) fn conformance(arguments: &Conformance) -> CliResult {
    let subjects: CliResult<Vec<&Subject>> =
        arguments.presets.iter().map(|name| named(name)).collect();
    let wanted =
        |name: &str| arguments.only.is_empty() || arguments.only.iter().any(|only| only == name);
    if let Some(unknown) = arguments
        .only
        .iter()
        .find(|only| CASES.iter().all(|case| case.name != **only))
    {
        let names: Vec<&str> = CASES.iter().map(|case| case.name).collect();
        return Err(CliError::new(Kind::Usage, format!("no case `{unknown}`"))
            .hint(format!("the cases are {}", names.join(", "))));
    }
    let mut columns = Vec::new();
    for subject in subjects? {
        columns.push(try_all(subject, wanted, arguments)?);
    }
    printer::text(&if arguments.markdown {
        results::markdown(&columns)
    } else {
        results::table(&columns)
    });
    match columns.iter().map(Column::failures).sum::<usize>() {
        0 => Ok(()),
        1 => Err(CliError::failed("1 case failed")),
        several => Err(CliError::failed(format!("{several} cases failed"))),
    }
}

fn named(name: &str) -> CliResult<&'static Subject> {
    subject::SUBJECTS
        .iter()
        .find(|subject| subject.name == name)
        .ok_or_else(|| {
            let names: Vec<&str> = subject::SUBJECTS.iter().map(|one| one.name).collect();
            CliError::new(Kind::Usage, format!("no program `{name}` can be tried"))
                .hint(format!("these can: {}", names.join(", ")))
        })
}

fn try_all(
    subject: &'static Subject,
    wanted: impl Fn(&str) -> bool,
    arguments: &Conformance,
) -> CliResult<Column> {
    let stand = Stand::set(subject)?;
    let version = stand.version()?;
    let mut outcomes: Vec<(&str, Outcome)> = CASES
        .iter()
        .filter(|case| wanted(case.name))
        .map(|case| {
            let begun = clock::monotonic();
            let outcome = Outcome::of((case.run)(&stand));
            let seconds = (clock::monotonic() - begun).as_secs_f64();
            printer::talk(format!(
                "{} {}: {outcome} ({seconds:.1} s)",
                subject.name, case.name
            ));
            (case.name, outcome)
        })
        .collect();
    if let Some(count) = arguments.nudges {
        let outcome = Outcome::of(nudges::nudges(&stand, count));
        printer::talk(format!("{} {count} messages: {outcome}", subject.name));
        outcomes.push((NUDGES, outcome));
    }
    stand.strike(arguments.keep)?;
    Ok(Column {
        name: subject.name,
        version,
        outcomes,
    })
}
