//! Selects the workloads that the command line names.

use crate::diag::{Code, Diagnostic, Sink, suggest};
use crate::resolve::traffic::suite::Suite;

/// The suites that are named, each once, in their own order. All suites if there are no names. A name is that of the workload's table in
/// mesh.toml, or `productpage-v1`, `default/productpage-v1` or `Deployment/default/productpage-v1`. A short name may select several
/// suites. An unknown name is reported.
pub(super) fn select<'a>(suites: &'a [Suite], names: &[String], sink: &mut Sink) -> Vec<&'a Suite> {
    for name in names {
        if !suites.iter().any(|suite| has_name(suite, name)) {
            sink.push(unknown(suites, name));
        }
    }
    let named = |suite: &&Suite| names.is_empty() || names.iter().any(|name| has_name(suite, name));
    suites.iter().filter(named).collect()
}

fn has_name(suite: &Suite, name: &str) -> bool {
    suite.key == name || names(suite).iter().any(|known| known == name)
}

/// The workload's names in the objects, from short to long.
fn names(Suite { kind, namespace, name, .. }: &Suite) -> [String; 3] {
    [name.clone(), format!("{namespace}/{name}"), format!("{}/{namespace}/{name}", kind.qualified())]
}

fn unknown(suites: &[Suite], name: &str) -> Diagnostic {
    let known: Vec<[String; 3]> = suites.iter().map(names).collect();
    let finding = Diagnostic::error(Code::MC0708, format!("there is no workload `{name}`"));
    // Compare with names of the same form, so that a namespace does not count as a typo.
    let form = name.matches('/').count().min(2);
    let own = name.rsplit('/').next().unwrap_or_default();
    let elsewhere = known.iter().find(|names| names[0] == own).map(|names| names[2].as_str());
    let keys = suites.iter().map(|suite| suite.key.as_str()).filter(|_| form == 0);
    match elsewhere.or_else(|| suggest(name, known.iter().map(|names| names[form].as_str()).chain(keys))) {
        Some(near) => finding.help(format!("did you mean `{near}`?")),
        None => finding.help("use its name in mesh.toml, NAMESPACE/NAME or KIND/NAMESPACE/NAME"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::read::tests::suite;
    use super::*;
    use crate::diag::Sources;

    fn selected(names: &[&str]) -> (Vec<String>, Vec<Diagnostic>) {
        let suites =
            ["Deployment/shop/web", "Deployment/back/web", "Rollout/back/api"].map(|workload| suite(workload, &[]));
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut sink = Sink::new();
        let selected = select(&suites, &names, &mut sink);
        let selected = selected.iter().map(|it| format!("{}/{}/{}", it.kind, it.namespace, it.name)).collect();
        (selected, sink.into_sorted(&Sources::new()))
    }

    #[test]
    fn no_names_select_all() {
        assert_eq!(selected(&[]).0, ["Deployment/shop/web", "Deployment/back/web", "Rollout/back/api"]);
    }

    #[test]
    fn names_may_include_namespace_and_kind() {
        assert_eq!(selected(&["web"]).0, ["Deployment/shop/web", "Deployment/back/web"]);
        assert_eq!(selected(&["back/web"]).0, ["Deployment/back/web"]);
        assert_eq!(selected(&["Rollout/back/api", "api", "shop/web"]).0, ["Deployment/shop/web", "Rollout/back/api"]);
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
