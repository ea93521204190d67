//! Sums of money, exact to the last digit on the wire.
//!
//! `number or numeric string → Decimal → sum, distance, number of decimals`

use rust_decimal::Decimal;

use crate::json;
use crate::rules::lang::value::Val;

/// An amount: a JSON number or a string that holds one (prices may be either). `None` for anything else.
pub(crate) fn amount(value: &Val<'_>) -> Option<Decimal> {
    match value.as_str() {
        Some(text) => json::decimal(text.trim()),
        None => value.decimal(),
    }
}

/// The sum of a list of amounts; `None` if one of them is no amount or the sum goes beyond what decimals hold.
pub(crate) fn sum(amounts: &[Val<'_>]) -> Option<Decimal> {
    amounts.iter().try_fold(Decimal::ZERO, |total, value| total.checked_add(amount(value)?))
}

/// True if two amounts differ by no more than the tolerance.
pub(crate) fn approx_equal(a: &Val<'_>, b: &Val<'_>, tolerance: &Val<'_>) -> bool {
    let distance = || Some(amount(a)?.checked_sub(amount(b)?)?.abs());
    distance().zip(amount(tolerance)).is_some_and(|(distance, tolerance)| distance <= tolerance)
}

/// Decimals that an amount needs: 2 for 17.98, 1 for 17.90.
pub(crate) fn decimals(value: &Val<'_>) -> Option<u32> {
    amount(value).map(|amount| amount.normalize().scale())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::Document;

    fn with<T>(json: &str, test: impl Fn(&[Val<'_>]) -> T) -> T {
        let document = Document::parse_str(json).unwrap();
        let items: Vec<_> = document.root().items().collect();
        let values: Vec<Val<'_>> = items.iter().map(Val::Json).collect();
        test(&values)
    }

    #[test]
    fn sums_are_exact() {
        let total = with("[0.1, 0.2, \"12.50\", 5.188]", sum);
        assert_eq!(total, json::decimal("17.988"));
        assert_eq!(with("[]", sum), Some(Decimal::ZERO));
        assert_eq!(with("[1, \"free\"]", sum), None);
        assert_eq!(with("[1, null]", sum), None);
    }

    #[test]
    fn tolerance_is_inclusive() {
        assert!(with("[12, 12.01, 0.01]", |values| approx_equal(&values[0], &values[1], &values[2])));
        assert!(!with("[12, 12.0101, 0.01]", |values| approx_equal(&values[0], &values[1], &values[2])));
        assert!(!with("[12, null, 0.01]", |values| approx_equal(&values[0], &values[1], &values[2])));
    }

    #[test]
    fn trailing_zeros_are_no_decimals() {
        let all = with("[12, 17.90, 17.988, \"1.0\", \"x\"]", |values| values.iter().map(decimals).collect::<Vec<_>>());
        assert_eq!(all, [Some(0), Some(1), Some(3), Some(0), None]);
    }
}
