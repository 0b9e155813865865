//! "Did you mean": the known name that is nearest to a wrong one.

const MOVE_COST: usize = 2;
const CASE_COST: usize = 1;
const MAX_LEN: usize = 40;

fn substitution(a: u8, b: u8) -> usize {
    if a == b {
        0
    } else if a.eq_ignore_ascii_case(&b) {
        CASE_COST
    } else {
        MOVE_COST
    }
}

/// Edit distance with cheap changes of case, or more than `limit`.
fn distance(a: &[u8], b: &[u8], limit: usize) -> usize {
    let common = a.iter().zip(b).take_while(|(a, b)| a == b).count();
    let (a, b) = (&a[common..], &b[common..]);
    let common = a.iter().rev().zip(b.iter().rev()).take_while(|(a, b)| a == b).count();
    let (a, b) = (&a[..a.len() - common], &b[..b.len() - common]);
    if a.is_empty() || b.is_empty() {
        return (a.len() + b.len()) * MOVE_COST;
    }
    if a.len() > MAX_LEN || b.len() > MAX_LEN || a.len().abs_diff(b.len()) * MOVE_COST > limit {
        return limit + 1;
    }
    let mut row: Vec<usize> = (1..=a.len()).map(|at| at * MOVE_COST).collect();
    for (index, &right) in b.iter().enumerate() {
        let mut diagonal = index * MOVE_COST;
        let mut left = diagonal + MOVE_COST;
        let mut least = usize::MAX;
        for (at, &other) in a.iter().enumerate() {
            let changed = diagonal + substitution(right, other);
            diagonal = row[at];
            left = changed.min(left.min(diagonal) + MOVE_COST);
            row[at] = left;
            least = least.min(left);
        }
        if least > limit {
            return limit + 1;
        }
    }
    row[a.len() - 1]
}

/// The nearest of the known names, if one is near enough.
pub fn closest<'a>(wrong: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let (mut best, mut best_distance) = (None, usize::MAX);
    for name in known.filter(|name| *name != wrong) {
        let mut limit = (name.len() + wrong.len() + 3) * MOVE_COST / 6;
        limit = limit.min(best_distance.saturating_sub(1));
        let far = distance(wrong.as_bytes(), name.as_bytes(), limit);
        if far <= limit && far < best_distance {
            (best, best_distance) = (Some(name), far);
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::closest;

    #[test]
    fn near_names_are_found() {
        assert_eq!(closest("foo_baz", ["foo_bar", "k"].into_iter()), Some("foo_bar"));
        assert_eq!(closest("xyz", ["foo_bar", "k"].into_iter()), None);
    }
}
