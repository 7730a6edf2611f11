//! The names of objects and of filters in the chain.

use std::collections::BTreeMap;

use super::Context;
use crate::diag::{Code, Diagnostic, Location, Sink};
use crate::domain::{LoadFailure, Namespace, ObjectName};
use crate::resolve::mesh::{Attachment, Mesh};
use crate::resolve::template::{FilterVars, Scope, Templates};
use crate::spec::{Names, Spanned};

/// A template of `[names]`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Template<'a> {
    /// The kind of the object.
    pub(super) kind: &'static str,
    /// The key in `[names]`.
    pub(super) key: &'static str,
    pub(super) written: Option<&'a Spanned<String>>,
    pub(super) default: &'static str,
}

/// Who an object is for, in the words of a message, and where mesh.toml declares it.
pub(super) type User = (String, Location);

impl Template<'_> {
    /// Renders the name. `None` if an error was reported. `suffix` follows the rendered text.
    pub(super) fn render(
        &self,
        templates: &Templates<'_>,
        scope: &Scope<'_>,
        suffix: &str,
        user: Location,
        sink: &mut Sink,
    ) -> Option<ObjectName> {
        let text = templates.render_name(self.written, self.default, scope, sink)?;
        self.check(&format!("{text}{suffix}"), user, sink)
    }

    /// The text as an object's name. `None` if an error was reported, at the template or, for a default template, at the user.
    fn check(&self, text: &str, user: Location, sink: &mut Sink) -> Option<ObjectName> {
        let reason = match ObjectName::new(text) {
            Ok(name) => return Some(name),
            Err(reason) => reason,
        };
        let Self { kind, key, .. } = self;
        let diagnostic = Diagnostic::error(Code::MC0201, format!("`{text}` is not a valid {kind} name: {reason}"));
        let diagnostic = match self.written {
            Some(template) => {
                diagnostic.at_label(template.location(), "the template").related(user, "rendered for this")
            }
            None => diagnostic.at(user).note(format!("the default template of `names.{key}` produces it")),
        };
        let fitting: String =
            text.to_lowercase().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
        let rename = if ObjectName::new(&fitting).is_ok() {
            format!("rename it so that the result is `{fitting}`, or ")
        } else {
            String::new()
        };
        sink.push(diagnostic.help(format!("{rename}set another template as `names.{key}`")));
        None
    }
}

/// The names that are in use, by namespace.
#[derive(Debug)]
pub(super) struct UsedNames {
    kind: &'static str,
    users: BTreeMap<(Namespace, ObjectName), User>,
}

impl UsedNames {
    pub(super) const fn new(kind: &'static str) -> Self {
        Self { kind, users: BTreeMap::new() }
    }

    /// Returns whether the name is free. Otherwise both users of the name are reported.
    pub(super) fn add(&mut self, namespace: &Namespace, name: &ObjectName, user: User, sink: &mut Sink) -> bool {
        let key = (namespace.clone(), name.clone());
        let Some((first_user, first)) = self.users.get(&key) else {
            self.users.insert(key, user);
            return true;
        };
        sink.push(
            Diagnostic::error(Code::MC0203, format!("two {}s have the name {namespace}/{name}", self.kind))
                .at_label(user.1, format!("one for {}", user.0))
                .related(*first, format!("one for {first_user}"))
                .help("change the template in `[names]` so that the names differ"),
        );
        false
    }
}

/// The name of each plugin in the filter chain. After a report, the default is used.
pub(super) fn chain_names(mesh: &Mesh, names: &Names, templates: &Templates<'_>, sink: &mut Sink) -> Vec<String> {
    const DEFAULT: &str = "wasm.{{ filter.name }}";
    let template = names.http_filter.as_ref();
    let mut chain_names = Vec::with_capacity(mesh.plugins.len());
    for plugin in &mesh.plugins {
        let vars = FilterVars::of(plugin);
        let scope = Scope { filter: Some(&vars), workload: None };
        let name = templates.render_name(template, DEFAULT, &scope, sink);
        if let (Some(""), Some(template)) = (name.as_deref(), template) {
            let message = "the name of the filter in the chain is empty";
            sink.push(Diagnostic::error(Code::MC0201, message).at(template.location()));
        }
        chain_names.push(name.unwrap_or_else(|| format!("wasm.{}", plugin.name)));
    }
    chain_names
}

/// Reports filters of one chain that have the same name. By its name, a proxy asks for a configuration that is discovered.
pub(super) fn check_chain(context: &Context<'_>, attachments: &[Attachment], sink: &mut Sink) {
    let mut first: BTreeMap<_, &Attachment> = BTreeMap::new();
    let plugin = |one: &Attachment| &context.mesh.plugins[one.plugin];
    for one in attachments {
        let name = context.chain_names[one.plugin].as_str();
        let Some(other) = first.get(&(plugin(one).filter_type, name)) else {
            first.insert((plugin(one).filter_type, name), one);
            continue;
        };
        let message = format!("two filters of one chain have the name `{name}`");
        let discovered = [one, *other].into_iter().any(|it| plugin(it).load_failure != LoadFailure::StopRollout);
        let diagnostic = if discovered {
            let note =
                "with `load-failure`, Envoy asks for the configuration by this name, and both would get the same";
            Diagnostic::error(Code::MC0219, message).note(note)
        } else {
            let note = "Envoy accepts this, but neither filter can be configured or disabled on its own";
            Diagnostic::warning(Code::MC0219, message).note(note)
        };
        sink.push(
            diagnostic
                .at_label(one.location, "second filter")
                .related(other.location, "first filter")
                .help("use `{{ filter.name }}` in `names.http-filter`"),
        );
    }
}
