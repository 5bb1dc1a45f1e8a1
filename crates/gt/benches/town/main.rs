//! Benchmarks of a town, each beside a reference that is measured in the same run:
//! `cargo bench -p gt -- [--sizes 1,10,100,500] [--parts cli,sight,up,idle,restart,beat] [--rounds N]`.
//!
//! It prints a table and writes `bench.json` into the target directory. Times are medians; what is
//! compared is interleaved, with as many agents on either side. The agents are the scripted one.
//! Nothing here asserts: a target that is missed is shown, since machines differ.

mod beat;
mod cli;
mod fleet;
mod hook;
mod idle;
mod reference;
mod report;
mod restart;
mod sight;
mod usage;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use fleet::Fleet;
use report::Report;

/// The binary under test.
const GT: &str = env!("CARGO_BIN_EXE_gt");

/// What is to be measured.
#[derive(Debug)]
struct Choice {
    sizes: Vec<usize>,
    parts: Vec<Part>,
    /// Deaths measured for each size and side.
    rounds: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Cli,
    Sight,
    Up,
    Idle,
    Restart,
    Beat,
}

impl Part {
    const ALL: [Self; 6] = [
        Self::Cli,
        Self::Sight,
        Self::Up,
        Self::Idle,
        Self::Restart,
        Self::Beat,
    ];

    fn word(self) -> &'static str {
        match self {
            Self::Cli => "cli",
            Self::Sight => "sight",
            Self::Up => "up",
            Self::Idle => "idle",
            Self::Restart => "restart",
            Self::Beat => "beat",
        }
    }
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    // `cargo test --all-targets` runs this program, too, and without the word.
    if !words.iter().any(|word| word == "--bench") {
        return ExitCode::SUCCESS;
    }
    if let [first, rest @ ..] = words.as_slice()
        && first == hook::INSIDE
    {
        hook::inside(rest);
        return ExitCode::SUCCESS;
    }
    if let [first, rest @ ..] = words.as_slice()
        && first == sight::INSIDE
    {
        sight::inside(rest);
        return ExitCode::SUCCESS;
    }
    let choice = match Choice::parse(&words) {
        Ok(choice) => choice,
        Err(error) => {
            eprint(&format!("error: {error}"));
            return ExitCode::from(2);
        }
    };
    let report = measure(&choice);
    print(&report.table());
    ExitCode::SUCCESS
}

/// Writes what there is so far.
fn save(report: &Report) {
    let path = target_directory().join("bench.json");
    fs_err::write(&path, report.json()).expect("the results can be written");
    eprint(&format!("written to {}", path.display()));
}

fn measure(choice: &Choice) -> Report {
    let mut report = Report::default();
    if choice.wants(Part::Cli) {
        cli::measure(&mut report);
        save(&report);
    }
    if choice.wants(Part::Sight) {
        sight::measure(&mut report);
        save(&report);
    }
    let is_of_a_fleet = |part: &Part| !matches!(part, Part::Cli | Part::Sight);
    if choice.parts.iter().any(is_of_a_fleet) {
        for size in &choice.sizes {
            measure_fleet(choice, *size, &mut report);
            save(&report);
        }
    }
    report
}

/// All that is measured with so many agents, in an order that leaves each part what it needs: idle
/// before anything has stirred the daemon, beats last because they need another configuration.
fn measure_fleet(choice: &Choice, size: usize, report: &mut Report) {
    eprint(&format!("{size} agents"));
    let fleet = Fleet::up(size, choice.wants(Part::Up), report);
    if choice.wants(Part::Idle) {
        idle::measure(&fleet, report);
    }
    if choice.wants(Part::Restart) || choice.wants(Part::Beat) {
        let mut reference = reference::Reference::up(size);
        if choice.wants(Part::Restart) {
            restart::measure(&fleet, &mut reference, choice.rounds, report);
        }
        if choice.wants(Part::Beat) {
            beat::measure(&fleet, &reference, report);
        }
    }
}

impl Choice {
    fn parse(words: &[String]) -> Result<Self, String> {
        let mut choice = Self {
            sizes: vec![1, 10, 100, 500],
            parts: Part::ALL.to_vec(),
            rounds: 40,
        };
        let mut words = words.iter().filter(|word| *word != "--bench");
        while let Some(option) = words.next() {
            let list = words
                .next()
                .ok_or_else(|| format!("`{option}` needs a value"))?;
            let values = list.split(',');
            match option.as_str() {
                "--sizes" => choice.sizes = values.map(number).collect::<Result<_, _>>()?,
                "--parts" => choice.parts = values.map(part).collect::<Result<_, _>>()?,
                "--rounds" => choice.rounds = number(list)?,
                _ => return Err(format!("unexpected `{option}`")),
            }
        }
        Ok(choice)
    }

    fn wants(&self, part: Part) -> bool {
        self.parts.contains(&part)
    }
}

fn number(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) | Err(_) => Err(format!("`{text}` is not a number above 0")),
        Ok(number) => Ok(number),
    }
}

fn part(text: &str) -> Result<Part, String> {
    let known = Part::ALL.into_iter().find(|part| part.word() == text);
    known.ok_or_else(|| format!("`{text}` is not a part"))
}

/// Cargo's own: the binary under test lies in its directory `release`.
fn target_directory() -> PathBuf {
    let profile = Path::new(GT).parent().expect("a binary is in a directory");
    profile
        .parent()
        .expect("a profile is in a directory")
        .to_owned()
}

#[expect(clippy::print_stdout, reason = "the table is what the program is for")]
fn print(text: &str) {
    print!("{text}");
}

#[expect(clippy::print_stderr, reason = "progress of a run that takes minutes")]
fn eprint(text: &str) {
    eprintln!("{text}");
}
