# Sourced: the image of control plane and nodes (Debian packages, nothing of Kubernetes), and those of the pods that
# tests run. No registry: mmdebstrap and Go.

NODE_PACKAGES=(containerd runc containernetworking-plugins iptables nftables iproute2 conntrack kmod mount procps
  curl ethtool tcpdump iputils-ping ca-certificates)
SUITE=bookworm # the programs of Kubernetes are linked with this machine's C library: not older than that

# Sets NODE_IMAGE, and makes it unless the engine has it.
node_image() {
  NODE_IMAGE=xdplb.io/testing/node:$(sha256sum "$here/images.sh" | cut -c1-12)
  docker image inspect "$NODE_IMAGE" >/dev/null 2>&1 && return
  say "making the nodes' image from Debian packages, once: about a minute"
  local mirror
  mirror=$(awk '/^URIs:/ { print $2; exit } /^deb / { for (i = 2; i <= NF; i++) if ($i ~ /^http/) { print $i; exit } }' \
    /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list 2>/dev/null || true)
  mmdebstrap --variant=minbase --aptopt='APT::Install-Recommends "false"' --include="$(IFS=,; echo "${NODE_PACKAGES[*]}")" \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
    "$SUITE" - ${mirror:+"$mirror"} 2>"$state/image.log" </dev/null |
    docker import - "$NODE_IMAGE" >/dev/null || {
    tail -n 20 "$state/image.log" >&2
    docker rmi "$NODE_IMAGE" >/dev/null 2>&1 || true # half of one, perhaps
    return 1
  }
  docker images --format '{{.Repository}}:{{.Tag}}' xdplb.io/testing/node | grep -vxF "$NODE_IMAGE" |
    xargs -r docker rmi >/dev/null
}

# Sets POD_IMAGES to a folder of image archives, and makes them unless they are there.
pod_images() {
  local sources name work
  sources=$(cat "$here"/images/*/main.go "$here"/images/*/go.mod | sha256sum | cut -c1-12)
  POD_IMAGES=$cache/pod-images-$sources
  [ ! -d "$POD_IMAGES" ] || return 0
  find_go
  work=$(mktemp -d "$cache/.pod-images.XXXXXX")
  for name in pause echo; do
    mkdir "$work/$name"
    (cd "$here/images/$name" && CGO_ENABLED=0 GOTOOLCHAIN=local go build -buildvcs=false -trimpath -ldflags '-s -w' -o "$work/$name/$name" .)
    tar -C "$work/$name" --numeric-owner -c "$name" |
      docker import --change "ENTRYPOINT [\"/$name\"]" - "xdplb.io/testing/$name:1" >/dev/null
    docker save -o "$work/$name.tar" "xdplb.io/testing/$name:1"
    rm -r "${work:?}/$name"
  done
  chmod 755 "$work"
  mv "$work" "$POD_IMAGES"
}
