#!/usr/bin/env python3
"""Compares reading and linking a base with `kubectl kustomize` of a tenth of it.

    cargo build --release && ./scripts/setup && benches/base.py [--program FILE] [--runs N] [WORKLOADS ...]

A base of N workloads is a kustomization of N / 25 files, each with Deployments, Services and ServiceAccounts as public
repositories write them. `one` patches one workload, so that the time is that of the base; `all` covers every workload with a
binding of three lines. Each row is the fastest of several runs, because other work on the machine only makes a run slower.
The program fails if reading and linking N workloads takes longer than `kubectl kustomize` of N / 10, or is not linear.
"""
import argparse
import pathlib
import resource
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
TOOLS = ROOT / "target/tools/bin"
PER_FILE = 25
NAMESPACES = 20
# Ten times the base may take this many times as long.
LINEAR = 14

WORKLOAD = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {name}
  namespace: {namespace}
  labels:
    app: {name}
spec:
  replicas: 2
  selector:
    matchLabels:
      app: {name}
  template:
    metadata:
      labels:
        app: {name}
        version: v1
      annotations:
        prometheus.io/scrape: "true"
        prometheus.io/port: "8080"
    spec:
      serviceAccountName: {name}
      containers:
      - name: app
        image: example.com/{name}:1.0
        ports:
        - name: http
          containerPort: 8080
        env:
        - name: LOG_LEVEL
          value: info
        readinessProbe:
          httpGet:
            path: /readyz
            port: http
        resources:
          requests:
            cpu: 100m
            memory: 64Mi
        volumeMounts:
        - name: tmp
          mountPath: /tmp
      volumes:
      - name: tmp
        emptyDir: {{}}
---
apiVersion: v1
kind: Service
metadata:
  name: {name}
  namespace: {namespace}
spec:
  selector:
    app: {name}
  ports:
  - name: http
    port: 80
    targetPort: http
---
apiVersion: v1
kind: ServiceAccount
metadata:
  name: {name}
  namespace: {namespace}
"""

SPEC = """\
[mesh]
base = "base"

[filters.demo]
module = "demo.wasm"

[[bindings]]
filters = ["demo"]
workloads = ["{workloads}"]
"""


def base(dir, workloads):
    """A kustomization, and the two mesh.toml over it."""
    (dir / "base").mkdir(parents=True)
    files = []
    for first in range(0, workloads, PER_FILE):
        documents = [
            WORKLOAD.format(name=f"w{w}", namespace=f"team-{w % NAMESPACES}")
            for w in range(first, min(first + PER_FILE, workloads))
        ]
        files.append(f"part-{first // PER_FILE}.yaml")
        (dir / "base" / files[-1]).write_text("---\n".join(documents))
    resources = "".join(f"- {file}\n" for file in files)
    (dir / "base/kustomization.yaml").write_text(f"resources:\n{resources}")
    shutil.copy(ROOT / "filter/example-filter.wasm", dir / "demo.wasm")
    for name, pattern in [("one", "w0"), ("all", "*")]:
        spec = SPEC.format(workloads=pattern)
        (dir / f"{name}.toml").write_text(f'{spec}\n[output]\ndir = "{name}"\n')


def best(command, runs):
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        times.append(time.perf_counter() - start)
    return min(times)


def measure(program, dir, workloads, runs):
    """The times of `one` and of kustomize, in seconds, for a base of `workloads` and of a tenth."""
    times = {}
    for count in [max(workloads // 10, 1), workloads]:
        base(dir / str(count), count)
        files = -(-count // PER_FILE)
        print(f"{count} workloads in {files} files")
        mesh = [program, "-q", "-f"]
        for name in ["one", "all"]:
            spec = dir / str(count) / f"{name}.toml"
            subprocess.run([*mesh, spec, "render"], check=True)
            times[name, count] = best([*mesh, spec, "check"], runs)
            print(f"  {'check, binding of ' + name:<30} {times[name, count] * 1000:>9.1f} ms", flush=True)
    tenth = max(workloads // 10, 1)
    kustomize = best([TOOLS / "kubectl", "kustomize", dir / str(tenth) / "base"], 1)
    print(f"  {f'kubectl kustomize of {tenth}':<30} {kustomize * 1000:>9.1f} ms")
    return times["one", workloads], times["one", tenth], kustomize


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--program", type=pathlib.Path, default=ROOT / "target/release/mesh-compile")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("workloads", type=int, nargs="*", default=[10_000])
    arguments = parser.parse_args()
    failed = False
    for workloads in arguments.workloads:
        with tempfile.TemporaryDirectory() as name:
            all, tenth, kustomize = measure(arguments.program, pathlib.Path(name), workloads, arguments.runs)
        if workloads < 1_000:
            continue  # the start of a process outweighs the base
        if all >= kustomize:
            print(f"slower than kubectl kustomize of a tenth: {all:.3f} s, not {kustomize:.3f} s", file=sys.stderr)
            failed = True
        if all > LINEAR * tenth:
            print(f"not linear: {all:.3f} s for ten times the base of {tenth:.3f} s", file=sys.stderr)
            failed = True
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"peak memory of a process, including kubectl: {peak:.0f} MB")
    sys.exit(failed)


if __name__ == "__main__":
    main()
