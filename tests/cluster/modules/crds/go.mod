// Only their custom resource definitions are used.
module mesh-compile/tests/cluster/crds

go 1.26.0

require (
	github.com/argoproj/argo-rollouts v1.9.1
	knative.dev/serving v0.51.0
	sigs.k8s.io/gateway-api v1.6.0
)
