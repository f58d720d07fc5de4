//! Taking packages out of a manifest, with the features that stand for them.

use std::collections::BTreeSet;

use toml_edit::{Array, DocumentMut, Item, TableLike, TomlError, Value};

/// The manifest without the packages in `gone`: no dependency on them, no
/// feature that switches one on, and no target that would need such a feature.
pub(super) fn without(text: &str, gone: &BTreeSet<String>) -> Result<String, TomlError> {
    let mut manifest: DocumentMut = text.parse()?;
    for kind in ["dependencies", "dev-dependencies", "build-dependencies"] {
        remove_keys(manifest.get_mut(kind), gone);
        let workspace = manifest.get_mut("workspace");
        remove_keys(workspace.and_then(|table| table.get_mut(kind)), gone);
    }
    let features = features_of(&manifest, gone);
    if let Some(table) = manifest.get_mut("features") {
        remove_keys(Some(&mut *table), &features);
        let lists = table
            .as_table_like_mut()
            .into_iter()
            .flat_map(TableLike::iter_mut);
        for (_, list) in lists {
            if let Some(list) = list.as_array_mut() {
                list.retain(|value| keeps(value, gone, &features));
            }
        }
    }
    // Examples and tests of the root compare runners; their folders went too.
    for targets in ["example", "test", "bench"] {
        manifest.remove(targets);
    }
    Ok(manifest.to_string())
}

/// The root manifest with only those members whose folders are left.
pub(super) fn without_members(text: &str, folders: &[&str]) -> Result<String, TomlError> {
    let mut manifest: DocumentMut = text.parse()?;
    let members: Option<&mut Array> = manifest
        .get_mut("workspace")
        .and_then(|workspace| workspace.get_mut("members"))
        .and_then(Item::as_array_mut);
    if let Some(members) = members {
        members.retain(|member| member.as_str().is_none_or(|name| !folders.contains(&name)));
    }
    Ok(manifest.to_string())
}

fn remove_keys(table: Option<&mut Item>, keys: &BTreeSet<String>) {
    if let Some(table) = table.and_then(Item::as_table_like_mut) {
        for key in keys {
            table.remove(key);
        }
    }
}

/// Features that exist to switch on one of the packages that go.
fn features_of(manifest: &DocumentMut, gone: &BTreeSet<String>) -> BTreeSet<String> {
    let features = manifest.get("features").and_then(Item::as_table_like);
    features
        .into_iter()
        .flat_map(TableLike::iter)
        .filter(|(name, list)| {
            let values = list.as_array().into_iter().flatten();
            *name != "default"
                && values
                    .filter_map(Value::as_str)
                    .any(|value| gone.contains(value.trim_start_matches("dep:")))
        })
        .map(|(name, _)| name.to_owned())
        .collect()
}

/// Whether a value in a feature's list still means something.
fn keeps(value: &Value, gone: &BTreeSet<String>, features: &BTreeSet<String>) -> bool {
    let text = value.as_str().unwrap_or_default();
    let package = text.trim_start_matches("dep:").split(['/', '?']).next();
    !features.contains(text) && !package.is_some_and(|package| gone.contains(package))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gone() -> BTreeSet<String> {
        BTreeSet::from(["runner-a".to_owned()])
    }

    #[test]
    fn dependencies_features_and_comparing_targets_go() {
        let text = r#"
[features]
default = ["a", "b", "cli"]
a = ["dep:runner-a"]
b = ["dep:runner-b"]
metrics = ["runner-a?/metrics", "runner-b?/metrics"]

[dependencies]
runner-a = { path = "a", optional = true }
runner-b = { path = "b", optional = true }

[dev-dependencies]
runner-a.workspace = true

[workspace.dependencies]
runner-a = { path = "a" }
runner-b = { path = "b" }

[[example]]
name = "compare"
"#;
        let expected = r#"
[features]
default = [ "b", "cli"]
b = ["dep:runner-b"]
metrics = [ "runner-b?/metrics"]

[dependencies]
runner-b = { path = "b", optional = true }

[dev-dependencies]

[workspace.dependencies]
runner-b = { path = "b" }
"#;
        let found = without(text, &gone()).expect("the text is a manifest");
        assert_eq!(found, expected);
    }

    #[test]
    fn the_default_features_stay_whatever_they_name() {
        let text = "[features]\ndefault = [\"b\", \"dep:runner-a\"]\n";
        let found = without(text, &gone()).expect("the text is a manifest");
        assert_eq!(found, "[features]\ndefault = [\"b\"]\n");
    }

    #[test]
    fn members_go_with_their_folders() {
        let text = "[workspace]\nmembers = [\"sdk\", \"runner-a\"]\n";
        let found = without_members(text, &["runner-a"]).expect("the text is a manifest");
        assert_eq!(found, "[workspace]\nmembers = [\"sdk\"]\n");
    }

    #[test]
    fn what_is_not_a_manifest_is_an_error() {
        assert!(without("= nonsense", &gone()).is_err());
    }
}
