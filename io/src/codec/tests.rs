//! What is written is read back; what means nothing is an error.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;

fn round<C: Codec<(String, i64)>>(codec: &C) -> (String, i64) {
    let mut bytes = b"before".to_vec();
    let value = ("é \"x\"".to_owned(), -7);
    codec.encode(&value, &mut bytes).unwrap();
    let read = codec.decode(&bytes[6..]).unwrap();
    assert_eq!(read, value, "{}", codec.name());
    // Every cut is noticed, and so is everything behind.
    for cut in 6..bytes.len() {
        assert!(codec.decode(&bytes[6..cut]).is_err(), "{cut}");
    }
    bytes.push(b'1');
    assert!(codec.decode(&bytes[6..]).is_err());
    read
}

#[test]
fn values_come_back_and_half_values_do_not() {
    round(&Json);
    round(&Postcard);
    let mut bytes = Vec::new();
    Raw.encode(&vec![0, 255], &mut bytes).unwrap();
    assert_eq!(Raw.decode(&bytes).unwrap(), [0, 255]);
    let text = "é \"x\"".to_owned();
    bytes.clear();
    Utf8.encode(&text, &mut bytes).unwrap();
    assert_eq!(Utf8.decode(&bytes).unwrap(), text);
}

#[test]
fn what_is_wrong_is_said() {
    let says = |bytes: &[u8]| Codec::<u32>::decode(&Json, bytes).unwrap_err().to_string();
    assert!(says(b"nope").contains("a record is not JSON"));
    assert!(says(b"\"x\"").contains("not of the type that is read"));
    let long = Codec::<u8>::decode(&Postcard, &[1, 2]).unwrap_err();
    assert!(long.message().contains("1 bytes are left over"), "{long}");
    let cut = Utf8.decode(&[b'a', 0xc3]).unwrap_err();
    assert!(cut.message().contains("not UTF-8: incomplete"), "{cut}");
    let keys: std::collections::BTreeMap<(u8, u8), u8> = [((1, 2), 3)].into();
    let refused = Json.encode(&keys, &mut Vec::new()).unwrap_err();
    assert_eq!(refused.kind(), whitebeam_sdk::ErrorKind::UserCode);
}
