// SPDX-License-Identifier: Apache-2.0
/**
 * A real Kubernetes cluster for tests: etcd, the control plane and three nodes with kubelet,
 * containerd, kube-proxy and a CNI, as containers of a Docker engine, and beside them a client host
 * that is no part of it. {@code operator/testing/cluster} makes all of it, from nothing but Debian
 * packages and Go modules. A test class asks for it with {@link
 * io.xdplb.testing.cluster.RequiresCluster}.
 */
package io.xdplb.testing.cluster;
