//! What a mistyped word may have meant.

/// The word that differs least, if it differs by no more than two fifths of its letters: two in a
/// `mayor`.
pub fn nearest<'a>(word: &str, words: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let candidates = words
        .into_iter()
        .map(|candidate| (distance(word, candidate), candidate));
    let (distance, candidate) = candidates.min_by_key(|(distance, _)| *distance)?;
    (distance <= (candidate.len() * 2 / 5).max(1)).then_some(candidate)
}

/// How many letters must be put in, taken out or replaced to make one word of the other.
fn distance(from: &str, to: &str) -> usize {
    let mut row: Vec<usize> = (0..=to.chars().count()).collect();
    for (i, a) in from.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in to.chars().enumerate() {
            let replaced = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn only_what_is_alike_is_suggested() {
        let agents = ["mayor", "deacon", "gas/witness"];
        assert_eq!(nearest("myor", agents), Some("mayor"));
        assert_eq!(nearest("gas/witnes", agents), Some("gas/witness"));
        assert_eq!(nearest("majr", agents), Some("mayor"));
        assert_eq!(nearest("max", agents), None);
    }
}
