//! Compiler messages that a user meets, pinned: ours comes first. `TRYBUILD=overwrite` accepts.

#[test]
fn mistakes_are_explained_by_the_compiler_in_our_words() {
    let cases = trybuild::TestCases::new();
    cases.compile_fail("tests/ui/*.rs");
}
