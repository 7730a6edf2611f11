#!/usr/bin/env python3
"""Compares `mesh-compile verify` with `envoy --mode validate` of the same chain, and measures many workloads.

    cargo build --release && ./scripts/setup && benches/verify.py [N ...]

One workload with the demo filter and five tests: without the cache, with the cache, and in Envoy. `envoy --mode validate` loads
the rendered chain and runs no tests. Then N workloads (by default 1,000) that share three filters, with one test each. Each row
is the fastest of several runs, because other work on the machine only makes a run slower.
"""
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import textwrap

from peers import MESH_COMPILE, ROOT, TOOLS, best, module

DEMO = ROOT / "filter/example-filter.wasm"
FILTER = """
[filters.{name}]
module = "{module}"
root-id = "my_root_id"
config = {{ response = {{ add = {{ x-{name} = "added" }} }} }}
"""
WORKLOAD = """
[workloads.{name}]
selector = {{ app = "{name}" }}
filters = [{filters}]
"""
TEST = """
[[workloads.{workload}.tests]]
name = "{name}"
request = {request}
expect = {{ status = 200, headers = {{ {header} = "added" }} }}
"""
REQUESTS = {
    "a page": '{ path = "/productpage" }',
    "a form": '{ method = "POST", path = "/login", body = "name=value" }',
    "chunks and trailers": '{ method = "POST", chunks = ["one", "two"], trailers = { t = "1" } }',
    "many headers": "{ headers = { " + ", ".join(f'x-h{n} = "{n}"' for n in range(20)) + " } }",
    "a query": '{ path = "/reviews?page=2" }',
}


def one(dir):
    """The demo filter with five tests."""
    (dir / "demo.wasm").write_bytes(DEMO.read_bytes())
    text = FILTER.format(name="demo", module="demo.wasm") + WORKLOAD.format(name="web", filters='"demo"')
    for name, request in REQUESTS.items():
        text += TEST.format(workload="web", name=name, request=request, header="x-demo")
    (dir / "mesh.toml").write_text(text)


def many(dir, count):
    """Workloads that share three filters."""
    random.seed(1)
    text = ""
    for f in range(3):
        (dir / f"f{f}.wasm").write_bytes(module(f"f{f}"))
        text += FILTER.format(name=f"f{f}", module=f"f{f}.wasm")
    for w in range(count):
        text += WORKLOAD.format(name=f"w{w}", filters='"f0", "f1", "f2"')
        text += TEST.format(workload=f"w{w}", name="a page", request=REQUESTS["a page"], header="x-f0")
    (dir / "mesh.toml").write_text(text)


def bootstrap(dir):
    """An Envoy configuration with the rendered filter in the chain of a listener, as Istio would send it."""
    text = next((dir / "out/envoyfilters").rglob("*.yaml")).read_text()
    lines = text[text.index("\n      value:\n") + len("\n      value:\n") :].splitlines()
    value = textwrap.dedent("\n".join(line for line in lines if line.startswith(" " * 8)))
    mounted = next(line.split(": ", 1)[1] for line in lines if "filename:" in line)
    item = "- " + value.replace(mounted, str(dir / "demo.wasm")).replace("\n", "\n  ")
    listener = """
        static_resources:
          listeners:
          - address: { socket_address: { address: 127.0.0.1, port_value: 0 } }
            filter_chains:
            - filters:
              - name: envoy.filters.network.http_connection_manager
                typed_config:
                  "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
                  stat_prefix: bench
                  route_config: {}
                  http_filters:
        FILTER
                  - name: envoy.filters.http.router
                    typed_config:
                      "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router
        """
    text = textwrap.dedent(listener).replace("FILTER", textwrap.indent(item, " " * 10))
    (dir / "envoy.yaml").write_text(text)
    return dir / "envoy.yaml"


def measure(rows):
    for label, command, runs in rows:
        print(f"  {label:<40} {best(command, runs=runs) * 1000:>9.1f} ms", flush=True)


def main(counts):
    with tempfile.TemporaryDirectory() as name:
        dir = pathlib.Path(name)
        os.environ["XDG_CACHE_HOME"] = str(dir / "cache")
        one(dir)
        mesh = [MESH_COMPILE, "-q", "-f", dir / "mesh.toml"]
        subprocess.run([*mesh, "render"], check=True)
        envoy = [TOOLS / "envoy", "--mode", "validate", "-l", "error", "-c", bootstrap(dir)]
        print("the demo filter with 5 tests")
        verify = [*mesh, "verify"]
        measure(
            [
                ("verify, cold", [*verify, "--no-cache"], 20),
                ("  envoy --mode validate, without tests", envoy, 10),
                ("verify, from the cache", verify, 20),
                ("verify --engine envoy", [*verify, "--envoy", TOOLS / "envoy"], 5),
            ]
        )
    for count in counts:
        with tempfile.TemporaryDirectory() as name:
            dir = pathlib.Path(name)
            os.environ["XDG_CACHE_HOME"] = str(dir / "cache")
            many(dir, count)
            verify = [MESH_COMPILE, "-q", "-f", dir / "mesh.toml", "verify"]
            print(f"{count} workloads that share 3 filters, with one test each")
            measure([("verify, cold", [*verify, "--no-cache"], 3), ("verify, from the cache", verify, 4)])


if __name__ == "__main__":
    main([int(arg) for arg in sys.argv[1:]] or [1000])
