//! Filters that load late or not at all, in both engines.

use crate::dry_run::run;
use crate::project::{Project, repository};
use crate::tools::tool;

const FILTERS: &str = "
[filters.allow]
module = 'http.wasm'
root-id = 'my_root_id'
load-failure = 'allow'
config = { response = { add = { x-allow = '1' } } }
[filters.deny]
module = 'http.wasm'
root-id = 'my_root_id'
load-failure = 'deny'
config = { response = { add = { x-deny = '1' } } }
[filters.inline]
module = 'http.wasm'
root-id = 'my_root_id'
config = { response = { add = { x-inline = '1' } } }
[filters.passing]
module = 'network.wasm'
type = 'network'
load-failure = 'allow'
[filters.closing]
module = 'network.wasm'
type = 'network'
load-failure = 'deny'
[workloads.web]
selector.app = 'web'
filters = ['passing', 'closing', 'allow', 'deny', 'inline']
";

/// The tests of the workload: a name, and the rest of the table.
const TESTS: &[(&str, &str)] = &[
    ("all is loaded", "expect = { status = 200, headers = { x-allow = '1', x-deny = '1', x-inline = '1' } }"),
    (
        "a missing file of a filter that denies",
        "loading = { deny = 'missing' }
        expect = { status = 403, body = 'RBAC: access denied', headers = { x-allow = '1' }, no-headers = ['x-inline'],
            upstream = false, local-reply = { details = 'rbac_access_denied_matched_policy[none]' } }",
    ),
    (
        "a refused configuration, and a good one later",
        "loading = { allow = 'refused' }
        steps = [
            { expect = { status = 200, headers = { x-deny = '1' }, no-headers = ['x-allow'] } },
            { loading = { allow = 'missing' }, expect = { status = 200, no-headers = ['x-allow'] } },
            { loading = { allow = 'good' }, expect = { status = 200, headers = { x-allow = '1'} } },
            { loading = { allow = 'refused' }, expect = { status = 200, headers = { x-allow = '1' } } },
            { loading = { allow = 'missing' }, expect = { status = 200, headers = { x-allow = '1' } } },
        ]",
    ),
    (
        "a bad push of the whole listener",
        "steps = [
            { loading = { inline = 'refused' }, expect = { status = 200, headers = { x-inline = '1' } } },
            { loading = { inline = 'missing' }, expect = { status = 200, headers = { x-inline = '1' } } },
            { loading = { inline = 'good' }, expect = { status = 200, headers = { x-inline = '1' } } },
        ]",
    ),
    (
        "two filters that load one after the other",
        "loading = { allow = 'missing', deny = 'missing' }
        steps = [
            { expect = { status = 403, no-headers = ['x-allow'] } },
            { loading = { deny = 'good' }, expect = { status = 200, headers = { x-deny = '1' }, no-headers = ['x-allow'] } },
            { loading = { allow = 'good' }, expect = { status = 200, headers = { x-allow = '1' } } },
        ]",
    ),
    ("connections pass", "loading = { passing = 'missing' }\nexpect = { status = 200 }"),
    (
        "connections are closed",
        "loading = { closing = 'refused' }
        steps = [
            { expect = { reset = true, upstream = false } },
            { loading = { closing = 'good' }, expect = { status = 200 } },
        ]",
    ),
];

#[test]
fn both_engines_load_filters_as_extension_discovery_does() {
    let project = Project::empty();
    let module = std::fs::read(repository().join("filter/example-filter.wasm")).expect("the demo filter");
    project.write("http.wasm", module);
    project.write("network.wasm", wat::parse_file(repository().join("tests/modules/network.wat")).expect("valid"));
    let tests = TESTS.iter().map(|(name, rest)| format!("[[workloads.web.tests]]\nname = '{name}'\n{rest}\n"));
    project.write("mesh.toml", format!("{FILTERS}{}", tests.collect::<String>()));
    let envoy = tool("envoy");
    let envoy = envoy.to_str().expect("a UTF-8 path");
    run(&project, &["verify", "--no-cache", "--engine", "both", "--envoy", envoy])
        .ends(0, &["5 filters, 7 tests: all passed in the embedded host and Envoy"]);
}
