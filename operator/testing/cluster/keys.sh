# Sourced: the cluster's certificates and kubeconfigs, in $keys.

make_keys() {
  local i name
  mkdir -p "$keys"
  key ca
  openssl req -x509 -new -key "$keys/ca.key" -days 30 -subj /CN=xdplb-cluster -out "$keys/ca.crt" \
    -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign
  key sa
  openssl ec -in "$keys/sa.key" -pubout -out "$keys/sa.pub" 2>/dev/null
  certificate apiserver /CN=kube-apiserver \
    "IP:$LAN4.$CONTROL_PLANE,IP:127.0.0.1,IP:$FIRST_SERVICE,DNS:kubernetes.default.svc,DNS:kubernetes.default,DNS:kubernetes"
  certificate kubelet-client /O=system:masters/CN=apiserver-kubelet-client
  certificate admin /O=system:masters/CN=admin
  for name in controller-manager scheduler proxy; do certificate kube-$name /CN=system:kube-$name; done
  kubeconfig controller-manager kube-controller-manager
  kubeconfig scheduler kube-scheduler
  kubeconfig kube-proxy kube-proxy
  for i in $(seq "$NODES"); do
    name=$(node_name "$i")
    certificate "$name" "/O=system:nodes/CN=system:node:$name" "DNS:$name,IP:$(node4 "$i"),IP:$(node6 "$i")"
    kubeconfig "$name" "$name"
  done
}

# usage: key NAME
key() {
  (umask 077 && openssl ecparam -name prime256v1 -genkey -noout -out "$keys/$1.key")
}

# usage: certificate NAME SUBJECT [ALTERNATIVE NAMES]
certificate() {
  key "$1"
  openssl req -new -key "$keys/$1.key" -subj "$2" |
    openssl x509 -req -CA "$keys/ca.crt" -CAkey "$keys/ca.key" -CAcreateserial -days 30 -out "$keys/$1.crt" -extfile <(
      echo "extendedKeyUsage=clientAuth,serverAuth"
      echo "keyUsage=digitalSignature"
      [ -z "${3:-}" ] || echo "subjectAltName=$3"
    ) 2>/dev/null
}

# usage: kubeconfig FILE CERTIFICATE [SERVER]    with all it needs inside
kubeconfig() {
  local server=${3:-https://$LAN4.$CONTROL_PLANE:6443}
  (
    umask 077
    cat >"$keys/$1.kubeconfig" <<CONFIG
apiVersion: v1
kind: Config
clusters: [{name: xdplb, cluster: {server: "$server", certificate-authority-data: $(base64 -w0 "$keys/ca.crt")}}]
users: [{name: $2, user: {client-certificate-data: $(base64 -w0 "$keys/$2.crt"), client-key-data: $(base64 -w0 "$keys/$2.key")}}]
contexts: [{name: xdplb, context: {cluster: xdplb, user: $2}}]
current-context: xdplb
CONFIG
  )
}
