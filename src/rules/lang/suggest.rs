//! Names that are near a misspelt one.

/// The end of an error message about an unknown name: the nearest of those that are known, or nothing.
pub(crate) fn nearest<'k>(name: &str, known: impl IntoIterator<Item = &'k str>) -> String {
    let near = known.into_iter().map(|known| (distance(name, known), known)).min();
    match near {
        Some((distance, known))
            if distance < name.len() && distance <= (name.len() / 3).clamp(1, 2) + name.len() / 8 =>
        {
            format!("; did you mean {known}?")
        }
        _ => String::new(),
    }
}

/// Letters to insert, take away or change to get from one text to the other.
pub(crate) fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (place, letter) in from.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = place + 1;
        for column in 1..row.len() {
            let change = diagonal + usize::from(to[column - 1] != letter);
            diagonal = row[column];
            row[column] = change.min(row[column] + 1).min(row[column - 1] + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_suggested() {
        let known = ["request", "response", "recording"];
        assert_eq!(nearest("reqest", known), "; did you mean request?");
        assert_eq!(nearest("methd", ["method", "path"]), "; did you mean method?");
        assert_eq!(nearest("x", known), "");
        assert_eq!(nearest("customer", known), "");
    }

    #[test]
    fn distances() {
        for (from, to, wanted) in [("", "", 0), ("", "abc", 3), ("kitten", "sitting", 3), ("broker", "brokr", 1)] {
            assert_eq!(distance(from, to), wanted, "{from} {to}");
            assert_eq!(distance(to, from), wanted, "{to} {from}");
        }
    }
}
