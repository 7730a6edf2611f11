//! The size limit of a pod's annotations.

use crate::project::Project;

/// The annotations of a pod hold 262,144 bytes. They contain the volumes of the user.
#[test]
fn volumes_that_exceed_the_size_of_annotations_are_rejected() {
    let project = Project::small();
    let spec = project.read("mesh.toml");
    let volume = |n| format!("{{ name = \"v{n}\", configMap = {{ name = \"{}\" }} }}", "n".repeat(60));
    let volumes = |count: usize| (0..count).map(volume).collect::<Vec<_>>().join(", ");
    let with = |count| {
        format!(
            "{spec}\n[workloads.full]\nfilters = [\"one\"]\nselector = {{ app = \"full\" }}\nvolumes = [{}]\n",
            volumes(count)
        )
    };
    project.write("mesh.toml", with(2_000));
    project.run(&["render"]).ends(0, &[]);
    project.write("mesh.toml", with(4_000));
    project.run(&["render"]).ends(2, &["MC0404", "mesh.toml:"]);
}
