//! What the examples render passes the schemas and the webhooks, and reaches the sidecars.

use std::path::Path;

use serde_json::Value;

use crate::control_plane::ControlPlane;
use crate::manifests::{build, name, of_kind, templates};
use crate::project::{examples, repository};
use crate::{Test, delivery, server};

pub(crate) fn tests() -> Vec<Test> {
    examples()
        .into_iter()
        .map(|dir| {
            let name = if dir == Path::new("") { "demo".to_owned() } else { dir.display().to_string() };
            let test = move |plane: &ControlPlane| objects_are_accepted_and_delivered(plane, &dir);
            (format!("{name}: all_objects_are_accepted_and_all_filters_delivered"), Box::new(test) as Box<_>)
        })
        .collect()
}

fn objects_are_accepted_and_delivered(plane: &ControlPlane, example: &Path) {
    let objects = build(&repository().join(example).join("out"));
    check(plane, &objects);
}

/// Asserts that the API server accepts all objects, and that every pod has the filters that select it.
pub(crate) fn check(plane: &ControlPlane, objects: &[Value]) {
    server::apply(plane, objects).expect("accepted");
    let templates = templates(objects);
    let pods = server::pods(plane, &templates).expect("pods");
    assert_eq!(pods.len(), templates.len());
    let mut filters = 0;
    for (pod, (_, template)) in pods.iter().zip(&templates) {
        filters += delivery::check(pod, template, objects);
    }
    for filter in of_kind(objects, "EnvoyFilter") {
        let selected = templates.iter().any(|(_, template)| crate::manifests::selects(filter, template));
        assert!(selected, "{} selects no pod", name(filter));
    }
    assert!(filters >= 2, "only {filters} filters");
}
