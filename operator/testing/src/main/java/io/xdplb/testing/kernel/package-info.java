// SPDX-License-Identifier: Apache-2.0
/**
 * Real networks for tests: {@link io.xdplb.testing.kernel.Topology} is clients, a balancer and
 * backends in network namespaces, {@link io.xdplb.testing.kernel.NodeCluster} clients, an ECMP
 * router and nodes that look like those of Kubernetes, with real servers ({@link
 * io.xdplb.testing.kernel.Nginx}, {@link io.xdplb.testing.kernel.EchoServer}, {@link
 * io.xdplb.testing.kernel.EchoProcess}) and clients ({@link io.xdplb.testing.kernel.Clients},
 * {@link io.xdplb.testing.kernel.Connections}, {@link io.xdplb.testing.kernel.ManyConnections}).
 * Close what was opened, servers before their namespaces; what a failing test leaves open is closed
 * when the JVM ends.
 */
package io.xdplb.testing.kernel;
