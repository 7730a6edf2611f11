// istiod is built in the directory of its own module, with the versions of its own go.mod.
module mesh-compile/tests/cluster/istio

go 1.26.0

require istio.io/istio v0.0.0-20260827124520-eed52ebb66ad
