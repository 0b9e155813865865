//! Which name a misspelt one may stand for ("Did you mean ...?").

/// Names longer than this are not compared.
const MAX_LEN: usize = 40;
/// Cost of an insertion, a deletion or a replacement.
const EDIT: usize = 2;
/// Cost of a letter in the other case.
const CASE: usize = 1;

/// The candidate nearest to `name`, if one is near enough.
pub fn closest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let (mut best, mut best_cost) = (None, usize::MAX);
    for candidate in candidates {
        if candidate == name {
            continue;
        }
        // Up to a third of the letters may be wrong.
        let limit = ((name.len() + candidate.len() + 3) * EDIT / 6).min(best_cost.saturating_sub(1));
        if let Some(cost) = distance(name.as_bytes(), candidate.as_bytes(), limit) {
            (best, best_cost) = (Some(candidate), cost);
        }
    }
    best
}

fn replacement(a: u8, b: u8) -> usize {
    match a == b {
        true => 0,
        false if a.eq_ignore_ascii_case(&b) => CASE,
        false => EDIT,
    }
}

/// The weighted edit distance (Levenshtein), unless it is above `limit`.
fn distance(a: &[u8], b: &[u8], limit: usize) -> Option<usize> {
    if a.len() > MAX_LEN || b.len() > MAX_LEN {
        return None;
    }
    let mut row: Vec<usize> = (0..=a.len()).map(|at| at * EDIT).collect();
    for (done, &right) in b.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = (done + 1) * EDIT;
        for (at, &left) in a.iter().enumerate() {
            let cost = (diagonal + replacement(left, right)).min(row[at] + EDIT).min(row[at + 1] + EDIT);
            diagonal = std::mem::replace(&mut row[at + 1], cost);
        }
        if row.iter().all(|&cost| cost > limit) {
            return None;
        }
    }
    row.last().copied().filter(|&cost| cost <= limit)
}

#[cfg(test)]
mod tests {
    use super::closest;

    #[test]
    fn near_names_are_found() {
        assert_eq!(closest("sap", ["sep", "maxsplit"]), Some("sep"));
        assert_eq!(closest("Sep", ["sep", "step"]), Some("sep"));
        assert_eq!(closest("foo", ["maxsplit", "sep"]), None);
    }
}
