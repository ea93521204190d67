//! Exact money: prices in and out of JSON, and the tax within them.
//!
//! `JSON literal → Decimal → sums and VAT → JSON number`

use rust_decimal::prelude::ToPrimitive;
use rust_decimal::{Decimal, RoundingStrategy};
use serde_json::{Number, Value};

/// The one currency of this booking system.
pub(super) const CURRENCY: &str = "GBP";

/// Reads a price: a number, or a text that holds one.
pub(super) fn read(price: &Value) -> Option<Decimal> {
    let text = match price {
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.clone(),
        _ => return None,
    };
    text.parse().or_else(|_| Decimal::from_scientific(&text)).ok()
}

/// A price as a JSON number with no more digits than it needs.
pub(super) fn number(price: Decimal) -> Value {
    let price = price.normalize();
    if price.scale() == 0
        && let Some(whole) = price.to_i64()
    {
        return Value::from(whole);
    }
    // The shortest text of the nearest double is the decimal itself for any price of up to 15 digits.
    price.to_f64().and_then(Number::from_f64).map_or(Value::Null, Value::Number)
}

/// The VAT of 20 % contained in a gross price, rounded to whole pence, halves up.
pub(super) fn vat_within(gross: Decimal) -> Decimal {
    (gross / Decimal::from(6)).round_dp_with_strategy(2, RoundingStrategy::MidpointAwayFromZero)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn reads_and_writes_exactly() {
        for (value, text) in [(json!(14.99), "14.99"), (json!("14.990"), "14.99"), (json!(0), "0"), (json!(1e2), "100")]
        {
            assert_eq!(read(&value).map(|price| number(price).to_string()), Some(text.to_owned()));
        }
        assert_eq!(read(&json!("ten")), None);
        assert_eq!(read(&json!(null)), None);
        let sum: Decimal = std::iter::repeat_n(Decimal::new(10, 2), 3).sum();
        assert_eq!(number(sum).to_string(), "0.3");
    }

    #[test]
    fn vat_is_a_sixth_of_the_gross_price() {
        for (gross, vat) in [(750, 125), (999, 167), (640, 107), (825, 138), (500, 83), (0, 0)] {
            assert_eq!(vat_within(Decimal::new(gross, 2)), Decimal::new(vat, 2));
        }
    }
}
