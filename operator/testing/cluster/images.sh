# Sourced: the image of control plane and nodes (Debian packages, nothing of Kubernetes), and those of the pods that
# tests run. No registry: debootstrap and Go.

NODE_PACKAGES=(containerd runc containernetworking-plugins iptables nftables iproute2 conntrack kmod mount procps
  curl ethtool tcpdump iputils-ping ca-certificates)
SUITE=bookworm # the programs of Kubernetes are linked with this machine's C library: not older than that

# Sets NODE_IMAGE, and makes it unless the engine has it.
node_image() {
  NODE_IMAGE=xdplb.io/testing/node:$(echo "$SUITE ${NODE_PACKAGES[*]}" | sha256sum | cut -c1-12)
  docker image inspect "$NODE_IMAGE" >/dev/null 2>&1 && return
  say "making the nodes' image from Debian packages, once: about a minute"
  local root=$cache/node-root mirror
  mirror=$(awk '/^URIs:/ { print $2; exit } /^deb / { for (i = 2; i <= NF; i++) if ($i ~ /^http/) { print $i; exit } }' \
    /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list 2>/dev/null || true)
  rm -rf "$root"
  {
    debootstrap --variant=minbase "$SUITE" "$root" ${mirror:+"$mirror"} &&
      DEBIAN_FRONTEND=noninteractive chroot "$root" apt-get install -y --no-install-recommends "${NODE_PACKAGES[@]}"
  } >"$state/image.log" 2>&1 </dev/null || { tail -n 20 "$state/image.log" >&2; return 1; }
  tar -C "$root" --numeric-owner --exclude='./var/cache/apt/*' --exclude='./var/lib/apt/lists/*' \
    --exclude='./usr/share/doc/*' -c . | docker import - "$NODE_IMAGE" >/dev/null
  rm -rf "$root"
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
