#!/usr/bin/env python3
"""Measures the images of large modules: `image` of one module of 10 MB, and `render` with 20 of them.

    cargo build --release && benches/images.py [--program FILE] [--runs N]

Each row is the fastest of several runs, because other work on the machine only makes a run slower. The other tools read the same
modules: `sha256sum`, which hashes them, and `cat`.
The program fails if `image` takes longer than 0.3 s, or writes other bytes in a second run.
"""
import argparse
import pathlib
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
MODULES = 20
MODULE_SIZE = 10_000_000
# The longest time of `image` of one module, in seconds.
LIMIT = 0.3

SPEC = """\
[mesh]
kubernetes = "1.35"

[defaults.filters]
source = "image"
image = "registry.example.com/filters/{{{{ filter.name }}}}"

{filters}
[workloads.web]
selector = {{ app = "web" }}
filters = [{names}]
"""


def leb128(number):
    """A number in WebAssembly, in four bytes."""
    return bytes([number & 0x7F | 0x80, number >> 7 & 0x7F | 0x80, number >> 14 & 0x7F | 0x80, number >> 21])


def module(name):
    """The demo filter, padded to MODULE_SIZE with a custom section of random bytes."""
    demo = (ROOT / "filter/example-filter.wasm").read_bytes()
    content = bytes([len(name)]) + name.encode()
    content += random.randbytes(MODULE_SIZE - len(demo) - len(content) - 5)
    return demo + b"\0" + leb128(len(content)) + content


def project(dir, modules):
    """Filters with a module each, on one workload. Returns the files of the modules."""
    random.seed(1)
    dir.mkdir()
    names = [f"f{number}" for number in range(modules)]
    for name in names:
        (dir / f"{name}.wasm").write_bytes(module(name))
    filters = "".join(f'[filters.{name}]\nmodule = "{name}.wasm"\nconfig = {{ header = "x-{name}" }}\n\n' for name in names)
    quoted = ", ".join(f'"{name}"' for name in names)
    (dir / "mesh.toml").write_text(SPEC.format(filters=filters, names=quoted))
    return [dir / f"{name}.wasm" for name in names]


def best(runs, command, prepare=lambda: None):
    times = []
    for _ in range(runs):
        prepare()
        start = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        times.append(time.perf_counter() - start)
    return min(times)


def row(label, seconds):
    print(f"  {label:<30} {seconds * 1000:>9.1f} ms", flush=True)


def contents(dir):
    return {path.relative_to(dir): path.read_bytes() for path in dir.rglob("*") if path.is_file()}


def without(path):
    return lambda: shutil.rmtree(path, ignore_errors=True)


def measure_image(program, dir, runs):
    """Why `image` of one module fails, or nothing."""
    modules = project(dir, 1)
    layout = dir / "images"
    command = [program, "-q", "-f", dir / "mesh.toml", "image", "--output", layout]
    print(f"a module of {MODULE_SIZE:,} bytes")
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    first = contents(layout)
    seconds = best(runs, command, without(layout))
    row("image, new", seconds)
    if contents(layout) != first:
        yield "a second run of `image` writes other bytes"
    row("image, over the same layout", best(runs, command))
    if contents(layout) != first:
        yield "`image` over its own layout writes other bytes"
    row("  sha256sum", best(runs, ["sha256sum", *modules]))
    row("  cp", best(runs, ["cp", *modules, dir / "copy"]))
    if seconds > LIMIT:
        yield f"`image` takes {seconds:.3f} s, longer than {LIMIT} s"


def measure_render(program, dir, runs):
    modules = project(dir, MODULES)
    mesh = [program, "-q", "-f", dir / "mesh.toml"]
    print(f"{MODULES} modules of {MODULE_SIZE:,} bytes in images")
    row("render, all new", best(runs, [*mesh, "render"], without(dir / "out")))
    row("render, up to date", best(runs, [*mesh, "render"]))
    row("check", best(runs, [*mesh, "check"]))
    row("image, new", best(runs, [*mesh, "image", "--output", dir / "images"], without(dir / "images")))
    row("  sha256sum", best(runs, ["sha256sum", *modules]))
    row("  cat", best(runs, ["cat", *modules]))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--program", type=pathlib.Path, default=ROOT / "target/release/mesh-compile")
    parser.add_argument("--runs", type=int, default=5)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        dir = pathlib.Path(name)
        failures = list(measure_image(arguments.program, dir / "one", arguments.runs))
        measure_render(arguments.program, dir / "many", arguments.runs)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"peak memory of a process, including the other tools: {peak:.0f} MB")
    for failure in failures:
        print(failure, file=sys.stderr)
    sys.exit(bool(failures))


if __name__ == "__main__":
    main()
