//! `mesh-compile schema`

use clap::Args;

use super::Outcome;
use super::report::stdout;

/// Print the JSON schema of mesh.toml
///
/// Taplo and Even Better TOML use the schema if the first line of mesh.toml is `#:schema ./path/to/mesh.schema.json`.
#[derive(Debug, Args)]
pub(super) struct Schema {}

impl Schema {
    #[expect(clippy::unused_self, reason = "every command is called the same way")]
    pub(super) fn run(&self) -> Outcome {
        stdout(format!("{:#}\n", mesh_compile::schema()).as_bytes())
    }
}
