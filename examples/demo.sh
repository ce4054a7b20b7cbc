#!/usr/bin/env bash
# Real connections, balanced in XDP: a client, the load balancer and web servers, each a network
# namespace of its own, on one bridge. Takes some twenty seconds, ends by itself, leaves nothing behind.
# `make demo` builds what it needs and runs it; it needs root.
set -euo pipefail
cd "$(dirname "$0")/.."

PROGRAM=$PWD/operator/cli/target/xdplb
VIP4=203.0.113.10
VIP6=2001:db8:0:2::10
REQUESTS=40

id=xl-demo-$$
pins=/sys/fs/bpf/$id
folder=$(mktemp -d)
manifests=$folder/manifests
declare -A pids

if [ -t 1 ]; then
  bold=$'\e[1m' green=$'\e[32m' cyan=$'\e[36m' red=$'\e[31m' dim=$'\e[2m' plain=$'\e[0m'
else
  bold='' green='' cyan='' red='' dim='' plain=''
fi

step() { printf '\n%s%s%s\n' "$bold$cyan" "$*" "$plain"; }
say() { printf '%s\n' "$*"; }
fail() { printf '%s%s%s\n' "$red" "$*" "$plain" >&2; exit 1; }

[ "$(id -u)" = 0 ] || fail "the demo makes network namespaces and loads an XDP program: run it as root (sudo make demo)"
[ -x "$PROGRAM" ] || fail "$PROGRAM is missing: run 'make build' first"

# Runs a command in the namespace of a host. Not `ip netns exec`, which hides /sys/fs/bpf.
on() { local host=$1; shift; nsenter --net="/run/netns/$id-$host" -- "$@"; }

# start NAME HOST COMMAND...: the same in the background, to be ended by its name
start() {
  local name=$1 host=$2
  shift 2
  nsenter --net="/run/netns/$id-$host" -- "$@" >"$folder/$name.log" 2>&1 </dev/null &
  pids[$name]=$!
}

stop() {
  kill "${pids[$1]}" 2>/dev/null || true
  wait "${pids[$1]}" 2>/dev/null || true
  unset "pids[$1]"
}

clean() {
  local status=$?
  trap - EXIT INT TERM
  set +e
  for name in "${!pids[@]}"; do stop "$name"; done
  [ -e "/run/netns/$id-lb" ] && [ -d "$pins" ] && on lb "$PROGRAM" detach --pin-path "$pins" >/dev/null 2>&1
  [ -d "$pins" ] && rm -rf "$pins"
  for netns in /run/netns/"$id"-*; do [ -e "$netns" ] && ip netns del "${netns##*/}"; done
  [ $status -ne 0 ] && [ -f "$folder/standalone.log" ] && { echo; tail -n 20 "$folder/standalone.log"; }
  rm -rf "$folder"
  [ $status -eq 0 ] || printf '%sthe demo failed%s\n' "$red" "$plain" >&2
  exit $status
}
trap clean EXIT
trap 'exit 130' INT TERM

# host NAME LAST_OCTET: a namespace on the bridge with 198.51.100.N and 2001:db8:0:1::N
host() {
  local name=$1 number=$2
  ip netns add "$id-$name"
  on switch ip link add "$name" type veth peer name eth0 netns "$id-$name"
  on switch ip link set "$name" master br0 up
  on "$name" ip link set lo up
  on "$name" ip address add "198.51.100.$number/24" dev eth0
  on "$name" ip address add "2001:db8:0:1::$number/64" dev eth0 nodad
  on "$name" ip link set eth0 up
  # XDP sees a local packet before its checksum is filled in; a packet from a wire has one
  on "$name" ethtool -K eth0 tx off >/dev/null
}

# server NAME LAST_OCTET: nginx that answers with its name
server() {
  local name=$1 number=$2
  host "$name" "$number"
  mkdir -p "$folder/$name"
  cat >"$folder/$name/nginx.conf" <<NGINX
daemon off; worker_processes 1; pid $folder/$name/pid; error_log $folder/$name/error.log;
events {}
http {
  access_log off;
  client_body_temp_path $folder/$name; proxy_temp_path $folder/$name; fastcgi_temp_path $folder/$name;
  uwsgi_temp_path $folder/$name; scgi_temp_path $folder/$name;
  server { listen 80; listen [::]:80; return 200 "Hostname: $name\n"; }
}
NGINX
  start "$name" "$name" nginx -e "$folder/$name/error.log" -c "$folder/$name/nginx.conf"
}

# manifest NUMBER...: a LoadBalancer over the servers with these last octets
manifest() {
  local addresses='' number
  for number in "$@"; do addresses+="\"198.51.100.$number\", \"2001:db8:0:1::$number\", "; done
  cat >"$folder/web.yaml" <<YAML
apiVersion: xdplb.io/v1alpha1
kind: LoadBalancer
metadata: {name: web}
spec:
  addresses: {requested: ["$VIP4", "$VIP6"]}
  listeners:
  - name: http
    protocol: TCP
    port: 80
    backends:
    - static: {addresses: [${addresses%, }], port: 80}
  drain: {gracePeriod: 0s}
YAML
  mv "$folder/web.yaml" "$manifests/web.yaml"
}

get() { on client curl -gsf --noproxy '*' --max-time 1 "http://$1/"; }

# until_ok SECONDS COMMAND...
until_ok() {
  local deadline=$(($(date +%s) + $1))
  shift
  until "$@" >/dev/null 2>&1; do
    [ "$(date +%s)" -lt $deadline ] || return 1
    sleep 0.05
  done
}

# who: asks both addresses many times and prints who answered how often
who() {
  local address n=0
  for address in "$VIP4" "[$VIP6]"; do
    printf '  %-22s' "$address"
    for ((n = 0; n < REQUESTS; n++)); do get "$address" || echo "Hostname: (nobody)"; done |
      awk -v green="$green" -v plain="$plain" '{count[$2 ($3 ? " " $3 : "")]++}
        END {for (name in count) printf "%s%s%s × %d   ", green, name, plain, count[name]; print ""}'
  done
}

answered_by() { for _ in $(seq 30); do get "$VIP4" || echo nobody; done | grep "$1" >/dev/null; }
not_answered_by() { ! answered_by "$1"; }

step "1. A client, a load balancer, two web servers on one switch"
ip netns add "$id-switch"
on switch ip link add br0 type bridge mcast_snooping 0
on switch ip link set br0 up
host client 10
host lb 1
server http1 101
server http2 102
on client ip route add 203.0.113.0/24 via 198.51.100.1
on client ip route add 2001:db8:0:2::/64 via 2001:db8:0:1::1
on lb sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
# a virtual Ethernet delivers what XDP sends back only if its other end has an XDP program as well
printf '#include <linux/bpf.h>\n__attribute__((section("xdp"), used)) int pass(struct xdp_md *c) { return XDP_PASS; }\n' |
  clang -target bpf -O2 -I"/usr/include/$(uname -m)-linux-gnu" -x c -c - -o "$folder/pass.o"
on switch unshare -m sh -c "mount -t bpf bpf /sys/fs/bpf && ip link set dev lb xdpdrv obj $folder/pass.o sec xdp"
say "  client 198.51.100.10 ── lb 198.51.100.1 ── http1 198.51.100.101, http2 198.51.100.102 (and IPv6)"
say "  The client routes $VIP4 and $VIP6 to lb, which has no such address: only XDP knows them."

step "2. xdplb standalone watches a folder of manifests"
mkdir "$manifests"
start standalone lb "$PROGRAM" standalone "$manifests" --interface eth0 --pin-path "$pins"
until_ok 20 test -e "$pins/links/eth0" || fail "standalone did not attach its program within 20 s"
say "  its XDP program is attached to eth0"

step "3. A LoadBalancer is dropped into the folder"
manifest 101 102
sed "s/^/  $dim/; s/\$/$plain/" "$manifests/web.yaml"
until_ok 10 get "$VIP4" || fail "no answer from $VIP4 within 10 s"
until_ok 10 get "[$VIP6]" || fail "no answer from $VIP6 within 10 s"
say "  Real HTTP, $REQUESTS connections to each address:"
who

step "4. What the kernel's maps say: xdplb status"
on lb "$PROGRAM" status --pin-path "$pins"

step "5. A third server joins: one more address in the manifest"
server http3 103
until_ok 10 on http3 curl -gsf --noproxy '*' http://127.0.0.1/ || fail "http3 did not start"
manifest 101 102 103
until_ok 10 answered_by http3 || fail "http3 got no connection within 10 s"
who

step "6. http1 dies: its share of the connections is refused, the others do not notice"
stop http1
who

step "7. http1 is taken out of the manifest: traffic goes to the living"
manifest 102 103
until_ok 10 not_answered_by nobody || fail "connections still fail 10 s after http1 was taken out"
who
for _ in $(seq 30); do get "$VIP4" >/dev/null || fail "a connection failed after http1 was taken out"; done

step "8. A broken manifest disturbs nobody"
printf 'apiVersion: xdplb.io/v1alpha1\nkind: LoadBalancer\nmetadata: {name: broken}\nspec: {addresses: {requested: ["203.0.113.999"]}, listeners: []}\n' >"$manifests/broken.yaml"
until_ok 10 grep -q broken.yaml "$folder/standalone.log" || fail "standalone said nothing of broken.yaml"
grep broken.yaml "$folder/standalone.log" | head -n 3 | sed "s/^/  $dim/; s/\$/$plain/"
get "$VIP4" | sed 's/^/  still answering: /'

printf '\n%sDone.%s All of it is gone again: namespaces, servers, program, maps.\n' "$bold" "$plain"
