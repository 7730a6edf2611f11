//! The mesh.toml of a new project.

use std::fmt::Write as _;

use camino::Utf8PathBuf;
use mesh_compile::discover::Candidate;

/// What a mesh.toml is made of.
#[derive(Debug)]
pub(super) struct Proposal<'a> {
    /// The directory of the filter.
    pub(super) filter_dir: &'a str,
    /// The value of `mesh.base`: none, one or several.
    pub(super) base: &'a [Utf8PathBuf],
    /// Whether out/ has to be a component although the base is a kustomization, because it is inside of it.
    pub(super) is_inside: bool,
    /// The workloads of the base, the best first. Without any, the file declares an example.
    pub(super) workloads: &'a [Candidate],
}

/// How many workloads are listed for the user to add. A larger base is better served by a binding.
const LISTED: usize = 20;

impl Proposal<'_> {
    pub(super) fn text(&self) -> String {
        let dir = self.filter_dir;
        let mut text = format!(
            "#:schema ./mesh.schema.json

[mesh]
{}{NAMESPACE_AND_VERSION}{}
# A filter has a module and a configuration, which is passed to it as JSON.
[filters.example-filter]
module = \"{dir}/example-filter.wasm\"
config = {{ response = {{ add = {{ resp-header-demo = \"added by our filter\" }} }} }}

",
            self.base_line(),
            if self.is_inside { COMPONENT } else { "" },
        );
        match self.workloads {
            [] => text.push_str(&format!("{EXAMPLE}{TEST}")),
            [first, others @ ..] => self.add_workloads(&mut text, first, others),
        }
        text
    }

    fn base_line(&self) -> String {
        let value = match self.base {
            [stream] if stream == "-" => {
                return "# The workloads' manifests come from standard input: `… | mesh-compile render --base -`.\n"
                    .to_owned();
            }
            [] => {
                return "# base = \"base\"         # the workloads' manifests: a kustomization, a directory or a file\n".to_owned();
            }
            [one] => quoted(one.as_str()),
            several => {
                let paths: String = several.iter().map(|path| format!("  {},\n", quoted(path.as_str()))).collect();
                format!("[\n{paths}]")
            }
        };
        format!("base = {value}   # the workloads' own manifests\n")
    }

    fn add_workloads(&self, text: &mut String, first: &Candidate, others: &[Candidate]) {
        text.push_str(WORKLOAD);
        let key = self.key(first);
        text.push_str(&self.table(first));
        text.push_str("filters = [\"example-filter\"]\n");
        if first.is_http {
            text.push_str(&TEST.replace("my-app", &key));
        }
        if others.is_empty() {
            return;
        }
        let more = others.len().saturating_sub(LISTED);
        text.push_str(
            "\n# The other workloads of the base. Or declare a binding, which gives filters to many workloads.\n",
        );
        for workload in &others[..others.len() - more] {
            for line in self.table(workload).lines() {
                let _ = writeln!(text, "# {line}");
            }
            text.push_str("# filters = [\"example-filter\"]\n");
        }
        if more > 0 {
            let _ = writeln!(text, "# …and {more} more");
        }
    }

    /// The table of a workload, without its filters. Sets the kind and the namespace where the name alone is ambiguous.
    fn table(&self, workload: &Candidate) -> String {
        let mut table = format!("[workloads.{}]\n", self.key(workload));
        let same = |other: &&Candidate| other.name == workload.name;
        if self.workloads.iter().filter(same).count() > 1 {
            let _ = writeln!(table, "name = {}\nkind = {}", quoted(&workload.name), quoted(workload.kind));
            if let Some(namespace) = &workload.namespace {
                let _ = writeln!(table, "namespace = {}", quoted(namespace));
            }
        }
        table
    }

    /// The key of a workload's table: its name, and what tells it from others of the same name.
    fn key(&self, workload: &Candidate) -> String {
        let same: Vec<_> = self.workloads.iter().filter(|other| other.name == workload.name).collect();
        let mut key = workload.name.clone();
        if let Some(namespace) = &workload.namespace
            && same.iter().any(|other| other.namespace != workload.namespace)
        {
            key = format!("{namespace}-{key}");
        }
        if same.iter().filter(|other| other.namespace == workload.namespace).count() > 1 {
            key = format!("{key}-{}", workload.kind.to_lowercase());
        }
        let is_bare = key.chars().all(|char| char.is_ascii_alphanumeric() || "-_".contains(char));
        if is_bare { key } else { quoted(&key) }
    }
}

/// A TOML string. Paths and names of Kubernetes contain no control characters, which would need other escapes.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

const NAMESPACE_AND_VERSION: &str = "\
namespace = \"default\"   # of workloads whose manifests set none
# istio = \"1.28\"        # the oldest Istio version of any proxy in the mesh
";

const COMPONENT: &str = "
[output]
layout = \"component\"   # the kustomization above out/ lists it under `components`
";

const WORKLOAD: &str = "\
# A workload has filters in the order in which they process a request. Its kind, namespace and selector come from the base.
";

const EXAMPLE: &str = r#"# A workload has a selector for its pods, and filters in the order in which they process a request.
[workloads.my-app]
kind = "Deployment"
selector = { app = "my-app" }
filters = ["example-filter"]
"#;

const TEST: &str = r#"
# `mesh-compile verify` sends this request through the workload's filters and checks the result.
[[workloads.my-app.tests]]
name = "adds the demo header to the response"
request = { path = "/" }
upstream = { status = 200, body = "ok" }
expect = { status = 200, headers = { resp-header-demo = "added by our filter" }, body = "ok" }
"#;
