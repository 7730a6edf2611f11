//! Edits to one header map, applied in this order: remove, replace, add.

/// Edits to the headers of a request or of a response.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Edits {
    /// Names of headers to remove with all their values.
    pub remove: Vec<String>,
    /// Headers to set, as (name, value). The value replaces all previous values, if any.
    pub replace: Vec<(String, String)>,
    /// Values to append, as (name, value).
    pub add: Vec<(String, String)>,
}

/// A header map that can be edited: the proxy's, or a list in a test.
pub trait Headers {
    /// Removes all values of `name`.
    fn remove(&mut self, name: &str);
    /// Makes `value` the only value of `name`.
    fn replace(&mut self, name: &str, value: &str);
    /// Appends `value` to the values of `name`.
    fn add(&mut self, name: &str, value: &str);
}

impl Edits {
    /// Applies the edits to `headers`. A header that is removed and added ends up with only the added value.
    pub fn apply(&self, headers: &mut impl Headers) {
        for name in &self.remove {
            headers.remove(name);
        }
        for (name, value) in &self.replace {
            headers.replace(name, value);
        }
        for (name, value) in &self.add {
            headers.add(name, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq)]
    struct List(Vec<(String, String)>);

    impl Headers for List {
        fn remove(&mut self, name: &str) {
            self.0.retain(|(key, _)| key != name);
        }

        fn replace(&mut self, name: &str, value: &str) {
            self.remove(name);
            self.add(name, value);
        }

        fn add(&mut self, name: &str, value: &str) {
            self.0.push((name.to_owned(), value.to_owned()));
        }
    }

    fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
        list.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn edited(edits: &Edits, before: &[(&str, &str)]) -> Vec<(String, String)> {
        let mut headers = List(pairs(before));
        edits.apply(&mut headers);
        headers.0
    }

    #[test]
    fn no_edits_change_nothing() {
        let edits = Edits::default();
        assert_eq!(edited(&edits, &[("a", "1")]), pairs(&[("a", "1")]));
    }

    #[test]
    fn each_kind_of_edit_is_applied() {
        let edits = Edits {
            remove: vec!["gone".to_owned(), "never-there".to_owned()],
            replace: pairs(&[("old", "new"), ("absent", "set")]),
            add: pairs(&[("list", "2")]),
        };
        assert_eq!(
            edited(&edits, &[("gone", "1"), ("gone", "2"), ("old", "a"), ("old", "b"), ("list", "1")]),
            pairs(&[("list", "1"), ("old", "new"), ("absent", "set"), ("list", "2")]),
        );
    }

    #[test]
    fn the_order_is_remove_then_replace_then_add() {
        let edits =
            Edits { remove: vec!["x".to_owned()], replace: pairs(&[("x", "replaced")]), add: pairs(&[("x", "added")]) };
        assert_eq!(edited(&edits, &[("x", "before")]), pairs(&[("x", "replaced"), ("x", "added")]),);
    }
}
