//! `schema/mesh.schema.json` is what `mesh-compile schema` prints.

use crate::project::{Project, repository};

#[test]
fn the_committed_schema_is_up_to_date() {
    let schema = std::fs::read_to_string(repository().join("schema/mesh.schema.json")).unwrap();
    assert_eq!(schema, Project::empty().run(&["schema"]).ends(0, &[]).stdout);
}
