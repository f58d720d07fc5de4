//! Names of element types as people say them.

/// `type_name` without module paths: `(u64, Vec<Order>)`.
pub(crate) fn short_type(type_name: &str) -> String {
    let mut short = String::with_capacity(type_name.len());
    // Where the path began whose last segment is being read.
    let mut path = 0;
    for c in type_name.chars() {
        short.push(c);
        if short.ends_with("::") {
            short.truncate(path);
        } else if !(c.is_alphanumeric() || c == '_' || c == ':') {
            path = short.len();
        }
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_left_out_of_type_names() {
        let cases = [
            ("i64", "i64"),
            ("alloc::string::String", "String"),
            ("(u64, alloc::vec::Vec<shop::Order>)", "(u64, Vec<Order>)"),
            (
                "core::option::Option<(alloc::string::String, [a::b::C; 3])>",
                "Option<(String, [C; 3])>",
            ),
        ];
        for (full, short) in cases {
            assert_eq!(short_type(full), short);
        }
    }
}
