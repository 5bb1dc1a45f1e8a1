//! What processes use, as the kernel tells.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use fs_err as fs;

/// The processor time of the threads of a process at one moment, to the nanosecond.
///
/// By thread, since one that ends takes its time with it: what it used before would be missing from
/// what the others used since.
#[derive(Debug)]
pub(crate) struct ProcessorTime {
    pid: u32,
    threads: BTreeMap<OsString, Duration>,
}

impl ProcessorTime {
    pub(crate) fn of(pid: u32) -> Self {
        let threads = fs::read_dir(format!("/proc/{pid}/task")).expect("the process is there");
        let time = |thread: fs::DirEntry| (thread.file_name(), thread_time(&thread.path()));
        Self {
            pid,
            threads: threads.flatten().map(time).collect(),
        }
    }

    /// What was used since, without the last of a thread that ended meanwhile.
    pub(crate) fn spent(&self) -> Duration {
        let before = |thread| self.threads.get(thread).copied().unwrap_or_default();
        let now = Self::of(self.pid).threads;
        now.iter()
            .map(|(thread, time)| time.saturating_sub(before(thread)))
            .sum()
    }
}

/// Zero for a thread that ended meanwhile.
fn thread_time(thread: &Path) -> Duration {
    let text = fs::read_to_string(thread.join("schedstat")).unwrap_or_default();
    let nanoseconds = text.split(' ').next().and_then(|first| first.parse().ok());
    Duration::from_nanos(nanoseconds.unwrap_or(0))
}

/// A line of `/proc/PID/status` that is in KiB, in MiB.
pub(crate) fn memory(pid: u32, key: &str) -> f64 {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).expect("the process is there");
    let line = text.lines().find_map(|line| line.strip_prefix(key));
    let number = line.and_then(|rest| rest.trim_matches([':', '\t', ' ']).split(' ').next());
    let kibibytes: f64 = number
        .and_then(|number| number.parse().ok())
        .expect("the kernel tells it");
    kibibytes / 1024.0
}

/// The processes that a process has started, as far as it shows: those that live, and the page
/// faults of those that were waited for. No program can be executed without a fault.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Children {
    living: BTreeSet<u32>,
    faults: u64,
}

impl Children {
    pub(crate) fn of(pid: u32) -> Self {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("the process is there");
        let (_, fields) = stat.rsplit_once(") ").expect("its name is in parentheses");
        let fields: Vec<&str> = fields.split(' ').collect();
        // The 11th and the 13th of proc(5), of which two are before the parenthesis.
        let number = |place: usize| fields[place].parse::<u64>().expect("a number");
        let living = gt_host::process::children(pid).expect("the process table can be read");
        Self {
            living: living.into_iter().map(|child| child.pid).collect(),
            faults: number(8) + number(10),
        }
    }

    /// How many were started since `before`, at least: all that were waited for count as one.
    pub(crate) fn started_since(&self, before: &Self) -> usize {
        let waited_for = usize::from(self.faults != before.faults);
        self.living.difference(&before.living).count() + waited_for
    }
}

/// Panics if a process that was started and waited for would not show in [`Children`].
#[expect(
    clippy::disallowed_methods,
    reason = "the probe of a measurement, not a program of the town"
)]
pub(crate) fn check_that_starts_show() {
    let own = std::process::id();
    let before = Children::of(own);
    let ended = std::process::Command::new("true").status();
    assert!(ended.is_ok_and(|status| status.success()), "`true` runs");
    assert_ne!(Children::of(own).started_since(&before), 0);
}
