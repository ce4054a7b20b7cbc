# Sourced: the cluster's names and addresses. All addresses are ones that are reserved for documentation; the
# load balancers' own (203.0.113.0/24 and 2001:db8:0:2::/64, as in examples/) are routed to the nodes.

NODES=3
NAME=xdplb # of the Docker network, and how the names of containers begin
BRIDGE=xdplb0

LAN4=198.51.100 # /26: 1 is the bridge, 10 the control plane, 11 and up the nodes, 50 the client
LAN6=2001:db8:0:1:
CONTROL_PLANE=10
FIRST_NODE=11
CLIENT=50
SERVICE_RANGES=198.51.100.64/26,2001:db8:0:3::/112
FIRST_SERVICE=198.51.100.65 # that of the API server
POD_RANGES=198.51.100.128/25,2001:db8:0:100::/56
VIPS4=203.0.113.0/24
VIPS6=2001:db8:0:2::/64

node_name() { echo "node$1"; }
node4() { echo "$LAN4.$((FIRST_NODE + $1 - 1))"; }
node6() { echo "$LAN6:$((FIRST_NODE + $1 - 1))"; }
pods4() { echo "198.51.100.$((128 + 32 * ($1 - 1)))/27"; }
pods6() { echo "2001:db8:0:10$1::/64"; }
