#!/usr/bin/env bash
# The first process of the control plane's container.
#
# env: ADDRESS, SERVICE_RANGES, POD_RANGES
set -euo pipefail
export PATH=/opt/kubernetes:$PATH
logs=/var/log/xdplb
mkdir -p "$logs"
trap 'exit 0' TERM

# In memory and never synced: this cluster is not to outlive its container.
etcd --data-dir /var/lib/etcd --unsafe-no-fsync \
  --listen-client-urls http://127.0.0.1:2379 --advertise-client-urls http://127.0.0.1:2379 \
  --listen-peer-urls http://127.0.0.1:2380 --initial-advertise-peer-urls http://127.0.0.1:2380 \
  --initial-cluster default=http://127.0.0.1:2380 >"$logs/etcd.log" 2>&1 &

kube-apiserver --etcd-servers=http://127.0.0.1:2379 --advertise-address="$ADDRESS" \
  --service-cluster-ip-range="$SERVICE_RANGES" --authorization-mode=Node,RBAC \
  --enable-admission-plugins=NodeRestriction --allow-privileged=true \
  --client-ca-file=/keys/ca.crt --tls-cert-file=/keys/apiserver.crt --tls-private-key-file=/keys/apiserver.key \
  --kubelet-client-certificate=/keys/kubelet-client.crt --kubelet-client-key=/keys/kubelet-client.key \
  --kubelet-certificate-authority=/keys/ca.crt --kubelet-preferred-address-types=InternalIP \
  --service-account-issuer=https://kubernetes.default.svc \
  --service-account-key-file=/keys/sa.pub --service-account-signing-key-file=/keys/sa.key \
  >"$logs/kube-apiserver.log" 2>&1 &

until curl -sf --cacert /keys/ca.crt "https://$ADDRESS:6443/readyz" >/dev/null; do
  [ "$(jobs -rp | wc -l)" = 2 ] || break
  sleep 0.1
done

# A node that is gone is noticed after 10 s instead of 50: tests wait for it.
kube-controller-manager --kubeconfig=/keys/controller-manager.kubeconfig --use-service-account-credentials \
  --authentication-kubeconfig=/keys/controller-manager.kubeconfig \
  --authorization-kubeconfig=/keys/controller-manager.kubeconfig \
  --service-account-private-key-file=/keys/sa.key --root-ca-file=/keys/ca.crt \
  --cluster-cidr="$POD_RANGES" --service-cluster-ip-range="$SERVICE_RANGES" --allocate-node-cidrs=false \
  --leader-elect=false --node-monitor-period=1s --node-monitor-grace-period=10s \
  >"$logs/kube-controller-manager.log" 2>&1 &

kube-scheduler --kubeconfig=/keys/scheduler.kubeconfig --authentication-kubeconfig=/keys/scheduler.kubeconfig \
  --authorization-kubeconfig=/keys/scheduler.kubeconfig --leader-elect=false >"$logs/kube-scheduler.log" 2>&1 &

wait -n || true
echo "a part of the control plane has ended:"
tail -n 5 "$logs"/*.log
exit 1
