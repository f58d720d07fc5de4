//! Decimal text in PostgreSQL's binary form of `numeric`.
//!
//! Owns that one conversion: base-10,000 digits with a weight, a sign and a display scale.

/// Appends the binary form of a decimal such as `-12.50`; false if `text` is none.
pub(super) fn put_numeric(text: &str, out: &mut Vec<u8>) -> bool {
    let (is_negative, digits) = match text.strip_prefix(['-', '+']) {
        Some(rest) => (text.starts_with('-'), rest),
        None => (false, text),
    };
    if digits == "NaN" {
        put_header(out, 0, 0, 0xC000, 0);
        return !text.starts_with(['-', '+']);
    }
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let is_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.len() + fraction.len() == 0 || !is_digits(whole) || !is_digits(fraction) {
        return false;
    }
    // The limits of numeric itself.
    if whole.len() > 131_072 || fraction.len() > 16_383 {
        return false;
    }
    let (groups, weight) = groups(whole, fraction);
    let sign = if is_negative && !groups.is_empty() {
        0x4000
    } else {
        0
    };
    put_header(
        out,
        groups.len() as u16,
        weight,
        sign,
        fraction.len() as u16,
    );
    for group in groups {
        out.extend(group.to_be_bytes());
    }
    true
}

fn put_header(out: &mut Vec<u8>, groups: u16, weight: i16, sign: u16, scale: u16) {
    out.extend(groups.to_be_bytes());
    out.extend(weight.to_be_bytes());
    out.extend(sign.to_be_bytes());
    out.extend(scale.to_be_bytes());
}

/// Digits in groups of four around the point, without zeros at either end, and how many groups
/// stand before the point, less one.
fn groups(whole: &str, fraction: &str) -> (Vec<u16>, i16) {
    let before = (4 - whole.len() % 4) % 4;
    let behind = (4 - fraction.len() % 4) % 4;
    let zeros = |n| std::iter::repeat_n(b'0', n);
    let digits: Vec<u8> = zeros(before)
        .chain(whole.bytes())
        .chain(fraction.bytes())
        .chain(zeros(behind))
        .collect();
    let number = |four: &[u8]| {
        four.iter()
            .fold(0, |n, digit| n * 10 + u16::from(digit - b'0'))
    };
    let groups: Vec<u16> = digits.chunks(4).map(number).collect();
    let leading = groups.iter().take_while(|group| **group == 0).count();
    let mut rest = groups[leading..].to_vec();
    while rest.last() == Some(&0) {
        rest.pop();
    }
    if rest.is_empty() {
        return (rest, 0);
    }
    let weight = (before + whole.len()) as i64 / 4 - 1 - leading as i64;
    (rest, i16::try_from(weight).unwrap_or(i16::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The meaning of the binary form, by the definition in PostgreSQL's manual.
    fn value(bytes: &[u8]) -> (f64, u16) {
        let word = |i: usize| u16::from_be_bytes([bytes[2 * i], bytes[2 * i + 1]]);
        let (groups, weight, sign) = (word(0), word(1) as i16, word(2));
        let digits = (0..groups).map(|i| {
            f64::from(word(4 + usize::from(i))) * 10_000_f64.powi(i32::from(weight) - i32::from(i))
        });
        let sum: f64 = digits.sum();
        (if sign == 0x4000 { -sum } else { sum }, word(3))
    }

    #[test]
    fn decimals_have_their_digits_weight_and_scale() {
        let put = |text: &str| {
            let mut out = Vec::new();
            put_numeric(text, &mut out).then_some(out)
        };
        for (text, words) in [
            ("0", vec![0, 0, 0, 0]),
            ("-0.00", vec![0, 0, 0, 2]),
            ("1", vec![1, 0, 0, 0, 1]),
            ("12345.678", vec![3, 1, 0, 3, 1, 2345, 6780]),
            ("-0.0001", vec![1, 0xFFFF, 0x4000, 4, 1]),
            ("+.5", vec![1, 0xFFFF, 0, 1, 5000]),
            ("10000", vec![1, 1, 0, 0, 1]),
            ("NaN", vec![0, 0, 0xC000, 0]),
        ] {
            let bytes: Vec<u8> = words
                .iter()
                .flat_map(|word: &u16| word.to_be_bytes())
                .collect();
            assert_eq!(put(text), Some(bytes), "{text}");
        }
        for text in [
            "", ".", "-", "1e5", "1.2.3", "--1", "0x1", "-NaN", "1,5", " 1",
        ] {
            assert_eq!(put(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn decimals_keep_their_value(whole in 0_i64..1_000_000_000_000, fraction in "[0-9]{0,9}", negative: bool) {
            let sign = if negative { "-" } else { "" };
            let text = format!("{sign}{whole}.{fraction}");
            let mut out = Vec::new();
            prop_assert!(put_numeric(&text, &mut out));
            let expected: f64 = text.trim_end_matches('.').parse().unwrap();
            let (value, scale) = value(&out);
            prop_assert!((value - expected).abs() <= expected.abs() * 1e-12);
            prop_assert_eq!(usize::from(scale), fraction.len());
        }
    }
}
