//! The text form against the builder, and scripts that are refused.

use super::*;
use whitebeam_sdk::time::{micros, millis, minutes, seconds};

fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs(secs)
}

fn words(text: &str) -> Result<TestStream<String>> {
    text.parse()
}

fn word(text: &str, t: Timestamp) -> (String, Timestamp) {
    (text.to_string(), t)
}

#[test]
fn text_reads_as_what_the_builder_builds() {
    let ten = at(10 * 3600);
    let cases = [
        (
            "a@1 b@5",
            TestStream::new().elements([word("a", at(1)), word("b", at(5))]),
        ),
        (
            "wm 10 | a",
            TestStream::new()
                .watermark(at(10))
                .elements([word("a", at(10))]),
        ),
        ("a", TestStream::new().elements_now(["a".to_string()])),
        ("wm inf", TestStream::new().to_infinity()),
        (
            "wm min|wm -5",
            TestStream::new()
                .watermark(Timestamp::MIN)
                .watermark(at(-5)),
        ),
        (
            "+5s|+250ms|+2min|+7us|+1",
            TestStream::new()
                .advance(seconds(5))
                .advance(millis(250))
                .advance(minutes(2))
                .advance(micros(7))
                .advance(seconds(1)),
        ),
        (
            "paid(UK, 500)@10:00:05 | wm 10:01",
            TestStream::new()
                .elements([word("paid(UK, 500)", ten + seconds(5))])
                .watermark(ten + minutes(1)),
        ),
        (
            "\"a | b\"@1500ms",
            TestStream::new().elements([word("\"a | b\"", at(0) + millis(1_500))]),
        ),
        ("a@b@3", TestStream::new().elements([word("a@b", at(3))])),
        (
            "|a@1|",
            TestStream::new().pass().elements([word("a", at(1))]).pass(),
        ),
        (
            "x@2010-12-01T08:26:00Z",
            TestStream::new().elements([word("x", at(1_291_191_960))]),
        ),
    ];
    for (text, built) in cases {
        assert_eq!(words(text).unwrap(), built, "{text}");
    }
}

#[test]
fn what_does_not_read_is_refused_with_its_place() {
    for (text, message, place) in [
        ("a@1 | b@", "`` does not read as a time", "event 2"),
        ("a@1 | wm soon", "`soon` does not read as a time", "event 2"),
        (
            "+5 years",
            "`5 years` does not read as a length of time",
            "event 1",
        ),
        ("+s", "`s` does not read as a length of time", "event 1"),
    ] {
        let e = words(text).unwrap_err();
        assert_eq!(e.message(), message, "{text}");
        assert!(e.to_string().contains(place), "{e}");
    }
    let e = "1@1 x@2".parse::<TestStream<i32>>().unwrap_err();
    assert!(
        e.message().contains("`x` does not read as an element"),
        "{e}"
    );
}
