//! What was measured: a table for people, JSON for comparisons.

use std::time::Duration;

use serde::Serialize;

/// All that was measured, in the order in which it was.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Report {
    rows: Vec<Row>,
}

/// One number.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    part: &'static str,
    agents: Option<usize>,
    what: String,
    value: f64,
    unit: &'static str,
    /// The same of the reference.
    reference: Option<f64>,
    ratio: Option<f64>,
    target: Option<Target>,
    met: Option<bool>,
}

/// What the number, or its ratio to the reference, shall be below.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Target {
    Value(f64),
    Ratio(f64),
    /// Nothing but zero will do.
    Zero,
}

impl Row {
    pub(crate) fn new(
        part: &'static str,
        agents: Option<usize>,
        what: impl Into<String>,
        value: f64,
        unit: &'static str,
    ) -> Self {
        Self {
            part,
            agents,
            what: what.into(),
            value,
            unit,
            reference: None,
            ratio: None,
            target: None,
            met: None,
        }
    }

    /// What the reference took for the same.
    pub(crate) fn beside(mut self, reference: f64) -> Self {
        self.reference = Some(reference);
        self.ratio = Some(self.value / reference);
        self
    }

    pub(crate) fn target(mut self, target: Target) -> Self {
        self.target = Some(target);
        self.met = match target {
            Target::Value(limit) => Some(self.value < limit),
            Target::Ratio(limit) => self.ratio.map(|ratio| ratio < limit),
            Target::Zero => Some(self.value == 0.0),
        };
        self
    }
}

impl Report {
    pub(crate) fn add(&mut self, row: Row) {
        crate::eprint(&line(&row));
        self.rows.push(row);
    }

    pub(crate) fn json(&self) -> String {
        serde_json::to_string_pretty(self).expect("rows are plain data")
    }

    pub(crate) fn table(&self) -> String {
        let head = format!(
            "{:<8} {:>6}  {:<44} {:>9} {:<5} {:>9} {:>7}  {:<8} {}\n",
            "PART", "AGENTS", "WHAT", "VALUE", "UNIT", "REFERENCE", "RATIO", "TARGET", "MET"
        );
        let lines: String = self
            .rows
            .iter()
            .map(|row| format!("{}\n", line(row)))
            .collect();
        head + &lines
    }
}

fn line(row: &Row) -> String {
    let agents = row
        .agents
        .map_or(String::new(), |agents| agents.to_string());
    let number =
        |number: Option<f64>| number.map_or(String::new(), |number| format!("{number:.3}"));
    let target = match row.target {
        Some(Target::Value(limit)) => format!("< {limit}"),
        Some(Target::Ratio(limit)) => format!("< {limit} x"),
        Some(Target::Zero) => "0".to_owned(),
        None => String::new(),
    };
    let met = match row.met {
        Some(true) => "yes",
        Some(false) => "NO",
        None => "",
    };
    let line = format!(
        "{:<8} {agents:>6}  {:<44} {:>9.3} {:<5} {:>9} {:>7}  {target:<8} {met}",
        row.part,
        row.what,
        row.value,
        row.unit,
        number(row.reference),
        number(row.ratio),
    );
    line.trim_end().to_owned()
}

/// In milliseconds, the unit of most of the table.
pub(crate) fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

/// The middle one.
pub(crate) fn median(mut samples: Vec<f64>) -> f64 {
    quantile(&mut samples, 0.5)
}

/// The one that 95 of 100 do not pass.
pub(crate) fn p95(mut samples: Vec<f64>) -> f64 {
    quantile(&mut samples, 0.95)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "there are a few hundred samples"
)]
fn quantile(samples: &mut [f64], part: f64) -> f64 {
    samples.sort_by(f64::total_cmp);
    let place = (samples.len().saturating_sub(1) as f64 * part).round() as usize;
    samples.get(place).copied().unwrap_or(f64::NAN)
}
