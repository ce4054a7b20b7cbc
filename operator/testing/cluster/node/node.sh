#!/usr/bin/env bash
# The first process of a node's container: containerd, kubelet, kube-proxy, and the network of the node's pods.
#
# env: NODE, ADDRESSES, POD_RANGES, PODS4 and PODS6 (this node's part of them),
#      ROUTES (of the other nodes: "RANGE ADDRESS" a line)
set -euo pipefail
export PATH=/opt/kubernetes:$PATH
logs=/var/log/xdplb
mkdir -p "$logs" /etc/cni/net.d
trap 'exit 0' TERM

mount --make-rshared /
mountpoint -q /sys/fs/bpf || mount -t bpf bpf /sys/fs/bpf
# cgroup v2 gives controllers only to groups that have no processes of their own.
if [ "$(stat -fc %T /sys/fs/cgroup)" = cgroup2fs ]; then
  mkdir -p /sys/fs/cgroup/init
  xargs -rn1 </sys/fs/cgroup/cgroup.procs >/sys/fs/cgroup/init/cgroup.procs || true
  sed -e 's/ / +/g' -e 's/^/+/' </sys/fs/cgroup/cgroup.controllers >/sys/fs/cgroup/cgroup.subtree_control
fi

# veth hands packets of the local stack on with half a checksum, which native XDP cannot tell from a whole one.
ethtool -K eth0 tx off >/dev/null

# The pods' network: a bridge, routes to the other nodes' pods, and masquerading towards all that is no pod, as
# most CNIs do it.
rm -rf /var/lib/cni/networks
cat >/etc/cni/net.d/10-xdplb.conflist <<CNI
{"cniVersion": "0.4.0", "name": "pods", "plugins": [
  {"type": "bridge", "bridge": "cni0", "isGateway": true, "hairpinMode": true,
   "ipam": {"type": "host-local", "ranges": [[{"subnet": "$PODS4"}], [{"subnet": "$PODS6"}]],
            "routes": [{"dst": "0.0.0.0/0"}, {"dst": "::/0"}]}},
  {"type": "portmap", "capabilities": {"portMappings": true}}]}
CNI
while read -r range address; do
  [ -z "$range" ] || ip route replace "$range" via "$address"
done <<<"$ROUTES"
nft -f - <<NFT
table inet pods
delete table inet pods
table inet pods {
  chain postrouting {
    type nat hook postrouting priority srcnat
    ip saddr $PODS4 ip daddr != ${POD_RANGES%,*} masquerade
    ip6 saddr $PODS6 ip6 daddr != ${POD_RANGES#*,} masquerade
  }
}
NFT

containerd --config /etc/xdplb/containerd.toml >"$logs/containerd.log" 2>&1 &
for _ in $(seq 100); do ctr version >/dev/null 2>&1 && break; sleep 0.1; done
for image in /images/*.tar; do ctr -n k8s.io images import "$image" >>"$logs/images.log" 2>&1; done

cat >/run/kubelet.yaml <<KUBELET
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
authentication:
  anonymous: {enabled: false}
  webhook: {enabled: true}
  x509: {clientCAFile: /keys/ca.crt}
authorization: {mode: Webhook}
tlsCertFile: /keys/$NODE.crt
tlsPrivateKeyFile: /keys/$NODE.key
containerRuntimeEndpoint: unix:///run/containerd/containerd.sock
cgroupDriver: cgroupfs
failCgroupV1: false
failSwapOn: false
resolvConf: ""
nodeStatusUpdateFrequency: 5s
shutdownGracePeriod: 0s
# The disk is the machine's: how full it is says nothing about this node.
imageGCHighThresholdPercent: 100
evictionHard: {nodefs.available: "0%", nodefs.inodesFree: "0%", imagefs.available: "0%"}
KUBELET
kubelet --config=/run/kubelet.yaml --kubeconfig="/keys/$NODE.kubeconfig" --hostname-override="$NODE" \
  --node-ip="$ADDRESSES" --v=2 >"$logs/kubelet.log" 2>&1 &

# conntrack: zeros leave the machine's own settings as they are.
cat >/run/kube-proxy.yaml <<PROXY
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
clientConnection: {kubeconfig: /keys/kube-proxy.kubeconfig}
hostnameOverride: $NODE
mode: $PROXY_MODE
clusterCIDR: $POD_RANGES
detectLocalMode: ClusterCIDR
conntrack: {maxPerCore: 0, min: 0, tcpEstablishedTimeout: 0s, tcpCloseWaitTimeout: 0s}
PROXY
kube-proxy --config=/run/kube-proxy.yaml --v=2 >"$logs/kube-proxy.log" 2>&1 &

wait -n || true
echo "a part of the node has ended:"
tail -n 5 "$logs"/*.log
exit 1
