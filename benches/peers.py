#!/usr/bin/env python3
"""Compares mesh-compile with other tools on the same work: N workloads x 3 filters of 300 kB.

    cargo build --release && ./scripts/setup && benches/peers.py [N ...]

Each row is the fastest of several runs, because other work on the machine only makes a run slower.
The other tools: `cp -r` of the same out/ (for a render of everything), `helm template --output-dir` of a chart that
writes the same files, `sha256sum` over the files (for a check), `kubectl kustomize` of out/.
"""
import pathlib
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
MESH_COMPILE = ROOT / "target/release/mesh-compile"
TOOLS = ROOT / "target/tools/bin"
FILTERS = 3
MODULE_SIZE = 300_000
KUSTOMIZE_UP_TO = 300  # it takes 20 s at 1,000


def module(name):
    """The demo filter, padded to MODULE_SIZE with a custom section of random bytes."""
    demo = (ROOT / "filter/example-filter.wasm").read_bytes()
    content = bytes([len(name)]) + name.encode()
    content += random.randbytes(MODULE_SIZE - len(demo) - len(content) - 4)
    size = bytes([len(content) & 0x7F | 0x80, len(content) >> 7 & 0x7F | 0x80, len(content) >> 14])
    return demo + b"\0" + size + content


def spec(dir, workloads):
    random.seed(1)
    lines = []
    for f in range(FILTERS):
        (dir / f"f{f}.wasm").write_bytes(module(f"f{f}"))
        lines += [f"[filters.f{f}]", f'module = "f{f}.wasm"', f'config = {{ header = "x-{f}" }}', ""]
    names = ", ".join(f'"f{f}"' for f in range(FILTERS))
    deployments = []
    for w in range(workloads):
        lines += [f"[workloads.w{w}]", f'selector = {{ app = "w{w}" }}', f"filters = [{names}]", ""]
        deployments.append(
            f"apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: w{w}\n  namespace: default\nspec:\n"
            f"  selector:\n    matchLabels:\n      app: w{w}\n  template:\n    metadata:\n      labels:\n        app: w{w}\n"
            f"    spec:\n      containers:\n      - name: app\n        image: app\n"
        )
    base = dir / "base"
    base.mkdir()
    (base / "deployments.yaml").write_text("---\n".join(deployments))
    (base / "kustomization.yaml").write_text("resources:\n- deployments.yaml\n")
    (dir / "mesh.toml").write_text('[mesh]\nbase = "base"\n\n' + "\n".join(lines))


def chart(dir, out):
    """A chart with the files of out/ as templates, so that helm writes the same bytes."""
    templates = dir / "chart/templates"
    shutil.copytree(out, templates)
    (dir / "chart/Chart.yaml").write_text("apiVersion: v2\nname: peers\nversion: 0.1.0\n")
    for path in (templates / "kustomization.yaml", templates / "mesh.lock"):
        path.unlink()
    return dir / "chart"


def best(command, prepare=lambda: None, runs=5):
    times = []
    for _ in range(runs):
        prepare()
        start = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        times.append(time.perf_counter() - start)
    return min(times)


def measure(workloads):
    with tempfile.TemporaryDirectory() as name:
        dir = pathlib.Path(name)
        spec(dir, workloads)
        out, copy, helm_out = dir / "out", dir / "copy", dir / "helm-out"
        render = [MESH_COMPILE, "-q", "-f", dir / "mesh.toml", "render"]

        def without(path):
            return lambda: shutil.rmtree(path, ignore_errors=True)

        rows = [("render, all new", best(render, without(out)))]
        rows.append(("  cp -r of out/", best(["cp", "-r", out, copy], without(copy))))
        rows.append(("render, up to date", best(render)))
        helm = [TOOLS / "helm", "template", chart(dir, out), "--output-dir", helm_out]
        rows.append(("  helm template --output-dir", best(helm)))
        rows.append(("check, unchanged", best([MESH_COMPILE, "-q", "-f", dir / "mesh.toml", "check"])))
        rows.append(("  sha256sum of the files", best(["sh", "-c", f"find '{out}' -type f -print0 | xargs -0 sha256sum"])))
        if workloads <= KUSTOMIZE_UP_TO:
            rows.append(("  kubectl kustomize out", best([TOOLS / "kubectl", "kustomize", out], runs=1)))
        print(f"{workloads} workloads x {FILTERS} filters")
        for label, seconds in rows:
            print(f"  {label:<30} {seconds * 1000:>9.1f} ms")


if __name__ == "__main__":
    for count in [int(arg) for arg in sys.argv[1:]] or [10, 100, 1000, 10000]:
        measure(count)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"peak memory of a process, including the other tools: {peak:.0f} MB")
