//! The path of a value in mesh.toml, for the messages about its shape.

use std::fmt;

/// The keys and indices that lead from the root of the file to a value.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place(Vec<Step>);

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Key(String),
    Index(usize),
}

impl Place {
    /// The value under `key` of the table at this place.
    #[must_use]
    pub(super) fn key(&self, key: impl Into<String>) -> Self {
        self.then(Step::Key(key.into()))
    }

    /// The element at `index` of the array at this place.
    #[must_use]
    pub(super) fn index(&self, index: usize) -> Self {
        self.then(Step::Index(index))
    }

    /// The last key of the path. Empty for an element of an array.
    pub(super) fn last_key(&self) -> &str {
        match self.0.last() {
            Some(Step::Key(key)) => key,
            _ => "",
        }
    }

    /// `workloads.web.v1` as an entry of its section: `workloads."web.v1"`.
    pub(super) fn as_dotted_name(&self) -> Option<Self> {
        let (environment, local) = self.0.split_at(self.0.len() - self.local().len());
        match local {
            [section, Step::Key(name), Step::Key(rest)] => {
                let name = Step::Key(format!("{name}.{rest}"));
                Some(Self(environment.iter().chain([section, &name]).cloned().collect()))
            }
            _ => None,
        }
    }

    /// The same place in the merged spec, and the environment whose overlay it is in.
    pub(super) fn merged(&self) -> (Option<&str>, Self) {
        let local = self.local();
        let environment = match self.0.get(1) {
            Some(Step::Key(name)) if local.len() < self.0.len() => Some(name.as_str()),
            _ => None,
        };
        (environment, Self(local.to_vec()))
    }

    /// The key of the path if it has no other than `parents` before it.
    pub(super) fn key_below(&self, parents: &[&str]) -> Option<&str> {
        let (Step::Key(last), before) = self.0.split_last()? else { return None };
        let is_parent = |(step, parent): (&Step, &&str)| matches!(step, Step::Key(key) if key == parent);
        (before.len() == parents.len() && before.iter().zip(parents).all(is_parent)).then_some(last)
    }

    /// Whether this is the root of the file.
    pub(super) const fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the value is inside an array, which no other file and no environment adds to.
    pub(super) fn is_in_array(&self) -> bool {
        self.0.iter().any(|step| matches!(step, Step::Index(_)))
    }

    /// The steps from the root of the file, or from an environment's overlay.
    fn local(&self) -> &[Step] {
        match self.0.as_slice() {
            [Step::Key(section), Step::Key(_), local @ ..] if section == "env" => local,
            all => all,
        }
    }

    /// Whether the value is inside a test of a workload.
    pub(super) fn is_in_test(&self) -> bool {
        matches!(self.local(), [Step::Key(section), _, Step::Key(tests), ..] if section == "workloads" && tests == "tests")
    }

    /// The name of a property of a test.
    pub(super) fn as_property(&self) -> Option<&str> {
        match self.0.as_slice() {
            [.., Step::Index(_), Step::Key(table), Step::Key(name)] if table == "properties" => Some(name),
            _ => None,
        }
    }

    fn then(&self, step: Step) -> Self {
        let mut steps = Vec::with_capacity(self.0.len() + 1);
        steps.extend_from_slice(&self.0);
        steps.push(step);
        Self(steps)
    }
}

/// As a dotted key in TOML: `workloads.web.filters[1].port`.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, step) in self.0.iter().enumerate() {
            match step {
                Step::Key(key) => {
                    let dot = if i == 0 { "" } else { "." };
                    let is_bare =
                        !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
                    if is_bare { write!(f, "{dot}{key}")? } else { write!(f, "{dot}{key:?}")? }
                }
                Step::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}
