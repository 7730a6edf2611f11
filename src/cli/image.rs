//! `mesh-compile image`

use std::collections::BTreeSet;

use camino::Utf8PathBuf;
use clap::Args;
use mesh_compile::diag::render::{Format, json};
use mesh_compile::diag::{Diagnostic, Sink};
use mesh_compile::images::{self, ModuleImage, NotWritten};
use mesh_compile::inspect::grouped;
use mesh_compile::world::World;
use mesh_compile::{compile, diag};
use serde_json::json;

use super::report::{Reporter, cannot_write, line, plural, stdout};
use super::{Outcome, Project};

/// Write the images of modules as an OCI image layout
///
/// Writes an image for each filter with `source = "image"`, and prints the commands that push and sign them. The manifests in out/
/// name the images by their digests, so push them before out/ is applied. The same module makes the same bytes, without a registry
/// and without a network. An image layout in the directory is replaced.
#[derive(Debug, Args)]
pub(super) struct Image {
    /// Filters [default: all whose module is in an image]
    #[arg(value_name = "FILTER")]
    filters: Vec<String>,
    /// Directory to write
    #[arg(short, long, value_name = "DIR")]
    output: Utf8PathBuf,
}

impl Image {
    pub(super) fn run(&self, world: &dyn World, project: &Project, reporter: &Reporter<'_>) -> Outcome {
        let spec = project.file(world);
        let mut sink = Sink::new();
        let compiled = compile(world, &project.input(&spec), &mut sink);
        let compiled = compiled.unwrap_or_default();
        let all = compiled.iter().flat_map(|one| &one.images);
        let selected = if sink.has_errors() { None } else { images::select(all, &self.filters, &mut sink) };
        let images = selected.filter(|images| match images::write(world, &self.output, images) {
            Ok(()) => true,
            Err(error) => {
                sink.push(self.rejection(world, &error));
                false
            }
        });
        for one in &compiled {
            images::stale(world, &one.tree.dir, &one.images, &mut sink);
        }
        if matches!(reporter.format(), Format::Json) {
            let failed = sink.has_errors();
            let found = sink.into_sorted(world.sources());
            let mut document = json::JsonDocument::new(&found, world.sources());
            if let Some(images) = &images {
                document.extra.insert("images".to_owned(), images.iter().map(to_json).collect());
            }
            let written = stdout(document.to_line().as_bytes());
            return if failed { Outcome::Error } else { written };
        }
        let outcome = reporter.diagnostics(sink);
        let Some(images) = images else { return outcome };
        reporter.info(&format!("{}: {}", self.output, plural(images.len(), "image")));
        let written = stdout(self.commands(&images).as_bytes());
        if outcome == Outcome::Success { written } else { outcome }
    }

    fn rejection(&self, world: &dyn World, error: &NotWritten) -> Diagnostic {
        match error {
            NotWritten::Foreign(file) => {
                let message = format!("`{}` is not an image layout: it contains `{file}`", self.output);
                Diagnostic::error(diag::Code::MC0708, message)
                    .note("only a layout that `mesh-compile image` wrote is replaced")
                    .help("choose a directory that does not exist yet, or an empty one")
            }
            NotWritten::Io(path, error) => cannot_write(world, path, error),
        }
    }

    /// The commands that push and sign the images, for a shell.
    fn commands(&self, images: &[ModuleImage]) -> String {
        let mut text = String::new();
        let names: BTreeSet<&str> = images.iter().map(|image| image.ref_name.as_str()).collect();
        for image in images {
            let ModuleImage { filter, name, digest, size, .. } = image;
            text.push_str(&line(&format!("# {filter}: {} bytes, {name}@{digest}", grouped(*size))));
            text.push_str("# push it, with one of:\n");
            let mut comment = "";
            for command in self.pushes(image, names.len() == 1) {
                text.push_str(&line(&format!("{comment}{command}")));
                comment = "# ";
            }
            text.push_str("# sign it:\n");
            text.push_str(&line(&format!("# cosign sign {name}@{digest}")));
        }
        text
    }

    /// The commands that push an image of the layout.
    fn pushes(&self, image: &ModuleImage, is_only: bool) -> Vec<String> {
        let ModuleImage { ref_name, name, .. } = image;
        let (dir, tag) = (shell(self.output.as_str()), image.tag());
        let mut commands = Vec::new();
        // skopeo takes what follows the first `:` for the name of the image, ORAS what follows the first `@` for its digest.
        if !dir.contains(':') {
            commands.push(format!("skopeo copy oci:{dir}:{ref_name} docker://{name}:{tag}"));
        }
        if !dir.contains('@') {
            commands.push(format!("oras cp --from-oci-layout {dir}:{ref_name} {name}:{tag}"));
        }
        // crane pushes a layout of one image.
        if is_only {
            commands.push(format!("crane push {dir} {name}:{tag}"));
        }
        commands
    }
}

/// A word for a shell.
fn shell(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+@%,:".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

fn to_json(image: &ModuleImage) -> serde_json::Value {
    json!({
        "environments": image.environments,
        "filter": image.filter,
        "ref_name": image.ref_name,
        "reference": format!("{}@{}", image.name, image.digest),
        "tag": image.tag(),
        "sha256": image.sha256.to_string(),
        "size": image.size,
    })
}
