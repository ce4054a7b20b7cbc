# Sourced: the Docker engine. The machine's own is used where it can run a node, that is a privileged container.
# Where it cannot (root lacks a capability, or the engine is too old to know CAP_BPF), or none runs, one of our own
# is started: in a network namespace of its own, so that it touches no bridge and no firewall of the machine, and
# with an OCI runtime that gives privileged containers what can be given (runtime.py).
#
# XDPLB_CLUSTER_ENGINE=host or own settles it.

NETNS=xdplb-cluster
OLDEST_ENGINE=23 # that knows CAP_BPF

# Why the machine's engine cannot be used; nothing if it can.
why_not_host_engine() {
  local version bounding last
  version=$(docker version --format '{{.Server.Version}}' 2>/dev/null) || { echo "no Docker engine answers"; return; }
  [ "${version%%.*}" -ge "$OLDEST_ENGINE" ] || { echo "Docker $version does not know CAP_BPF"; return; }
  bounding=$(awk '/^CapBnd/ { print $2 }' /proc/self/status)
  last=$(cat /proc/sys/kernel/cap_last_cap)
  [ $((16#$bounding)) = $(((1 << (last + 1)) - 1)) ] || echo "root lacks capabilities here, so that Docker refuses privileged containers"
}

# Sets ENGINE to host or own, DOCKER_HOST where it is own, and starts what has to be.
start_engine() {
  local reason
  ENGINE=${XDPLB_CLUSTER_ENGINE:-}
  if [ -z "$ENGINE" ]; then
    reason=$(why_not_host_engine)
    ENGINE=host
    if [ -n "$reason" ]; then
      say "a Docker engine of our own: $reason"
      ENGINE=own
    fi
  fi
  echo "$ENGINE" >"$state/engine"
  [ "$ENGINE" = own ] || return 0
  use_engine
  command -v dockerd >/dev/null || cannot "there is no dockerd to start: install Debian's docker.io (make cluster does)"
  mkdir -p "$engine_files" "$cache/docker"
  ip netns add "$NETNS"
  ip -n "$NETNS" link set lo up
  # Not `ip netns exec`, which hides the cgroups. Names of its own, in case the machine has a containerd.
  setsid nsenter --net="/run/netns/$NETNS" dockerd --host "$DOCKER_HOST" --pidfile "$engine_files/pid" \
    --data-root "$cache/docker" --exec-root "$engine_files/exec" \
    --containerd-namespace xdplb --containerd-plugins-namespace xdplb-plugins \
    --add-runtime "xdplb=$here/runtime.py" --default-runtime xdplb >"$engine_files/log" 2>&1 </dev/null 9>&- &
  await "the Docker engine" 30 docker info || { tail -n 20 "$engine_files/log" >&2; return 1; }
}

# As start_engine left it.
use_engine() {
  engine_files=$state/docker
  if [ "$ENGINE" = own ]; then
    export DOCKER_HOST=unix://$engine_files/socket
  fi
}

# Ends our own engine, and its namespace.
stop_engine() {
  [ "$ENGINE" = own ] || return 0
  local pid
  pid=$(cat "$engine_files/pid" 2>/dev/null || true)
  if [ -n "$pid" ] && tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | grep -qF -- "$engine_files/pid"; then
    kill "$pid"
    for _ in $(seq 200); do [ -d "/proc/$pid" ] || break; sleep 0.1; done
    [ ! -d "/proc/$pid" ] || kill -9 "$pid"
  fi
  grep -oE " $engine_files/[^ ]+" /proc/self/mounts | sort -r | xargs -r umount 2>/dev/null || true
  if [ -e "/run/netns/$NETNS" ]; then
    ip netns del "$NETNS"
  fi
}

# Runs a command where the bridge of the cluster's network is.
at_bridge() {
  if [ "$ENGINE" = own ]; then
    nsenter --net="/run/netns/$NETNS" -- "$@"
  else
    "$@"
  fi
}
