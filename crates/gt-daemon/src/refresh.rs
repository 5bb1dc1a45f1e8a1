//! One observation under way at a time, and at most one more to come: a burst of wake-ups reads
//! the store twice, not a hundred times.

/// Whether something is being read, and whether it has to be read again.
#[derive(Debug, Default)]
pub(crate) struct Refresh {
    running: bool,
    again: bool,
}

impl Refresh {
    /// Asks for a reading; true when the caller shall begin it.
    #[must_use]
    pub(crate) fn begin(&mut self) -> bool {
        self.again = self.running;
        !std::mem::replace(&mut self.running, true)
    }

    /// Whether something is being read.
    pub(crate) fn is_under_way(&self) -> bool {
        self.running
    }

    /// A reading ended; true when the caller shall begin another.
    #[must_use]
    pub(crate) fn end(&mut self) -> bool {
        self.running = std::mem::take(&mut self.again);
        self.running
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_of_requests_makes_two_readings() {
        let mut refresh = Refresh::default();
        assert!(refresh.begin());
        assert!(!refresh.begin());
        assert!(!refresh.begin());
        assert!(refresh.end());
        assert!(!refresh.end());
        assert!(refresh.begin());
    }
}
