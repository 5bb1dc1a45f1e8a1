//! What hooks told and nobody could use: counted, and told of once.

/// How often that was.
#[derive(Debug, Default)]
pub(crate) struct Ignored {
    times: u32,
    first: String,
}

impl Ignored {
    /// Takes in one more; true for the first.
    pub(crate) fn count(&mut self, problem: &str) -> bool {
        self.times = self.times.saturating_add(1);
        if self.times == 1 {
            self.first = problem.to_owned();
        }
        self.times == 1
    }

    /// How often it was, and what was wrong with the first; none when there was none.
    pub(crate) fn shown(&self) -> Option<String> {
        (self.times > 0)
            .then(|| format!("hooks ignored: {}; the first: {}", self.times, self.first))
    }
}
