#!/usr/bin/env bash
# Builds what the tests run against from its Go modules, into a folder outside the checkout that is named by
# version: etcd, kube-apiserver and kubectl, and with "cluster" also what a whole cluster needs. Builds only what
# is not there yet.
#
# usage: build.sh [cluster]  prints the folder on its last line
# env:   XDPLB_CACHE         where built things are kept (default: xdplb in the user's cache folder)
set -euo pipefail

KUBERNETES_VERSION=v1.36.3
ETCD_VERSION=v3.6.16

cache=${XDPLB_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/xdplb}
out=$cache/kubernetes-$KUBERNETES_VERSION-etcd-$ETCD_VERSION
work=
# shellcheck source=/dev/null
. "$(dirname "$0")/go.sh"

API_SERVER=(kube-apiserver kubectl)
CLUSTER=(kube-controller-manager kube-scheduler kubelet kube-proxy)
case ${1:-} in
  '') kubernetes=("${API_SERVER[@]}") ;;
  cluster) kubernetes=("${API_SERVER[@]}" "${CLUSTER[@]}") ;;
  *) echo "usage: build.sh [cluster]" >&2; exit 2 ;;
esac

say() { printf '%s\n' "$*" >&2; }

# k8s.io/kubernetes names its staging modules v0.0.0: each is replaced with its own release.
#
# usage: build_kubernetes PROGRAM...
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
  {
    printf 'package main\n\nimport (\n\t_ "k8s.io/kubectl/pkg/cmd"\n'
    for module in kube-apiserver "${CLUSTER[@]}"; do printf '\t_ "k8s.io/kubernetes/cmd/%s/app"\n' "$module"; done
    printf ')\n\nfunc main() {}\n'
  } >main.go
  go mod tidy >/dev/null 2>"$work/tidy.log" || { cat "$work/tidy.log" >&2; return 1; }
  go build -trimpath -ldflags "-s -w -X $version -X $client" -o "$work/bin/" \
    "${@/#/k8s.io/kubernetes/cmd/}"
}

build_etcd() {
  mkdir "$work/etcd"
  cd "$work/etcd"
  printf 'module xdplb.io/testing/etcd\ngo %s.0\n' "$GO_VERSION" >go.mod
  go get "go.etcd.io/etcd/server/v3@$ETCD_VERSION" >/dev/null 2>"$work/etcd.log" || { cat "$work/etcd.log" >&2; return 1; }
  CGO_ENABLED=0 go build -mod=mod -trimpath -ldflags '-s -w' -o "$work/bin/etcd" go.etcd.io/etcd/server/v3
}

mkdir -p "$cache" "$out"
exec 9>"$cache/.kubernetes.lock"
flock 9
missing=()
for program in "${kubernetes[@]}"; do [ -x "$out/$program" ] || missing+=("$program"); done
if [ ${#missing[@]} -gt 0 ] || [ ! -x "$out/etcd" ]; then
  say "building from modules, once: Kubernetes $KUBERNETES_VERSION (${missing[*]:-all there}), etcd $ETCD_VERSION: up to five minutes"
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  mkdir "$work/bin"
  find_go
  export GOFLAGS="${GOFLAGS:-} -buildvcs=false" GOTOOLCHAIN=local
  [ ${#missing[@]} -eq 0 ] || (build_kubernetes "${missing[@]}")
  [ -x "$out/etcd" ] || (build_etcd)
  # Another file system, perhaps: a program is there whole, or not at all.
  for program in "$work"/bin/*; do
    cp "$program" "$out/.${program##*/}"
    mv "$out/.${program##*/}" "$out/${program##*/}"
  done
fi
echo "$out"
