//! `mesh-compile schema`

use clap::Args;

use super::Outcome;
use super::report::stdout;

/// Writes the JSON schema of mesh.toml to standard output
///
/// Editors with Taplo or Even Better TOML read it through `#:schema ./path/to/mesh.schema.json` on the first line.
#[derive(Debug, Args)]
pub(super) struct Schema {}

impl Schema {
    #[expect(clippy::unused_self, reason = "every command runs alike")]
    pub(super) fn run(&self) -> Outcome {
        stdout(format!("{:#}\n", mesh_compile::schema()).as_bytes())
    }
}
