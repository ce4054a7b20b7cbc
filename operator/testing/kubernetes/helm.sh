#!/usr/bin/env bash
# Builds helm from its Go module, as build.sh beside this does with the control plane: once, into a folder outside
# the checkout that is named by version.
#
# usage: helm.sh             prints the program's path on its last line
# env:   XDPLB_CACHE         where built things are kept (default: xdplb in the user's cache folder)
set -euo pipefail

HELM_VERSION=v3.22.0

cache=${XDPLB_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/xdplb}
out=$cache/helm-$HELM_VERSION
work=
# shellcheck source=/dev/null
. "$(dirname "$0")/go.sh"

say() { printf '%s\n' "$*" >&2; }

# Charts may ask which Kubernetes and which Helm render them: both are told from the module's own versions.
build_helm() {
  local version=helm.sh/helm/v3/internal/version.version=$HELM_VERSION client minor
  cd "$work"
  printf 'module xdplb.io/testing/helm\ngo %s.0\n' "$GO_VERSION" >go.mod
  go get "helm.sh/helm/v3/cmd/helm@$HELM_VERSION" >/dev/null 2>"$work/get.log" || { cat "$work/get.log" >&2; return 1; }
  client=$(go list -m -f '{{.Version}}' k8s.io/client-go) # v0.36.1: of Kubernetes 1.36
  minor=${client#v0.}
  minor=${minor%%.*}
  CGO_ENABLED=0 go build -mod=mod -trimpath -o "$work/helm.built" -ldflags "-s -w -X $version
    -X helm.sh/helm/v3/pkg/chartutil.k8sVersionMajor=1 -X helm.sh/helm/v3/pkg/chartutil.k8sVersionMinor=$minor
    -X helm.sh/helm/v3/pkg/lint/rules.k8sVersionMajor=1 -X helm.sh/helm/v3/pkg/lint/rules.k8sVersionMinor=$minor" \
    helm.sh/helm/v3/cmd/helm
}

mkdir -p "$cache"
exec 9>"$cache/.helm.lock"
flock 9
if ! [ -x "$out/helm" ]; then
  say "building helm $HELM_VERSION from its module, once: about a minute"
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  find_go
  export GOFLAGS="${GOFLAGS:-} -buildvcs=false" GOTOOLCHAIN=local
  (build_helm)
  mkdir -p "$out"
  mv "$work/helm.built" "$out/helm"
fi
echo "$out/helm"
