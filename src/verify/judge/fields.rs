//! Compares headers and trailers with the expectations.

use std::collections::BTreeSet;

use mesh_compile_host::Fields;

use super::{Judge, Which};
use crate::diag::suggest;
use crate::resolve::traffic::suite::{Expected, ExpectedField};
use crate::verify::text::{list, not, quoted, show, wanted};

#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    Header,
    Trailer,
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::Header => "header",
            Self::Trailer => "trailer",
        }
    }
}

/// The headers or the trailers of a message. `fields`: `None` if it has none.
#[derive(Debug, Clone, Copy)]
pub(super) struct FieldsOf<'a> {
    pub(super) kind: Kind,
    pub(super) which: Which<'a>,
    pub(super) fields: Option<&'a Fields>,
}

impl FieldsOf<'_> {
    fn values(&self, name: &str) -> Vec<&[u8]> {
        self.fields
            .into_iter()
            .flat_map(|fields| &fields.0)
            .filter(|(key, _)| key == name.as_bytes())
            .map(|(_, value)| value.as_slice())
            .collect()
    }

    /// A hint for a field that is missing: a similar name, or the names of the fields.
    fn hint(&self, name: &str) -> String {
        let is_pseudo = |name: &str| name.starts_with(':');
        let all = self.fields.into_iter().flat_map(|fields| &fields.0).map(|(key, _)| show(key));
        let names: BTreeSet<String> = all.filter(|key| is_pseudo(key) == is_pseudo(name)).collect();
        let names = || names.iter().map(String::as_str);
        match suggest(name, names()) {
            Some(near) => format!("did you mean `{near}`?"),
            None if names().next().is_none() => format!("it has no {}s", self.kind.name()),
            None => format!("its {}s are {}", self.kind.name(), list(names())),
        }
    }
}

impl Judge<'_> {
    /// The field must have exactly the expected values, in order.
    pub(super) fn field(&mut self, found: FieldsOf<'_>, expected: &ExpectedField) {
        let (kind, which, name) = (found.kind.name(), found.which, &expected.name);
        let values = found.values(name);
        let same_count = values.len() == expected.values.len();
        if same_count && values.iter().zip(&expected.values).all(|(value, matcher)| matcher.accepts(value)) {
            return;
        }
        let all = |values: Vec<String>| values.join(", ");
        let found_values = all(values.iter().map(|value| quoted(value)).collect());
        let message = match (values.as_slice(), expected.values.as_slice()) {
            ([], _) => format!("{which} has no {kind} `{name}`; {}", found.hint(name)),
            ([value], [matcher]) => format!("{kind} `{name}` of {which} is {}, {}", quoted(value), not(matcher)),
            (several, _) => {
                let count = if several.len() == 1 { "1 value".to_owned() } else { format!("{} values", several.len()) };
                let wanted = all(expected.values.iter().map(wanted).collect());
                format!("{kind} `{name}` of {which} has {count}, {found_values}; expected {wanted}")
            }
        };
        let wanted = all(expected.values.iter().map(wanted).collect());
        let found_values = (!values.is_empty()).then_some(found_values);
        self.fail_with(&expected.location, message, Some(wanted), found_values);
    }

    pub(super) fn no_field(&mut self, found: FieldsOf<'_>, unwanted: &Expected<String>) {
        let values = found.values(&unwanted.value);
        if !values.is_empty() {
            let values: Vec<_> = values.into_iter().map(quoted).collect();
            let values = values.join(", ");
            let (kind, name) = (found.kind.name(), &unwanted.value);
            let message = format!("{} has the {kind} `{name}`, with {values}", found.which);
            self.fail_with(&unwanted.location, message, None, Some(values));
        }
    }
}
