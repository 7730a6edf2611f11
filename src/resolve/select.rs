//! Workloads by the names that the command line uses for them.

use std::borrow::Cow;

use crate::diag::{Code, Diagnostic, Sink, suggest};

/// What a workload can be called.
#[derive(Debug, Clone)]
pub(crate) struct Name<'a> {
    /// The name of its table in mesh.toml.
    pub(crate) key: &'a str,
    /// Such as `Deployment`, or `CloneSet.apps.kruise.io`.
    pub(crate) kind: Cow<'a, str>,
    pub(crate) namespace: &'a str,
    pub(crate) name: &'a str,
}

/// The short names of kubectl, by the lower-case kind.
const SHORT: [(&str, &str); 6] = [
    ("deploy", "deployment"),
    ("sts", "statefulset"),
    ("ds", "daemonset"),
    ("cj", "cronjob"),
    ("ro", "rollout"),
    ("ksvc", "knativeservice"),
];

/// Whether each workload is named; all are if there are no names. A name is that of a table in mesh.toml, or, as kubectl writes
/// it, `web`, `deployment/web` or `deploy/web`, and also `shop/web` and `Deployment/shop/web` with the namespace. A short name may
/// select several workloads. An unknown name is reported.
pub(crate) fn select(all: &[Name<'_>], names: &[String], sink: &mut Sink) -> Vec<bool> {
    let mut selected = vec![names.is_empty(); all.len()];
    for written in names {
        let mut is_known = false;
        for (selected, _) in selected.iter_mut().zip(all).filter(|(_, name)| name.is(written)) {
            *selected = true;
            is_known = true;
        }
        if !is_known {
            sink.push(unknown(all, written));
        }
    }
    selected
}

impl Name<'_> {
    pub(crate) fn is(&self, written: &str) -> bool {
        let mut parts = written.split('/');
        let is_this = match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some(name), None, ..) => name == self.name,
            (Some(first), Some(name), None, _) => {
                name == self.name && (first == self.namespace || self.is_of_kind(first))
            }
            (Some(kind), Some(namespace), Some(name), None) => {
                name == self.name && namespace == self.namespace && self.is_of_kind(kind)
            }
            _ => false,
        };
        is_this || written == self.key
    }

    /// Whether the kind is written as kubectl accepts it: `Deployment`, `deployments`, `deploy` or `deployment.apps`.
    fn is_of_kind(&self, written: &str) -> bool {
        let first = |text: &str| text.split('.').next().unwrap_or_default().to_ascii_lowercase();
        let (written, kind) = (first(written), first(&self.kind));
        written == kind || written.strip_suffix('s') == Some(&kind) || SHORT.contains(&(&written, &kind))
    }

    /// The names in the objects, from short to long.
    fn forms(&self) -> [String; 3] {
        let Self { kind, namespace, name, .. } = self;
        [(*name).to_owned(), format!("{namespace}/{name}"), format!("{kind}/{namespace}/{name}")]
    }
}

fn unknown(all: &[Name<'_>], written: &str) -> Diagnostic {
    let known: Vec<[String; 3]> = all.iter().map(Name::forms).collect();
    let finding = Diagnostic::error(Code::MC0708, format!("there is no workload `{written}`"));
    // Compare with names of the same form, so that a namespace does not count as a typo.
    let form = written.matches('/').count().min(2);
    let own = written.rsplit('/').next().unwrap_or_default();
    let elsewhere = known.iter().find(|names| names[0] == own).map(|names| names[2].as_str());
    let keys = all.iter().map(|name| name.key).filter(|_| form == 0);
    match elsewhere.or_else(|| suggest(written, known.iter().map(|names| names[form].as_str()).chain(keys))) {
        Some(near) => finding.help(format!("did you mean `{near}`?")),
        None => finding.help("use its name in mesh.toml, NAMESPACE/NAME, KIND/NAME or KIND/NAMESPACE/NAME"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::Sources;

    const ALL: [Name<'_>; 3] = [
        Name { key: "front", kind: Cow::Borrowed("Deployment"), namespace: "shop", name: "web" },
        Name { key: "back/web", kind: Cow::Borrowed("Deployment"), namespace: "back", name: "web" },
        Name { key: "api", kind: Cow::Borrowed("Rollout"), namespace: "back", name: "api" },
    ];

    fn selected(names: &[&str]) -> (Vec<&'static str>, Vec<Diagnostic>) {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut sink = Sink::new();
        let selected = select(&ALL, &names, &mut sink);
        let selected = ALL.iter().zip(selected).filter(|(_, is_selected)| *is_selected).map(|(name, _)| name.key);
        (selected.collect(), sink.into_sorted(&Sources::new()))
    }

    #[test]
    fn no_names_select_all() {
        assert_eq!(selected(&[]).0, ["front", "back/web", "api"]);
    }

    #[test]
    fn names_may_include_namespace_and_kind() {
        assert_eq!(selected(&["web"]).0, ["front", "back/web"]);
        assert_eq!(selected(&["front"]).0, ["front"]);
        assert_eq!(selected(&["back/web"]).0, ["back/web"]);
        assert_eq!(selected(&["Rollout/back/api", "api", "shop/web"]).0, ["front", "api"]);
        for kind in ["deploy", "Deployment", "deployments", "deployment.apps", "deployment.v1.apps"] {
            assert_eq!(selected(&[&format!("{kind}/web")]).0, ["front", "back/web"], "{kind}");
            assert_eq!(selected(&[&format!("{kind}/shop/web")]).0, ["front"], "{kind}");
        }
    }

    #[test]
    fn an_unknown_name_is_an_error_with_a_suggestion() {
        for (written, near) in
            [("wep", "`web`"), ("shop/wbe", "`shop/web`"), ("Deployment/back/api", "`Rollout/back/api`"), ("x", "NAME")]
        {
            let (_, found) = selected(&[written]);
            let [finding] = &found[..] else { panic!("{found:?}") };
            assert!(finding.message.contains(&format!("`{written}`")), "{finding:?}");
            assert!(finding.help[0].contains(near), "{finding:?}");
        }
    }
}
